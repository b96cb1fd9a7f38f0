"""The user's answers about a change: given as options, or asked for."""

from __future__ import annotations

import ast
import symtable

from collections.abc import Iterable, Iterator
from typing import Protocol, Self

import attrs

from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import RecordedField


@attrs.frozen
class Answer:
    """One ``--option Class.field=value``; *cls* is None if it is for any class."""

    option: str
    cls: str | None
    fields: tuple[str, ...]
    value: str

    @classmethod
    def parse(cls, option: str, text: str) -> Self:
        """
        Read an option as it was typed.

        >>> Answer.parse("add", "Order.currency='USD'")
        Answer(option='add', cls='Order', fields=('currency',), value="'USD'")
        """
        left, equals, value = text.partition("=")
        if option == "renamed" and equals and left.strip() and value.strip():
            return cls(option, None, (left.strip(),), value.strip())
        name, _, listed = left.strip().rpartition(".")
        fields = tuple(field.strip() for field in listed.split(","))
        is_list = option == "merge" or len(fields) == 1
        if not equals or not is_list or not all(map(str.isidentifier, fields)):
            problem = f"{text!r} has no field and no '='"
            raise ProjectError(f"--{option}", problem, f"write --{option} {_EXAMPLES[option]}")
        return cls(option, name or None, fields, value.strip())

    @property
    def names(self) -> list[str]:
        """The names in the value."""
        return [name.strip() for name in self.value.split(",")]


_EXAMPLES = {
    "rename": "total=amount",
    "add": "currency=\"'USD'\"",
    "convert": "amount=CODE",
    "split": "name=given,family",
    "merge": "given,family=name",
    "renamed": "Customer=Client",
}


class Prompter(Protocol):
    """Ask the user."""

    def is_renamed(self, ref: str, old: str, new: str) -> bool:
        """Return whether a field has another name now."""

    def code(self, ref: str, question: str, option: str) -> str:
        """Return the code that answers a question, as *option* would have done."""


class NonInteractive:
    """Refuse to guess; the error names the option that decides."""

    def is_renamed(self, ref: str, old: str, new: str) -> bool:
        problem = f"was {old!r} renamed to {new!r}?"
        cure = f"pass --rename {old}={new} if so, or --rename {old}= if not"
        raise ProjectError(ref, problem, cure)

    def code(self, ref: str, question: str, option: str) -> str:
        raise ProjectError(ref, question, f"pass {option}CODE")


class Answers:
    """Answer from the options of the command, and ask for the rest."""

    def __init__(self, given: Iterable[Answer], prompter: Prompter) -> None:
        self._given = [*given]
        self._prompter = prompter
        self._used: set[Answer] = set()

    def any(self) -> bool:
        return bool(self._given)

    def unused(self) -> Iterator[Answer]:
        """Yield the options that no class needed."""
        return (answer for answer in self._given if answer not in self._used)

    def all(self, option: str, names: Iterable[str]) -> Iterator[Answer]:
        """Yield what was given with an option for a class."""
        for answer in self._given:
            if answer.option == option and (answer.cls is None or answer.cls in names):
                yield answer

    def use(self, answer: Answer) -> None:
        """Count an option as used."""
        self._used.add(answer)

    def given(self, option: str, names: Iterable[str], field: str) -> str | None:
        for answer in self._given:
            fits = answer.cls is None or answer.cls in names
            if fits and (answer.option, answer.fields) == (option, (field,)):
                self.use(answer)
                return answer.value
        return None

    def renamed(self, names: tuple[str, ...], gone: str, come: list[str]) -> str | None:
        """Return the new name of a field that went; None if it is gone."""
        given = self.given("rename", names, gone)
        if given is None:
            return next(
                (new for new in come if self._prompter.is_renamed(names[0], gone, new)), None
            )
        if given and given not in come:
            problem = f"there is no new {given!r} that {gone!r} could have been renamed to"
            raise ProjectError(names[0], problem, f"pass --rename {gone}= if it is gone")
        return given or None

    def value(self, names: tuple[str, ...], field: RecordedField) -> str:
        """Return the code of the value that old objects get in a new field."""
        question = f"what is the {field.name!r} ({field.type or 'any type'}) of old objects?"
        return self._code("add", names, field.name, question)

    def function(self, names: tuple[str, ...], field: str, question: str) -> str:
        """Return the code of a function for a field."""
        return self._code("convert", names, field, question)

    def _code(self, option: str, names: tuple[str, ...], field: str, question: str) -> str:
        given = self.given(option, names, field)
        if given is None:
            given = self._prompter.code(names[0], question, f"--{option} {field}=")
        return checked_code(given, f"--{option} {field}={given}")


def checked_code(code: str, shown: str) -> str:
    """Return code that is one expression."""
    try:
        ast.parse(code, mode="eval")
    except (SyntaxError, ValueError) as exc:
        problem = f"this is not an expression ({exc.args[0]})"
        raise ProjectError(shown, problem, "pass a value such as 0, or a function") from None
    return code.strip()


def names_in(code: str) -> set[str]:
    """
    Return the names that an expression looks for outside of itself.

    >>> sorted(names_in("lambda total: Decimal(total) + [x for x in rest][0]"))
    ['Decimal', 'rest']
    """
    return set(_global_names(symtable.symtable(code, "<code>", "eval")))


def _global_names(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():  # among which may be those of comprehensions, from 3.12 on
        if symbol.is_global() and not symbol.is_assigned():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _global_names(child)
