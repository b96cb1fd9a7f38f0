"""Columns of plain data, on their way into a file or to another process."""

from __future__ import annotations

import io
import pickle

from collections.abc import Sequence
from typing import Any, TypeAlias

from versionpickle._pickles.rewrite.tracking import PROTOCOL


Columns: TypeAlias = tuple[Sequence[Any], ...]


def dumps_columns(columns: Columns) -> bytes:
    """Return their pickle, without a memo: nothing in them comes twice."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, PROTOCOL)
    pickler.fast = True
    pickler.dump(columns)
    return file.getvalue()
