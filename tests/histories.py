"""Projects that change at random, and what each stored fact should be by now."""

from __future__ import annotations

import ast
import itertools
import re

from decimal import Decimal
from pathlib import Path

import attrs


KINDS = ["attrs", "slots", "dataclass", "plain", "pydantic", "tuple", "enum"]
VALUES = {
    "int": (0, 7, -3),
    "str": ("12", "0", "345"),
    "bool": (True, False),
    "float": (0.5, -2.25, 3.0),
    "Decimal": (Decimal("1.5"), Decimal(4)),
    "int | None": (None, 5),
    "list[int]": ([], [1, 2]),
}
_UNCHANGED = {("bool", "int"), ("int", "int | None"), ("bool", "int | None")}
_LOSSLESS = {("int", "float"): float, ("int", "Decimal"): Decimal}
_HEAD = """\
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import attrs
import pydantic

from versionpickle import migration, retire, versioned
from versionpickle.migrations import add, become, convert, merge, remove, rename, split
"""
numbers = itertools.count(1)


def conversion(old, new):
    """Return the code of a conversion; None if the values may stay as they are."""
    if old == new or (old, new) in _UNCHANGED or (old, new) in _LOSSLESS:
        return None
    by_type = {
        "str": "lambda value: str(value)",
        "bool": "lambda value: bool(value)",
        "list[int]": "lambda value: [len(str(value))]",
        "int": "lambda value: len(str(value))",
        "int | None": "lambda value: len(str(value))",
        "float": "lambda value: len(str(value)) / 2",
        "Decimal": "lambda value: Decimal(len(str(value)))",
    }
    return by_type[new]


def converted(old, new, value):
    code = conversion(old, new)
    if code is None:
        return _LOSSLESS.get((old, new), lambda same: same)(value)
    return eval(code, {"Decimal": Decimal})(value)


@attrs.define
class Field:
    """A field of any class, or a member of an enum; *default* is the code of its default."""

    name: str
    type: str
    default: str | None = None
    added: str | None = None
    """The code of its value in objects that are older."""

    is_private: bool = False
    number: int = attrs.field(factory=lambda: next(numbers))

    def value(self):
        return eval(self.added or self.default, {"Decimal": Decimal})


@attrs.define
class Model:
    """A class of the project."""

    kind: str
    name: str
    module: str
    fields: list[Field]
    base: Model | None = None
    settings: str = ""
    """What is in the call of its decorator."""

    steps: list[str] = attrs.field(factory=list)
    fate: str = ""
    """*retired* or *merged*, if it is no more."""

    goal: Model | None = None
    moved: dict[int, int] = attrs.field(factory=dict)
    """The numbers of fields that are those of the goal, or of members that are others now."""

    constants: dict[int, object] = attrs.field(factory=dict)
    """The values of the goal's other fields."""

    number: int = attrs.field(factory=lambda: next(numbers))

    @property
    def ref(self):
        return f"{self.module}:{self.name}"

    @property
    def all_fields(self):
        return [*(self.base.fields if self.base else ()), *self.fields]

    def stored(self, field):
        """Return the name of an attribute."""
        owner = self.base if self.base and field in self.base.fields else self
        return f"_{owner.name}__{field.name}" if field.is_private else field.name

    def field(self, number):
        return next((one for one in self.all_fields if one.number == number), None)

    def source(self):
        return "\n".join([*self._lines(), "", *self.steps, ""])

    def _lines(self):
        base = self.base and self.base.name
        yield f"@versioned({self.settings})" if self.settings else "@versioned"
        if self.kind in {"attrs", "slots"}:
            yield f"@attrs.define(kw_only=True, slots={self.kind == 'slots'})"
        if self.kind == "dataclass":
            yield "@dataclass(kw_only=True)"
        root = {"pydantic": "pydantic.BaseModel", "tuple": "NamedTuple", "enum": "enum.Enum"}
        bases = base or root.get(self.kind)
        yield f"class {self.name}({bases}):" if bases else f"class {self.name}:"
        yield from (f"    {line}" for line in self._body())

    def _body(self):
        if self.kind == "plain":
            yield from self._init()
            return
        if not self.fields:
            yield "pass"
        ones = self.fields
        if self.kind == "tuple":
            ones = sorted(ones, key=lambda one: one.default is not None)
        for one in ones:
            if self.kind == "enum":
                yield f"{one.name} = {one.default}"
            elif one.default is None:
                yield f"{one.name}: {one.type}"
            else:
                yield f"{one.name}: {one.type} = {self._default(one.default)}"

    def _default(self, code):
        if code != "[]":
            return code
        made = {"dataclass": "field(default_factory=list)", "pydantic": "[]"}
        return made.get(self.kind, "attrs.field(factory=list)")

    def _init(self):
        known = [f"{one.name}: {one.type}" for one in self.all_fields]
        yield f"def __init__(self, *, {', '.join(known)}):" if known else "def __init__(self):"
        if self.base:
            given = (f"{one.name}={one.name}" for one in self.base.fields)
            yield f"    super().__init__({', '.join(given)})"
        for one in self.fields:
            yield f"    self.{'__' * one.is_private}{one.name} = {one.name}"
        if not self.all_fields:
            yield "    pass"


@attrs.define
class Kept:
    """An object that was stored, and what it should be now: values by the numbers of fields."""

    model: Model
    facts: dict[int, object]
    stored: dict[str, object] = attrs.field(init=False)
    """The facts under the names that they were stored under."""

    @stored.default
    def _named(self):
        if self.model.kind == "enum":
            return {"name": self.model.field(*self.facts).name}
        return {self.model.stored(one): self.facts[one.number] for one in self.model.all_fields}

    def code(self):
        if self.model.kind == "enum":
            (number,) = self.facts
            return f"{self.model.name}.{self.model.field(number).name}"
        given = (f"{one.name}={self.facts[one.number]!r}" for one in self.model.all_fields)
        return f"{self.model.name}({', '.join(given)})"

    def now(self, before, models):
        """Let it be what it is after the project has changed."""
        old, new = before[self.model.number], models[self.model.number]
        if new.fate == "merged":
            moved = {new.moved[n]: value for n, value in self.facts.items() if n in new.moved}
            self.model, self.facts = new.goal, {**new.constants, **moved}
        elif new.kind == "enum":
            (number,) = self.facts
            while number in new.moved:
                number = new.moved[number]
            self.facts = {number: None}
        elif not new.fate:
            self.facts = self._converted(old, new)

    def _converted(self, old, new):
        facts = {}
        for one in new.all_fields:
            past = old.field(one.number)
            if one.number in self.facts and past is not None:
                facts[one.number] = converted(past.type, one.type, self.facts[one.number])
            else:
                facts[one.number] = one.value()
        return facts

    def expected(self):
        """Return the description of the object."""
        model = self.model
        if model.fate:
            return {"class": "Placeholder"} | self.stored
        if model.kind == "enum":
            (number,) = self.facts
            one = model.field(number)
            return {"class": model.name, "name": one.name, "value": eval(one.default)}
        facts = {model.stored(one): self.facts[one.number] for one in model.all_fields}
        return {"class": model.name} | facts


def value_of(description):
    """Return a description with values in place of their code."""
    if isinstance(description, dict):
        name = description.pop("class")
        known = {name: value_of(one) for name, one in description.items()}
        return {"class": name} | known
    if isinstance(description, list):
        return [value_of(one) for one in description]
    return eval(description, {"Decimal": Decimal})


@attrs.define
class Source:
    """The modules of the package, written from the models; steps are read from them."""

    folder: Path
    models: list[Model]
    others: dict[str, list[str]] = attrs.field(factory=dict)
    """Statements of modules that belong to no class, such as steps of classes that are gone."""

    def write(self):
        modules = {one.module for one in self.models} | self.others.keys()
        for module in sorted(modules | {"shop.models", "shop.parts", "shop.roots"}):
            ones = [one for one in self.models if one.module == module and not one.fate]
            imports = [
                f"from {one.base.module} import {one.base.name}"
                for one in ones
                if one.base and one.base.module != module
            ]
            parts = [_HEAD, *dict.fromkeys(imports), *(one.source() for one in ones)]
            text = "\n".join([*parts, *self.others.get(module, ())]) + "\n"
            path = self.folder.joinpath(*module.split(".")).with_suffix(".py")
            path.write_text(text)

    def read(self):
        """Find the settings and the steps that `make` has written."""
        for module in ("shop.models", "shop.parts", "shop.roots"):
            path = self.folder.joinpath(*module.split(".")).with_suffix(".py")
            text = path.read_text()
            self.others[module] = []
            ones = {one.name: one for one in self.models if one.module == module and not one.fate}
            for one in ones.values():
                one.steps = []
            for statement in ast.parse(text).body:
                code = ast.get_source_segment(text, statement)
                if isinstance(statement, ast.ClassDef):
                    first = statement.decorator_list[0]
                    whole = ast.get_source_segment(text, first)
                    is_call = isinstance(first, ast.Call)
                    ones[statement.name].settings = whole[10:-1] if is_call else ""
                    continue
                calls = [statement.value] if isinstance(statement, ast.Expr) else []
                if isinstance(statement, ast.FunctionDef):
                    calls = statement.decorator_list
                    code = f"@{ast.get_source_segment(text, calls[0])}\n{code}"
                for call in calls:
                    if isinstance(call, ast.Call):
                        target = ast.unparse(call.args[0])
                        if target in ones:
                            ones[target].steps.append(code)
                        else:
                            self.others[module].append(code)


def renamed_in(code, old, new):
    """Return code with the new name of a class, apart from what is in strings."""
    return re.sub(rf"(?<![\w:.\"']){old}(?![\w\"'])", new, code)
