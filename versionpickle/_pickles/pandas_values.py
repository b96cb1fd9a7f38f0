"""Old spellings in pandas pickles that pandas' own reader understands and pickle does not."""

from __future__ import annotations

import importlib

from collections.abc import Callable
from typing import Any


def timestamp(*args: Any) -> Any:
    """
    Make a Timestamp, also of the value, frequency and zone that pandas 1.2 wrote.

    Today's class would take these for a year, month and day, or lose the zone.
    """
    cls = importlib.import_module("pandas").Timestamp
    if len(args) == 3 and not isinstance(args[1], int):
        value, _, zone = args
        return cls(value) if zone is None else cls(value, tz=zone)
    return cls(*args)


OLD_CALLS: dict[str, Callable[..., Any]] = {
    "pandas._libs.tslibs.timestamps:Timestamp": timestamp,
}
"""By ref: what is called in its place."""
