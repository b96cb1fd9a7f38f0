"""A reader of one pickle: source, machine, builder and policy put together."""

from __future__ import annotations

from typing import Any

from versionpickle._pickles.machine.machine import Machine
from versionpickle._pickles.machine.source import Source
from versionpickle._pickles.machine.stack import Stack

from .actions import DeferredActions
from .builder import Builder, Outside
from .deferred import Parts, resolved
from .finder import Finder
from .policy import Policy, Trust


class Reader:
    """Read a pickle from a *source* and build what its *policy* admits."""

    def __init__(
        self,
        source: Source,
        finder: Finder,
        outside: Outside,
        *,
        policy: Policy | None = None,
        stack: Stack | None = None,
        parts: Parts | None = None,
    ) -> None:
        policy, parts = policy or Trust(), parts or Parts()
        self.source = source
        self.stack = stack or Stack(source)
        self.actions = DeferredActions(source, finder, policy, parts)
        builder = Builder(finder, outside, policy, parts, self.actions)
        self._machine = Machine(source, builder, self.stack)
        self._is_read = False

    @property
    def is_reading(self) -> bool:
        """Whether the bytes are still being read, and no foreign code runs."""
        return not self._is_read and not self.actions.is_calling

    def run(self) -> Any:
        root = self.read()
        self._is_read = True
        self.actions.run()
        return resolved(root)

    def read(self) -> Any:
        """Return the object, or what represents it; what runs foreign code is still to do."""
        return self._machine.run()

    def start_from(self, memo: dict[int, Any]) -> None:
        """Go on with what earlier loads left in the memo."""
        self.stack.memo.update(memo)

    def can_be_mapped(self) -> bool:
        """Return whether the bytes may be read once more, to find where an error arose."""
        return True
