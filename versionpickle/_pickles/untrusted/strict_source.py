"""Bytes that all pickle parsers read in the same way, up to the allowed length."""

from __future__ import annotations

import io
import pickle
import re

from collections.abc import Iterable
from typing import Any, NoReturn

from versionpickle._pickles.machine.source import Source
from versionpickle._pickles.scan import NEW_IN_4, opcodes
from versionpickle.exceptions import TruncatedError, UntrustedError

from .budget import Budget
from .limits import Limits


_DECIMAL = re.compile(rb"[-+]?(?:0|[1-9][0-9]*)")
"""With zeros before them, older CPythons read octal numbers, or none."""


class StrictSource(Source):
    """Read a pickle as picklers write it: frames, numbers and indexes of the memo."""

    window = 16_384

    def __init__(
        self, data: bytes, limits: Limits, *, encoding: str = "ASCII", errors: str = "strict"
    ) -> None:
        super().__init__(data[: limits.bytes], encoding=encoding, errors=errors)
        self.limits = limits
        self.budget = Budget(limits, self)
        self.memo_room = limits.memo
        self.marks_room = limits.depth
        self.reads_short_text = limits.characters >= 255
        self._size = len(data)
        self._protocol = 0
        self._before: set[int] = set()
        """The indexes of the memo that earlier loads have filled."""

    def refuse(self, problem: str) -> NoReturn:
        raise UntrustedError(problem, self.at)

    def check_announced(self) -> None:
        """Refuse opcodes that parsers do not expect where no protocol is announced."""
        if self.data[:1] != pickle.PROTO:
            read = opcodes(io.BytesIO(self.data))
            if not NEW_IN_4.isdisjoint(read):
                self.refuse("it is of protocol 4 or 5, and does not begin with that")

    def no_more(self) -> NoReturn:
        if self.end < len(self.data):
            self.refuse("a frame ends within it")
        if self._size > len(self.data):
            self.budget.exceed("bytes", self._size)
        raise TruncatedError(len(self.data))

    def begin_frame(self, size: int) -> None:
        if self._protocol < 4:
            self.refuse(f"protocol {self._protocol} has no frames")
        if self.end < len(self.data):
            self.refuse("a frame begins within another")
        if self.position + size > self.end:
            self.no_more()
        self.end = self.position + size

    def look_at(self, stack: Any) -> None:
        """Count what is on the stack, which may be a lot that never becomes part of anything."""
        self.budget.check_items(len(stack.items) + sum(map(len, stack.marks)))

    def set_protocol(self, protocol: int) -> None:
        if self.at != 0:
            self.refuse("its protocol is announced in its midst")
        super().set_protocol(protocol)
        self._protocol = protocol

    def text(self, raw: bytes, encoding: str = "utf-8", errors: str = "surrogatepass") -> str:
        text = super().text(raw, encoding, errors)
        self.budget.check("characters", len(text))
        return text

    def string(self, raw: bytes) -> Any:
        self.budget.check("characters", len(raw))
        return super().string(raw)

    def integer(self, raw: bytes) -> int:
        self.budget.check("digits", len(raw) * 12 // 5)
        return super().integer(raw)

    def digits(self, line: bytes) -> int:
        self.budget.check("digits", len(line.lstrip(b"+-")))
        if _DECIMAL.fullmatch(line) is None:
            self.refuse(f"{line[:40]!r} is not in decimals")
        return super().digits(line)

    def exceed_marks(self, number: int) -> None:
        self.budget.exceed("depth", number)

    def keep_memo(self, indexes: Iterable[int]) -> None:
        """Let these indexes be filled once more."""
        self._before.update(indexes)

    def check_index(self, index: int, memo: dict[int, Any]) -> None:
        if index in memo and index not in self._before:
            self.refuse(f"index {index} of the memo is taken already")
        self._before.discard(index)
        if index > self.limits.memo or len(memo) >= self.limits.memo:
            self.budget.exceed("memo", max(index, len(memo) + 1))
        if index != len(memo):  # so that counting may end at an index that is taken
            self.memo_room = 0
