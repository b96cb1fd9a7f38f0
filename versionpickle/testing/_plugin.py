"""The schema check of a project, as pytest tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from versionpickle.exceptions import ProjectError

from ._schema_tests import ProjectTests
from ._selection import NAME, Selection, is_own, selection


def register(config: pytest.Config) -> None:
    """Add the tests of the schema check, unless ``-p no:versionpickle_schema_check`` is given."""
    config.pluginmanager.register(SchemaCheckPlugin(_taken(config)), "versionpickle_schema_check")


def _taken(config: pytest.Config) -> Selection:
    """Remove our own node ids from the arguments: pytest would look for files."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return Selection()
    args = config.args
    config.args = [arg for arg in args if not is_own(arg)]
    folder = config.invocation_params.dir
    return selection(
        args,
        is_asked="--versionpickle" in config.invocation_params.args,
        is_folder=lambda arg: (folder / arg).is_dir(),
    )


@attrs.define(eq=False)
class SchemaCheckPlugin:
    """Add the tests, and list at the end what no sample tests."""

    selected: Selection
    _schema_tests: ProjectTests | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        if self.selected.is_empty:
            return
        collector = Classes.from_parent(session, name=NAME, nodeid=NAME)
        found = [*session.genitems(collector)]
        unknown = self.selected.unknown(one.nodeid for one in found)
        if unknown:
            raise pytest.UsageError(*(f"not found: {nodeid}" for nodeid in unknown))
        items += [one for one in found if self.selected.takes(one.nodeid)]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if isinstance(item, SchemaTest):
            self._schema_tests = item.tests

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._schema_tests is None:
            return
        lines = [*self._schema_tests.summary()]
        if lines:
            terminalreporter.write_sep("=", NAME)
            for line in lines:
                terminalreporter.write_line(line)


class Classes(pytest.Collector):
    """Collect a test for each class, for each sample, and for the rest of the project."""

    def collect(self) -> Iterator[pytest.Item]:
        tests = ProjectTests.of(self.config.rootpath)
        for name, problem in tests.tests():
            yield SchemaTest.from_parent(self, name=name, problem=problem, tests=tests)


class SchemaTest(pytest.Item):
    """A test that fails if there is a message."""

    def __init__(self, *, problem: Callable[[], str], tests: ProjectTests, **options: Any) -> None:
        super().__init__(**options)
        self._problem = problem
        self.tests = tests

    def runtest(self) -> None:
        try:
            message = self._problem()
        except ProjectError as exc:
            message = str(exc)
        if message:
            pytest.fail(message, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{NAME} {self.name}"
