"""Which of the guard's tests the arguments of pytest ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import attrs


NAME = "versionpickle"
"""Begins the node id of each test."""


@attrs.frozen
class Selection:
    """Hold the node ids that are asked for; None stands for all."""

    nodeids: frozenset[str] | None = None

    @property
    def is_empty(self) -> bool:
        return self.nodeids == frozenset()

    def takes(self, nodeid: str) -> bool:
        return self.nodeids is None or nodeid in self.nodeids

    def unknown(self, nodeids: Iterable[str]) -> list[str]:
        """Return those that are asked for and are not there."""
        return sorted((self.nodeids or frozenset()) - {*nodeids})


def selection(
    args: Sequence[str], *, is_asked: bool, is_folder: Callable[[str], bool]
) -> Selection:
    """
    Return what the arguments of a run ask for.

    A run of a folder is one of all tests, and so is one that *is_asked* to be; files and
    node ids are for themselves.

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
    """Tell whether an argument names tests of ours, and no file."""
    return arg.startswith(f"{NAME}::") or (arg == NAME and not Path(NAME).exists())
