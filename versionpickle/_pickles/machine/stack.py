"""The stack, the marks and the memo of a pickle machine."""

from __future__ import annotations

from typing import Any, Protocol

from versionpickle.exceptions import DamagedError

from .source import Source


class Maker(Protocol):
    """
    Decide what names, calls and states result in.

    What these methods return is pushed on the stack; what they change is on its top.
    """

    packs_plainly: bool
    """Whether a tuple consists of exactly its items on the stack, without calling `pack`."""

    def find(self, module: str, name: str) -> Any: ...

    def find_persistent(self, key: Any) -> Any: ...

    def find_extension(self, code: int) -> Any: ...

    def next_buffer(self) -> Any: ...

    def read_only(self, buffer: Any) -> Any: ...

    def call(self, function: Any, args: Any) -> Any: ...

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any: ...

    def new_list(self, items: list[Any]) -> Any: ...

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any: ...

    def new_set(self) -> Any: ...

    def new_frozenset(self, items: list[Any]) -> Any: ...

    def pack(self, items: list[Any]) -> Any:
        """Return a tuple, which may become the arguments of a call."""

    def build(self, obj: Any, state: Any) -> Any:
        """Return what represents *obj* once it has its state."""

    def extend(self, obj: Any, items: list[Any]) -> None: ...

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None: ...

    def add(self, obj: Any, items: list[Any]) -> None: ...

    def dropped(self) -> None:
        """Note that the top of the stack was thrown away."""


class Stack:
    """Hold what was read and not used yet, and what the pickle may refer back to."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.items: list[Any] = []
        """What was pushed since the last mark."""

        self.marks: list[list[Any]] = []
        """What was pushed before each open mark."""

        self.memo: dict[int, Any] = {}

    # Memo

    def recall(self, index: int) -> Any:
        try:
            return self.memo[index]
        except KeyError:
            raise DamagedError(
                f"byte {self.source.position} refers to index {index} of the memo, which is empty"
            ) from None

    def remember(self, index: int) -> None:
        self.source.check_index(index, self.memo)
        self.memo[index] = self.top()

    # Items and marks

    def push(self, obj: Any) -> None:
        self.items.append(obj)

    def pop(self) -> Any:
        return self.popped(1)[0]

    def popped(self, count: int) -> list[Any]:
        if len(self.items) < count:
            raise self._too_short()
        popped = self.items[-count:]
        del self.items[-count:]
        return popped

    def top(self) -> Any:
        if not self.items:
            raise self._too_short()
        return self.items[-1]

    def _too_short(self) -> DamagedError:
        return DamagedError(f"byte {self.source.at} takes more from the stack than there is")

    def drop(self) -> None:
        if self.items:
            self.items.pop()
        else:
            self.since_mark()

    def since_mark(self) -> list[Any]:
        items = self.items
        if not self.marks:
            raise DamagedError(f"no mark is open at byte {self.source.position}")
        self.items = self.marks.pop()
        return items
