"""The step that leads from what was recorded of a class to what it is today."""

from __future__ import annotations

import contextlib
import enum
import json
import sys
import typing

from typing import Any

import attrs

from versionpickle._project.difference import Change, Codes, operations, renamed, renamed_perhaps
from versionpickle._project.find import names_of
from versionpickle._project.project import Project
from versionpickle._project.type_texts import accepts
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Recorded, RecordedField

from .answers import Answers, names_in
from .declarations import Place, Space
from .imports import Scope
from .source_text import SourceText
from .step_code import StepCode, double_quoted, target_in


@attrs.define
class NewStep:
    """Find out what a step has to do, and write it."""

    project: Project
    key: str
    place: Place
    answers: Answers
    _version: int = attrs.field(init=False, default=0)
    _renames: dict[str, str] = attrs.field(init=False, factory=dict)
    _changes: tuple[Change, ...] = attrs.field(init=False, default=())
    _values: dict[str, str] = attrs.field(init=False, factory=dict)
    _functions: dict[str, str] = attrs.field(init=False, factory=dict)
    _types: dict[str, type] = attrs.field(init=False, factory=dict)
    """The types that convert values by being called."""

    @property
    def hooks(self) -> Any:
        return self.project.classes[self.key]

    @property
    def _is_enum(self) -> bool:
        return issubclass(self.hooks.cls, enum.Enum)

    def ask(self, old: Recorded) -> None:
        """Find out all that the user has to tell."""
        self._version = old.version
        self._ask_renames(old, self.project.recorded(self.key))
        self._changes = self.project.difference(self.key, renamed(old, self._renames)).fields
        for change in () if self._is_enum else self._changes:
            self._ask_codes(change)

    def _ask_renames(self, old: Recorded, today: Recorded) -> None:
        found = self.project.difference(self.key, old).fields
        for one in found:
            if one.new is not None or one.field in today.transient:
                continue
            new = self._new_name(one.field, found, old, today)
            if new is not None:
                self._renames[one.field] = new
            elif self._is_enum:
                problem = f"nothing says which member {one.field!r} is today"
                cure = f"say --rename {one.field}=..., or write the step yourself"
                raise ProjectError(names_of(self.hooks)[0], problem, cure)

    def _new_name(
        self, gone: str, found: tuple[Change, ...], old: Recorded, today: Recorded
    ) -> str | None:
        come = [one.new for one in found if one.new is not None and one.old is None]
        free = [field for field in come if field.name not in self._renames.values()]
        alike = {new for name, new in renamed_perhaps(found) if name == gone}
        same = [
            field.name
            for field in free
            if field.name in alike and field.name not in old.transient  # where it was all along
        ]
        possible = [*(today.fields or ())] if self._is_enum else free
        return self.answers.renamed(names_of(self.hooks), gone, possible, same)

    def _ask_codes(self, change: Change) -> None:
        old, new = change.old, change.new
        if new is None:
            return
        if old is None:
            said = self.answers.said("add", names_of(self.hooks), change.field)
            if said is not None or new.default is None:
                self._values[change.field] = self.answers.value(names_of(self.hooks), new)
        elif self.answers.said("convert", names_of(self.hooks), change.field) is not None:
            self._ask_function(change.field, old, new)
        elif change.needs_conversion:
            kind = self._callable(old, new)
            if kind is None:
                self._ask_function(change.field, old, new)
            else:
                self._types[change.field] = kind

    def _ask_function(self, field: str, old: RecordedField, new: RecordedField) -> None:
        self._functions[field] = self.answers.function(
            names_of(self.hooks), field, old.type, new.type
        )

    def _callable(self, old: RecordedField, new: RecordedField) -> type | None:
        """Return the new type, if calling it with an old value makes a new one."""
        hints: dict[str, Any] = {}
        with contextlib.suppress(Exception):  # then the types stay unknown, and are asked for
            hints = typing.get_type_hints(self.hooks.cls)
        kind: Any = hints.get(new.name)
        is_plain = new.type.isidentifier() and isinstance(kind, type)
        if not is_plain or (old.type and accepts(old.type, "None")):
            return None
        found = getattr(sys.modules.get(kind.__module__), new.type, None)
        return found if found is kind else None

    def check_names(self, scope: Scope) -> None:
        """Refuse code with names that nobody knows where it will stand."""
        for code in (*self._values.values(), *self._functions.values()):
            unknown = names_in(code) - self.place.space.keys()
            for name in sorted(unknown):
                if not scope.knows(name):
                    module = self.place.space["__name__"]
                    problem = f"the module {module} does not know the {name!r} of {code!r}"
                    raise ProjectError(names_of(self.hooks)[0], problem, "import it there first")

    def written(self, source: SourceText, space: Space, scope: Scope) -> StepCode:
        """Return the step, and let *scope* import what it needs."""
        known = target_in(source, space, self.hooks)
        return StepCode(
            scope.name_of("versionpickle", "migration"),
            self._target(source, scope) if known is None else known,
            self._version,
            () if self._is_enum else self._operations(scope),
            self._body(),
            source.indent,
        )

    def _target(self, source: SourceText, scope: Scope) -> str:
        if source.file == self.place.source.file or self.place.target.startswith('"'):
            return self.place.target
        first, *rest = self.hooks.cls.__qualname__.split(".")
        return ".".join([scope.name_of(self.hooks.cls.__module__, first), *rest])

    def _operations(self, scope: Scope) -> tuple[str, ...]:
        for code in (*self._values.values(), *self._functions.values()):
            for name in names_in(code):
                if not scope.knows(name):
                    scope.name_of(self.place.space["__name__"], name)
        types = {
            field: scope.name_of(kind.__module__, kind.__qualname__)
            for field, kind in self._types.items()
        }
        renames = [("rename", tuple(map(_quoted, names))) for names in self._renames.items()]
        codes = Codes(self._values, self._functions | types)
        others = [
            (one.word, tuple(map(double_quoted, one.arguments)))
            for one in operations(self._changes, codes)
        ]
        return tuple(
            f"{scope.name_of('versionpickle.migrations', word)}({', '.join(arguments)})"
            for word, arguments in (*renames, *others)
        )

    def _body(self) -> tuple[str, ...]:
        if not self._is_enum or not self._renames:
            return ("return state",)
        return (
            f"names = {json.dumps(self._renames, ensure_ascii=False)}",
            'return {"name": names.get(state["name"], state["name"])}',
        )


def _quoted(name: str) -> str:
    return f'"{name}"'
