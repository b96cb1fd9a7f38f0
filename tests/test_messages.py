"""Every error of versions, steps and stores: the docs show what the tests run."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import tempfile
import textwrap
import traceback
import types

from pathlib import Path

import pytest

from messages import IMPORTS, PARTS

from versionpickle import Registry
from versionpickle.exceptions import (
    DamagedStoreError,
    DeclarationError,
    DowngradeError,
    StoreError,
    UpgradeError,
)
from versionpickle.migrations import default_registry


PAGE = Path(__file__).parents[1] / "docs" / "reference" / "messages.md"
STORE_ERRORS = [one for one in StoreError.__subclasses__() if one is not DamagedStoreError]
"""All but one, which only a broken file ends in."""

CASES = [(part, case) for part in PARTS for case in part.cases]
KINDS = ("versionpickle.exceptions.", "TypeError: ", "ValueError: ", "AttributeError: the ")


@contextlib.contextmanager
def emptied(registry):
    """Let a registry know nothing for a while."""
    known = {**vars(registry)}
    vars(registry).update(vars(Registry(registry.name)))
    try:
        yield
    finally:
        vars(registry).update(known)


@contextlib.contextmanager
def imported(*names):
    """Put empty modules among those that are imported, for a while, and yield the last."""
    modules = {name: types.ModuleType(name) for name in names}
    for module in modules.values():
        module.__path__ = []
    with pytest.MonkeyPatch.context() as patch:
        for name, module in modules.items():
            patch.setitem(sys.modules, name, module)
        yield modules[names[-1]]


def told(snippets):
    """Return what is printed, or the last line of the traceback."""
    printed = io.StringIO()
    with (
        emptied(default_registry),
        imported("shop", "shop.models") as module,
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
    ):
        try:
            with contextlib.redirect_stdout(printed):
                for snippet in snippets:
                    exec(textwrap.dedent(snippet), vars(module))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the page shows it
            exc.__cause__ = None  # CPython 3.15 looks for the files of a module that is missing
            return "".join(traceback.format_exception_only(exc)).strip()
        finally:
            if hasattr(module, "store"):
                module.store.close()
    return printed.getvalue().strip()


@functools.cache
def told_by(part, case):
    return told((IMPORTS, part.before, case.code))


@pytest.mark.parametrize(
    ("part", "case"), CASES, ids=[f"{part.title}: {case.title}" for part, case in CASES]
)
def test_told(part, case):
    """Each ends in an error of ours, or in what check() tells, and says nothing of this run."""
    message = told_by(part, case)

    assert message.startswith(KINDS) or ("check()" in case.code and " at version " in message)
    assert "\n" not in message
    assert " at 0x" not in message


def page():
    """The page of the docs."""
    return "\n".join([HEAD, fenced(IMPORTS), *map(rendered, PARTS)])


def rendered(part):
    lines = [f"## {part.title}\n", f"{part.text}\n"]
    if part.before:
        lines += ["Each snippet begins with this:\n", fenced(part.before)]
    for case in part.cases:
        message = fenced(told_by(part, case), "text")
        lines += [f"### {case.title}\n", fenced(case.code), message]
    return "\n".join(lines)


def fenced(text, language="py"):  # a block of "python" would be run with the docs
    return f"```{language}\n{textwrap.dedent(text).strip()}\n```\n"


HEAD = """\
<!-- fmt: off -->

# Messages

Every error of versions, steps and stores, as you meet it: what somebody wrote, and the last line
of the traceback.
All of it is made by running it.
Where a snippet declares a class a second time, the first is what it was when the data was
written, and the second what it is today.
What the errors have in common, and the facts that they carry, stands in [](exceptions.md).

Each snippet runs by itself, in a module `shop.models` that begins with these imports:
"""


def test_page():
    """The docs show what is told today; MESSAGES_PAGE=write writes it."""
    shown = page()
    if os.environ.get("MESSAGES_PAGE") == "write":
        PAGE.write_text(shown)

    assert shown == PAGE.read_text()


@pytest.mark.parametrize(
    "cls",
    [DeclarationError, DowngradeError, *UpgradeError.__subclasses__(), *STORE_ERRORS],
    ids=repr,
)
def test_every_error(cls):
    """None of those that steps and versions can end in is left out."""
    assert f"\nversionpickle.exceptions.{cls.__name__}: " in PAGE.read_text()
