"""What a builder may do: its policy is asked before and after everything it creates or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from versionpickle._classes.unstamped import Unstamped

from .deferred import Deferred, is_settled


class Policy(Protocol):
    """
    Decide what a builder may do.

    It asks while the bytes are read (about a name, a call, a new object, a
    container, a state, and what is thrown away), and once more right before a
    deferred call, state or item is carried out, when all of its parts are there.
    """

    packs_plainly: bool
    """Whether tuples may be made without asking `packed`, until something is deferred."""

    # While the bytes are read

    def find(self, find: Callable[[str, str], Any], module: str, name: str) -> Any:
        """Return what *find* returns for a name."""

    def found(self, found: Any) -> Any:
        """Return *found*, which is what a name means."""

    def find_extension(self, code: int) -> None:
        """Admit a name that is given by a number."""

    def may_resolve_at_once(self, key: Any) -> bool:
        """Return whether a persistent id may be resolved before the bytes are read."""

    def view(self) -> None:
        """Count a read-only view of a buffer."""

    def call(self, function: Any, args: Any, given: Any) -> None:
        """Admit a call; *given* are its arguments, some of which may be deferred."""

    def called(self, made: Any, function: Any, args: Any, given: Any) -> None:
        """Note what a call made."""

    def failed(self, function: Any, exc: Exception) -> Exception:
        """Raise the error of a call that was made at once, or return it to be raised later."""

    def new(self, cls: Any, args: Any, kwargs: Any, given: Any) -> None:
        """Admit an object that is made without a call."""

    def made_new(self, made: Any, cls: Any, args: Any) -> None:
        """Note that object."""

    def packed(self, packed: Any, items: list[Any], nested: list[Any]) -> None:
        """Admit a tuple; *nested* are the items that may have parts."""

    def begin(self, made: Any, parts: list[Any]) -> None:
        """Admit a new list, dict or set with these parts."""

    def froze(self, made: Any, items: list[Any]) -> None:
        """Admit a frozenset."""

    def take_in(self, obj: Any, number: int, parts: list[Any]) -> None:
        """Admit a *number* of items, which consist of *parts*, for the top of the stack."""

    def check_set(self, obj: Any) -> None:
        """Admit members for *obj*."""

    def take_state(self, obj: Any, state: Any) -> bool:
        """Admit a state; return whether `check_state` need not be asked again."""

    def dropped(self) -> None:
        """Note that the top of the stack is thrown away."""

    # When all has been read

    def before_run(self, function: Any, args: Any) -> None:
        """Admit a call whose arguments are whole."""

    def may_construct(self, instrumentation: Unstamped) -> bool:
        """Return whether a class may be called whose objects are not made from arguments today."""

    def after_run(self, function: Any, made: Any) -> None:
        """Count what it made."""

    def resolved(self, deferred: Deferred) -> None:
        """Note that an object, which may have been admitted as a deferred one, is made."""

    def before_fill(self) -> None:
        """Count a state that was admitted by `take_state`."""

    def check_state(self, obj: Any, state: Any) -> None:
        """Admit a state that is whole, right before it is set."""

    def filled(self, obj: Any) -> None:
        """Admit an object that has just got its state."""

    def check_holds(self, obj: Any, *kinds: type) -> None:
        """Admit items for *obj*, which is of one of these kinds if it is a value."""

    def charge(self, holder: Any, keys: Iterable[Any]) -> None:
        """Admit that these are hashed, and compared to those that *holder* has."""

    def are_settled(self, keys: Iterable[Any]) -> bool:
        """Return whether all of these are complete, and hashing them runs no foreign code."""


class Trust:
    """Admit everything."""

    packs_plainly = True

    def find(self, find: Callable[[str, str], Any], module: str, name: str) -> Any:
        return find(module, name)

    def found(self, found: Any) -> Any:
        return found

    def may_resolve_at_once(self, key: Any) -> bool:
        return is_settled(key)

    def take_state(self, obj: Any, state: Any) -> bool:
        return True

    def may_construct(self, instrumentation: Unstamped) -> bool:
        return True

    def failed(self, function: Any, exc: Exception) -> Exception:
        raise exc

    def are_settled(self, keys: Iterable[Any]) -> bool:
        return all(map(is_settled, keys))

    def _admit(self, *_: Any) -> None:
        """Admit it unseen."""

    find_extension = view = call = called = new = made_new = _admit
    packed = begin = froze = take_in = check_set = dropped = _admit
    before_run = after_run = resolved = before_fill = check_state = filled = check_holds = (
        charge
    ) = _admit
