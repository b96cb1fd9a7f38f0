"""A reader of untrusted pickles, which refuses what no pickler writes."""

from __future__ import annotations

from typing import Any

from versionpickle._pickles.build.builder import Outside
from versionpickle._pickles.build.deferred import Parts
from versionpickle._pickles.build.finder import Finder
from versionpickle._pickles.build.reader import Reader
from versionpickle._pickles.machine.stack import Stack
from versionpickle.exceptions import UntrustedError

from .policy import UntrustedPolicy
from .strict_source import StrictSource


_MAPPED_MAX = 20_000


class UntrustedReader(Reader):
    """Read a pickle strictly and within limits; where *is_all*, there may be nothing after it."""

    def __init__(
        self, source: StrictSource, finder: Finder, outside: Outside, *, is_all: bool
    ) -> None:
        stack, parts = Stack(source), Parts()
        policy = UntrustedPolicy(source, stack, finder, parts)
        super().__init__(source, finder, outside, policy=policy, stack=stack, parts=parts)
        self._strict = source
        self._admitted = policy
        self._is_all = is_all
        self._was_read = False
        """Whether the bytes have turned out good."""

    def start_from(self, memo: dict[int, Any]) -> None:
        super().start_from(memo)
        self._strict.keep_memo(memo)

    def read(self) -> Any:
        try:
            root = self._read()
        except Exception as exc:
            self._admitted.raise_unknown()
            if isinstance(exc, UntrustedError) and self._admitted.failure is not None:
                raise self._admitted.failure from exc  # of which that may be a consequence
            raise
        return root

    def _read(self) -> Any:
        source = self._strict
        source.check_announced()
        root = super().read()
        if self._is_all and source.position != source.end:
            source.refuse(f"{source.end - source.position} bytes follow after its end")
        if self.stack.items or self.stack.marks:
            source.refuse("objects are left over at its end")
        source.at = source.position - 1
        self._was_read = True
        self._admitted.check_end(root)
        return root

    def can_be_mapped(self) -> bool:
        return self._was_read and self._strict.budget.objects <= _MAPPED_MAX
