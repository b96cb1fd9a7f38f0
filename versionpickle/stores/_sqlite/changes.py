"""Detect whether a file changed after it was read."""

from __future__ import annotations

import contextlib

from collections.abc import Iterator
from typing import TypeAlias

from .database import Database, State


Moment: TypeAlias = State | None
"""None if that cannot be known."""


class ChangeDetector:
    """Detect that anybody but one sweep, in one thread, has changed a file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own = 0

    def moment(self) -> Moment:
        """
        Return what is different after any change but those made in `own_changes`.

        Within a transaction it is None: what that has changed may be undone.
        """
        return None if self._database.is_in_transaction else self._now()

    def is_unchanged_since(self, moment: Moment) -> bool:
        """Return whether nothing was changed after that moment."""
        return moment is not None and moment == self._now()

    @contextlib.contextmanager
    def own_changes(self) -> Iterator[None]:
        """Disregard what this thread changes in the block."""
        *_, before = self._database.state()
        try:
            yield
        finally:
            *_, after = self._database.state()
            self._own += after - before

    def _now(self) -> State:
        handle, version, changes = self._database.state()
        return handle, version, changes - self._own
