"""Whether a file was changed since it was read."""

from __future__ import annotations

import contextlib

from collections.abc import Iterator
from typing import TypeAlias

from .database import Database, State


Moment: TypeAlias = State | None


class ChangeDetector:
    """Notice whether anybody but one sweep, of one thread, has changed a file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own = 0

    def moment(self) -> Moment:
        """
        Return what is different after any change but those made `aside`.

        Within a transaction there is no such thing: what it has changed may be undone.
        """
        return None if self._database.is_in_transaction else self._now()

    def is_still(self, moment: Moment) -> bool:
        """Tell whether nothing was changed since then."""
        return moment is not None and moment == self._now()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Let what this thread changes in the block leave the moment as it is."""
        *_, before = self._database.state()
        try:
            yield
        finally:
            *_, after = self._database.state()
            self._own += after - before

    def _now(self) -> State:
        handle, version, changes = self._database.state()
        return handle, version, changes - self._own
