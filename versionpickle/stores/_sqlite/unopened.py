"""Read a file that nobody has open as immutable; otherwise SQLite writes files next to it."""

from __future__ import annotations

import os
import time

from typing import Self

import attrs


_RECENT = 0.05
"""Seconds within which a file may change twice and have the same time of change."""


@attrs.frozen
class Unopened:
    """What such a file is like at a moment; it is another one after any change."""

    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, path: str) -> Self | None:
        """Return None if a process has it open, or may have changed it just now."""
        if is_in_use(path) or not os.path.exists(path):
            return None
        status = os.stat(path)
        if abs(time.time() - status.st_mtime) < _RECENT:
            return None
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)

    def is_unchanged(self, path: str) -> bool:
        """Return whether it is unchanged since."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        now = status.st_ino, status.st_size, status.st_mtime_ns
        return now == (self.inode, self.size, self.changed) and not os.path.exists(f"{path}-wal")

    @classmethod
    def settled(cls, path: str) -> Self | None:
        """Return it also if it was changed just now, but not again since."""
        unopened = cls.of(path)
        if unopened is None and not is_in_use(path):
            time.sleep(_RECENT)
            unopened = cls.of(path)
        return unopened


def is_in_use(path: str) -> bool:
    """Return whether there are files beside it, as SQLite has while it writes."""
    return any(os.path.exists(f"{path}{suffix}") for suffix in ("-wal", "-journal"))
