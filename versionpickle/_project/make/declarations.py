"""Find and edit the declaration of a version in source code."""

from __future__ import annotations

import ast
import sys

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import attrs

from versionpickle._classes.adopt import adopt
from versionpickle._classes.declare import Versioned, versioned
from versionpickle._classes.instrument import Instrumentation
from versionpickle.exceptions import ProjectError

from .source_text import Edit, SourceText, classes_in, statement_of


Space: TypeAlias = Mapping[str, Any]
"""What the names of a module mean."""

Settings: TypeAlias = Mapping[str, str]
"""The code of settings of a class, by their names."""


def meaning(node: ast.AST, space: Space) -> Any:
    """Return what a name such as ``vp.versioned`` means; None if that is unknown."""
    if isinstance(node, ast.Name):
        return space.get(node.id)
    if isinstance(node, ast.Attribute):
        holder = meaning(node.value, space)
        is_plain = isinstance(holder, ModuleType | type)
        return getattr(holder, node.attr, None) if is_plain else None
    return None


@attrs.frozen
class Place:
    """
    Where a class is declared: a decorator, a call of ``adopt``, or the head of the class.

    *target* is the code for the class in a step.
    """

    source: SourceText
    space: Space
    node: ast.expr | ast.ClassDef
    target: str

    @property
    def statement(self) -> ast.stmt:
        """The statement of the module that it is in."""
        return statement_of(self.source.tree, self.node)

    @property
    def _given(self) -> list[ast.expr]:
        """The positional arguments: bases, the adopted class, a version."""
        if isinstance(self.node, ast.ClassDef):
            return self.node.bases
        return self.node.args if isinstance(self.node, ast.Call) else []

    @property
    def _keywords(self) -> list[ast.keyword]:
        return self.node.keywords if isinstance(self.node, ast.Call | ast.ClassDef) else []

    def setting(self, name: str) -> ast.expr | None:
        """Return the value of a setting; raise LookupError if that is unknown."""
        by_name = {keyword.arg: keyword.value for keyword in self._keywords}
        position = self._version_position
        is_starred = any(isinstance(one, ast.Starred) for one in self._given)
        if None in by_name or (is_starred and position is not None):
            raise LookupError
        if name == "version" and position is not None and len(self._given) > position:
            return self._given[position]
        return by_name.get(name)

    @property
    def _version_position(self) -> int | None:
        if isinstance(self.node, ast.ClassDef):
            return None
        is_adoption = isinstance(self.node, ast.Call) and (
            meaning(self.node.func, self.space) is adopt
        )
        return int(is_adoption)

    def replacing(self, value: ast.expr, code: str) -> Edit:
        return Edit(self.source.start(value), self.source.end(value), code)

    def adding(self, settings: Settings) -> Iterator[Edit]:
        """Yield the edits that add settings: a version before all others, which follow."""
        codes = [f"{name}={value}" for name, value in settings.items()]
        if not codes:
            return
        if "version" in settings and self._keywords:
            at = self.source.start(self._keywords[0])
            yield Edit(at, at, f"{codes.pop(0)}, ")
        code = self._on_lines(codes) if "\n" in "".join(codes) else ", ".join(codes)
        there = [*self._given, *self._keywords]
        if there:
            at, code = self.source.end(there[-1]), f", {code}" if codes else ""
        elif isinstance(self.node, ast.Call):
            at = self.source.text.index("(", self.source.end(self.node.func)) + 1
        else:
            at, code = self.source.end(self.node), f"({code})"
        yield Edit(at, at, code)

    def _on_lines(self, codes: list[str]) -> str:
        """Return settings as formatters write them if they do not fit on one line."""
        if self._keywords or self._given:
            return ", ".join(codes)
        before = self.source.before_on_line(self.node)
        base = before[: len(before) - len(before.lstrip())]
        lines = [line for code in codes for line in f"{code},".splitlines()]
        return "".join(f"\n{base}{self.source.indent}{line}" for line in lines) + f"\n{base}"


def place_of(instrumentation: Instrumentation, root: Path) -> Place:
    """Return where a class is declared; raise ProjectError if no place is found."""
    declaration = instrumentation.declaration
    name = declaration.adopted_by or instrumentation.cls.__module__
    source, space = module_source(name, root, declaration.ref)
    found = [*_places(source, space, instrumentation)]
    if len(found) == 1:
        return found[0]
    problem = f"{len(found) or 'no'} declarations of it are found in {source.file.name}"
    raise ProjectError(declaration.ref, problem, by_hand(instrumentation, {}))


def by_hand(instrumentation: Instrumentation, settings: Settings) -> str:
    """Return what the user may write instead."""
    settings = {"version": str(instrumentation.declaration.version + 1)} | {**settings}
    code = ", ".join(f"{name}={value}" for name, value in settings.items())
    if instrumentation.declaration.is_implied and not issubclass(instrumentation.cls, Versioned):
        where = f"@versioned({code}) above {instrumentation.cls.__qualname__}"
        return f"write {where} yourself, and its step"
    if instrumentation.declaration.adopted_by:
        return f"write adopt({instrumentation.declaration.ref!r}, {code}) yourself, and its step"
    where = f"the declaration of {instrumentation.cls.__qualname__}"
    return f"write {code} into {where} yourself, and its step"


def module_source(name: str, root: Path, ref: str) -> tuple[SourceText, Space]:
    """Return the source of an imported module of the project, and what its names mean."""
    module = sys.modules[name]
    file = Path(getattr(module, "__file__", None) or "")
    if file.suffix != ".py" or not file.resolve().is_relative_to(root.resolve()):
        problem = f"the module {name} has no source in this project"
        raise ProjectError(ref, problem, "change its declaration in its own project")
    return SourceText.read(file), vars(module)


def _places(source: SourceText, space: Space, instrumentation: Instrumentation) -> Iterator[Place]:
    ref = instrumentation.declaration.ref
    if instrumentation.declaration.adopted_by:
        yield from _adoptions(source, space, instrumentation)
        return
    for qualname, statement in classes_in(source.tree):
        if qualname != instrumentation.cls.__qualname__:
            continue
        target = qualname if is_known(qualname, space, instrumentation) else f'"{ref}"'
        for decorator in statement.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if meaning(called, space) is versioned:
                yield Place(source, space, decorator, target)
                break
        else:
            if any(_takes_settings(meaning(base, space)) for base in statement.bases):
                yield Place(source, space, statement, target)


def is_known(qualname: str, space: Space, instrumentation: Instrumentation) -> bool:
    """Whether this name means the class in a module."""
    return meaning(ast.parse(qualname, mode="eval").body, space) is instrumentation.cls


def _takes_settings(base: Any) -> bool:
    return isinstance(base, type) and issubclass(base, Versioned)


def _adoptions(
    source: SourceText, space: Space, instrumentation: Instrumentation
) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and meaning(node.func, space) is adopt
            and node.args
            and means_class(node.args[0], space, instrumentation)
        ):
            yield Place(source, space, node, source.of(node.args[0]))


def means_class(node: ast.expr, space: Space, instrumentation: Instrumentation) -> bool:
    """Whether *node* is a name of the class, or its ref as a string."""
    if isinstance(node, ast.Constant):
        return node.value in {instrumentation.declaration.ref, instrumentation.declaration.key}
    return meaning(node, space) is instrumentation.cls


def edits(place: Place, instrumentation: Instrumentation, settings: Settings) -> list[Edit]:
    """
    Return the edits that change these settings, and add to ``formerly``.

    Raise ProjectError if the source writes these in a way that cannot be edited.
    """
    refused = ProjectError(
        instrumentation.declaration.ref,
        f"{place.source.file.name} does not write its {' and '.join(settings)} as plain numbers "
        "and strings",
        by_hand(instrumentation, settings),
    )
    try:
        made = [*_edits(place, instrumentation, settings)]
    except LookupError:
        raise refused from None
    if "version" in settings and not _says(place, made, instrumentation, settings["version"]):
        raise refused
    return made


def _edits(place: Place, instrumentation: Instrumentation, settings: Settings) -> Iterator[Edit]:
    missing: dict[str, str] = {}
    for name, code in settings.items():
        value = place.setting(name)
        if value is None:
            missing[name] = code
        elif name == "version":
            if not (
                isinstance(value, ast.Constant)
                and value.value == instrumentation.declaration.version
            ):
                raise LookupError
            yield place.replacing(value, code)
        else:
            yield _with_former(place, value, code, instrumentation.declaration.unstamped)
    yield from place.adding(missing)


def _with_former(place: Place, value: ast.expr, code: str, unstamped: Any) -> Edit:
    """Return the edit that adds a name to ``formerly=``."""
    source = place.source
    if isinstance(value, ast.Constant):
        return place.replacing(value, f"({source.of(value)}, {code})")
    if isinstance(value, ast.Dict):
        code = f"{code}: {unstamped if isinstance(unstamped, int) else None}"
        return _appended(source, value, value.values, code)
    if isinstance(value, ast.List | ast.Set | ast.Tuple):
        return _appended(source, value, value.elts, code)
    raise LookupError


def _appended(source: SourceText, whole: ast.expr, parts: list[ast.expr], code: str) -> Edit:
    if parts:
        return Edit(source.end(parts[-1]), source.end(parts[-1]), f", {code}")
    opening, closing = source.start(whole), source.end(whole)
    if isinstance(whole, ast.Tuple):  # which is one with a comma only
        return Edit(opening, closing, code)
    return Edit(opening + 1, closing - 1, code)


def _says(place: Place, made: list[Edit], instrumentation: Instrumentation, version: str) -> bool:
    """Whether the edited source, parsed again, gives the class this version."""
    try:
        source = SourceText(place.source.file, place.source.edited(made))
        (found,) = _places(source, place.space, instrumentation)
        value = found.setting("version")
    except (SyntaxError, ValueError, LookupError):
        return False
    return isinstance(value, ast.Constant) and repr(value.value) == version
