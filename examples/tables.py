"""How the examples show what became of old pickles."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def coloured(outcome: str, otherwise: str) -> str:
    return "[green]agrees[/]" if outcome == "agrees" else f"[{otherwise}]{escape(outcome)}[/]"


def conclude(table: Table, pickles: int, failed: int) -> int:
    """Print the table and the sum of it; return the exit status."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(f"{pickles} pickles, {failed} of which differ from the recorded facts.")
    return 1 if failed else 0
