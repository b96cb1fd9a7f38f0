"""
Load graphs that nine releases of networkx pickled into the graphs of today's.

    python examples/graph_history

Ends with exit status 1 if one graph says anything else than its release recorded.
"""

from __future__ import annotations

import sys

from collections import Counter
from typing import Any

import look
import tables  # stands beside the examples, where `look` has found its own

from rich.table import Table


HEADINGS = (
    "networkx",
    "CPython",
    "version",
    "plain pickle alone",
    "its state",
    "the same, declared",
    "versionpickle",
)


def main() -> int:
    table = Table(*HEADINGS)
    rows = look.looked()
    for row in rows:
        table.add_row(*cells(row), end_section=True)
    failed = sum(
        row[how][name] != "agrees" for row in rows for how in look.DECLARED for name in row[how]
    )
    pickles = sum(len(row["versionpickle"]) for row in rows)
    return tables.conclude(table, pickles, failed)


def cells(row: dict[str, Any]) -> list[str]:
    strange = row["strange"]
    return [
        row["networkx"],
        row["python"],
        ", ".join(map(str, row["versions"])) or "stamped",
        summed(row["plain"], "yellow"),
        f"[yellow]{len(strange)} fields too many or missing[/]" if strange else "",
        *(summed(row[how], "red") for how in look.DECLARED),
    ]


def summed(outcomes: dict[str, str], otherwise: str) -> str:
    counted = Counter(outcomes.values())
    return "\n".join(
        f"{count}: {tables.coloured(outcome, otherwise)}" for outcome, count in counted.items()
    )


if __name__ == "__main__":
    sys.exit(main())
