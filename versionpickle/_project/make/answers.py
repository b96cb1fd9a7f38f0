"""What only the user knows of a change: given with the command, or asked for."""

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
    """One ``--option Class.field=said``; *cls* is None where it is for any class."""

    option: str
    cls: str | None
    field: str
    said: str

    @classmethod
    def parse(cls, option: str, text: str) -> Self:
        """
        Read an option as it was typed.

        >>> Answer.parse("add", "Order.currency='USD'")
        Answer(option='add', cls='Order', field='currency', said="'USD'")
        """
        left, equals, said = text.partition("=")
        name, _, field = left.strip().rpartition(".")
        if not equals or not field.isidentifier():
            problem = f"{text!r} has no field and no '='"
            raise ProjectError(f"--{option}", problem, f"write --{option} field=..., for example")
        return cls(option, name or None, field, said.strip())


class Asks(Protocol):
    """Ask the user."""

    def is_renamed(self, ref: str, old: str, new: str) -> bool:
        """Return whether a field has another name now."""

    def code(self, ref: str, question: str, option: str) -> str:
        """Return the code that answers a question, as *option* would have done."""


class NonInteractive:
    """Refuse to guess: say which option decides."""

    def is_renamed(self, ref: str, old: str, new: str) -> bool:
        problem = f"was {old!r} renamed to {new!r}?"
        cure = f"say --rename {old}={new} if so, and --rename {old}= if not"
        raise ProjectError(ref, problem, cure)

    def code(self, ref: str, question: str, option: str) -> str:
        raise ProjectError(ref, question, f"say {option}CODE")


class Answers:
    """Answer from what was said with the command, and ask for the rest."""

    def __init__(self, said: Iterable[Answer], asks: Asks) -> None:
        self._said = [*said]
        self._asks = asks
        self._used: set[Answer] = set()

    def unused(self) -> Iterator[Answer]:
        """Yield what was said in vain."""
        return (answer for answer in self._said if answer not in self._used)

    def said(self, option: str, names: Iterable[str], field: str) -> str | None:
        for answer in self._said:
            fits = answer.cls is None or answer.cls in names
            if fits and (answer.option, answer.field) == (option, field):
                self._used.add(answer)
                return answer.said
        return None

    def renamed(
        self, names: tuple[str, ...], gone: str, come: list[RecordedField], same: list[str]
    ) -> str | None:
        """Return the new name of a field that went; *same* are those of its type."""
        said = self.said("rename", names, gone)
        if said is not None:
            if said and said not in {field.name for field in come}:
                problem = f"no field {said!r} came that {gone!r} could have been renamed to"
                raise ProjectError(names[0], problem, f"say --rename {gone}= if it is gone")
            return said or None
        return next((new for new in same if self._asks.is_renamed(names[0], gone, new)), None)

    def value(self, names: tuple[str, ...], field: RecordedField) -> str:
        """Return the code of the value that old objects get in a field that came."""
        question = (
            f"what is {field.name!r} ({field.type or 'any type'}) of objects that were stored "
            "before it came?"
        )
        return self._code("add", names, field.name, question)

    def function(self, names: tuple[str, ...], field: str, old: str, new: str) -> str:
        """Return the code of the function that makes a new value of an old one."""
        question = f"which function makes {new or 'today'}'s {field!r} of {old or 'the old one'}?"
        return self._code("convert", names, field, question)

    def _code(self, option: str, names: tuple[str, ...], field: str, question: str) -> str:
        said = self.said(option, names, field)
        if said is None:
            said = self._asks.code(names[0], question, f"--{option} {field}=")
        return checked_code(said, f"--{option} {field}={said}")


def checked_code(code: str, shown: str) -> str:
    """Return code that is one expression."""
    try:
        ast.parse(code, mode="eval")
    except (SyntaxError, ValueError) as exc:
        problem = f"this is no expression ({exc.args[0]})"
        raise ProjectError(shown, problem, "give a value such as 0, or a function") from None
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
