"""
The page of messages: each of its snippets is run, and ends in the message shown below it.

``MESSAGES_PAGE=write pytest tests/test_messages.py`` rewrites the messages in place.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import sys
import tempfile
import traceback
import types

from pathlib import Path

import attrs
import pytest

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
STORE_ERRORS = [error for error in StoreError.__subclasses__() if error is not DamagedStoreError]
"""All but one, which only a broken file ends in."""

KINDS = ("versionpickle.exceptions.", "TypeError: ", "ValueError: ", "AttributeError: the ")
CODE = re.compile(r"^```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MESSAGE = re.compile(r"(?<=^```text\n).*?(?=\n```$)", re.MULTILINE | re.DOTALL)


@attrs.frozen
class Case:
    """One snippet with what precedes it on the page, and the message shown below it."""

    name: str
    code: str
    shown: str


def sections(text, heading):
    """Split a text before each heading of one level; what precedes the first comes first."""
    return re.split(rf"^(?={heading} )", text, flags=re.MULTILINE)


def code_in(text):
    return "".join(CODE.findall(text))


def cases():
    """Yield the cases of the page: a snippet begins with the code of its part, and of the page."""
    imports, *parts = sections(PAGE.read_text(), "##")
    for part in parts:
        before, *rest = sections(part, "###")
        for case in rest:
            name = f"{title_of(part)}: {title_of(case)}"
            code = code_in(imports) + code_in(before) + code_in(case)
            yield Case(name, code, MESSAGE.search(case)[0])


def title_of(section):
    return section.partition("\n")[0].lstrip("# ")


CASES = [*cases()]


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


def message_of(code):
    """Return what the code prints, or the last line of its traceback."""
    printed = io.StringIO()
    with (
        emptied(default_registry),
        imported("shop", "shop.models") as module,
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
    ):
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, vars(module))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the page shows it
            exc.__cause__ = None  # CPython 3.15 looks for the files of a module that is missing
            return "".join(traceback.format_exception_only(exc)).strip()
        finally:
            if hasattr(module, "store"):
                module.store.close()
    return printed.getvalue().strip()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_snippet_ends_in_message_below_it(case):
    message = message_of(case.code)
    if os.environ.get("MESSAGES_PAGE") == "write":
        write(case, message)
    else:
        assert message == case.shown


def write(case, message):
    """Replace the message of a case on the page."""
    text = PAGE.read_text()
    heading = case.name.partition(": ")
    part = text.index(f"\n## {heading[0]}\n")
    start = text.index(f"\n### {heading[2]}\n", part)
    PAGE.write_text(text[:start] + MESSAGE.sub(lambda _: message, text[start:], count=1))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_message_is_one_line_of_ours(case):
    """Each message is an error of ours or a finding of check(), the same in every run."""
    assert case.shown.startswith(KINDS) or (
        "check()" in case.code and " at version " in case.shown
    )
    assert "\n" not in case.shown
    assert "str() failed" not in case.shown
    assert " at 0x" not in case.shown


@pytest.mark.parametrize(
    "cls",
    [DeclarationError, DowngradeError, *UpgradeError.__subclasses__(), *STORE_ERRORS],
    ids=repr,
)
def test_page_shows_every_error(cls):
    assert f"\nversionpickle.exceptions.{cls.__name__}: " in PAGE.read_text()


DECLARED = re.compile(r"\b(?:versionpickle\.)?(allow|retire|alias|adopt)\(('[^)]*?)(, [^')]*)?\)")
FORMER = re.compile(r"formerly=(\('[^']*',\)|'[^']*')")
SETTING = re.compile(r"\b(encoding='latin1'|future='keep'|missing='keep')")


def cures_of(message):
    """Yield what a message tells to write: code before the load, and settings of the load."""
    for verb, ref, rest in DECLARED.findall(message):
        meaning = ", lambda *args, **keys: None" if rest else ""
        yield f"versionpickle.{verb}({ref}{meaning}, registry=known)", None
        if verb == "allow":
            yield "", f"allow=[{ref}]"
    for former in FORMER.findall(message):
        yield f"@versioned(formerly={former}, registry=known)\nclass Successor: ...", None
    for setting in SETTING.findall(message):
        yield "", setting


def cured(code, before, setting):
    """Return the code with a cure in it; the registry of its load is called *known*."""
    *first, last = ast.parse(code).body
    call = last.value
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    known = f"known = {given.pop('registry', 'None')}"
    given.pop(setting and setting.partition("=")[0], None)
    arguments = [*map(ast.unparse, call.args), *(f"{name}={text}" for name, text in given.items())]
    arguments += ["registry=known"] if ast.unparse(call.func) in TAKE_A_REGISTRY else []
    arguments += [setting] if setting else []
    load = f"{ast.unparse(call.func)}({', '.join(arguments)})"
    return "\n".join([ast.unparse(first), known, before, load])


TAKE_A_REGISTRY = {"versionpickle.loads", "versionpickle.load", "versionpickle.check", "check"}


def loads_last(case):
    last = ast.parse(case.code).body[-1]
    return isinstance(last, ast.Expr) and isinstance(last.value, ast.Call)


CURES = [(case, *cure) for case in CASES if loads_last(case) for cure in cures_of(case.shown)]


@pytest.mark.parametrize(
    ("case", "before", "setting"),
    CURES,
    ids=[f"{case.name}: {before or setting}" for case, before, setting in CURES],
)
def test_cure_leads_on(case, before, setting):
    """What a message tells to write, literally, has another outcome than the message."""
    outcome = message_of(cured(case.code, before, setting))

    assert outcome != case.shown
    assert outcome == "" or outcome.startswith(KINDS)


def test_cures_are_found():
    """The page has cures of each sort."""
    verbs = {before.partition("(")[0] for _, before, _ in CURES}

    assert {"versionpickle.allow", "versionpickle.retire", "@versioned", ""} <= verbs
