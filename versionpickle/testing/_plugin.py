"""The guard of a project as tests of pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from versionpickle.exceptions import ProjectError

from ._selection import NAME, Selection, is_own, selection
from ._verdicts import Verdicts


def register(config: pytest.Config) -> None:
    """Let the guard add its tests, unless ``-p no:versionpickle_guard`` forbids it."""
    config.pluginmanager.register(UntrustedReader(_taken(config)), "versionpickle_guard")


def _taken(config: pytest.Config) -> Selection:
    """Take our own node ids from the arguments, for pytest would look for files."""
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
class UntrustedReader:
    """Add the tests, and tell at the end what no sample tests."""

    selected: Selection
    _verdicts: Verdicts | None = None

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
        if isinstance(item, Verdict):
            self._verdicts = item.verdicts

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._verdicts is None:
            return
        lines = [*self._verdicts.summary()]
        if lines:
            terminalreporter.write_sep("=", NAME)
            for line in lines:
                terminalreporter.write_line(line)


class Classes(pytest.Collector):
    """Collect a test for each class, for each sample, and for what belongs to no class."""

    def collect(self) -> Iterator[pytest.Item]:
        verdicts = Verdicts.of(self.config.rootpath)
        for name, judge in verdicts.tests():
            yield Verdict.from_parent(self, name=name, judge=judge, verdicts=verdicts)


class Verdict(pytest.Item):
    """Fail with a text, where there is one."""

    def __init__(self, *, judge: Callable[[], str], verdicts: Verdicts, **settings: Any) -> None:
        super().__init__(**settings)
        self._judge = judge
        self.verdicts = verdicts

    def runtest(self) -> None:
        try:
            said = self._judge()
        except ProjectError as exc:
            said = str(exc)
        if said:
            pytest.fail(said, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{NAME} {self.name}"
