"""Select tests of the schema check by the arguments of pytest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import attrs


NAME = "versionpickle"
"""The first part of each node id."""


@attrs.frozen
class Selection:
    """The selected node ids; None means all."""

    nodeids: frozenset[str] | None = None

    @property
    def is_empty(self) -> bool:
        return self.nodeids == frozenset()

    def takes(self, nodeid: str) -> bool:
        return self.nodeids is None or nodeid in self.nodeids

    def unknown(self, nodeids: Iterable[str]) -> list[str]:
        """Return selected ids that do not exist."""
        return sorted((self.nodeids or frozenset()) - {*nodeids})


def selection(
    args: Sequence[str], *, is_asked: bool, is_folder: Callable[[str], bool]
) -> Selection:
    """
    Return what the arguments of a run select.

    A folder selects all tests, and so does the option (*is_asked*); files and node ids
    select only themselves.

    >>> selection(["tests"], is_asked=False, is_folder=lambda arg: True)
    Selection(nodeids=None)
    >>> selection(["test_a.py::test"], is_asked=False, is_folder=lambda arg: False)
    Selection(nodeids=frozenset())
    >>> selection(["versionpickle::shop:Order"], is_asked=True, is_folder=lambda arg: False)
    Selection(nodeids=frozenset({'versionpickle::shop:Order'}))
    """
    own = {arg for arg in args if is_own(arg)}
    others = [arg for arg in args if arg not in own]
    named = frozenset(own - {NAME})
    if NAME in own or any(map(is_folder, others)) or (is_asked and not named):
        return Selection()
    return Selection(named)


def is_own(arg: str) -> bool:
    """Whether an argument names tests of ours rather than a file."""
    return arg.startswith(f"{NAME}::") or (arg == NAME and not Path(NAME).exists())
