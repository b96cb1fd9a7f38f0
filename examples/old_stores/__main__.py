"""
Survey, migrate and verify whole stores that old releases wrote, on copies of them.

    python examples/old_stores

One is a shelf of packaging 20.0, networkx 2.2 and treelib 1.5.5 with 305 records, the
other a column of 200 jobs in an application's database.
Ends with exit status 1 if one object differs from what those releases recorded.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tempfile

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import versionpickle


HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "old_pickles")]

import facts  # noqa: E402 - stands beside the declarations


for package in ("networkx", "packaging", "treelib"):
    importlib.import_module(f"declare_{package}")

STORES = facts.CORPUS / "stores"
ADDRESSES = (
    "shelve:{folder}/app",
    "sqlite:{folder}/jobs.sqlite3?table=jobs&key=id&value=payload",
)
GRAPHS = {
    "women": "davis_southern_women",
    "families": "florentine_families",
    "karate": "karate_club",
}


def expected(key: Any) -> Any:
    """Return what the old release said of the object under a key."""
    kind, _, name = str(key).partition(":")
    if kind == "version":
        return f"{name}.post{int(name.partition('.')[2]) % 3}"
    if kind == "graph":
        file = f"nx2.2-py3.6-{GRAPHS[name]}-p4.pickle"
        return json.loads((facts.CORPUS / "networkx" / "facts.json").read_text())[file]
    if kind == "tree":
        return json.loads((facts.CORPUS / "facts.json").read_text())["treelib"]
    if kind == "plain":
        return {"theme": "dark", "since": 2016}
    place = int(kind) - 1  # a job: they were numbered as they were written
    return {"needs": f"{place % 9}.{place}", "attempt": place % 4}


def told(key: Any, found: Any) -> Any:
    """Return what an object says of itself, in the words of the record."""
    kind = str(key).partition(":")[0]
    if kind == "version":
        return str(found)
    if kind == "graph":
        return facts.told("networkx", found)
    if kind == "tree":
        return facts.told("treelib", found)
    return found | {"needs": str(found["needs"])} if "needs" in found else found


def swept(address: str) -> Iterator[tuple[str, str, bool]]:
    """Yield what was done with a store, what came of it, and whether that is as it should be."""
    with versionpickle.open_existing(address) as store:
        before = {key: store._records.read(key) for key in store}
        found = store.survey()
        yield (
            "survey",
            found.sums(),
            found.stale == len(before) - (not address.startswith("sqlite")),
        )
        done = store.migrate()
        yield "migrate", str(done), not done.failed
        found = store.survey()
        yield "survey", found.sums(), found.current == found.records == len(before)
        checked = store.verify(load=True)
        yield "verify", str(checked), checked.good == len(before)
        agreeing = sum(expected(key) == told(key, obj) for key, obj in store.items())
        yield "compare", f"{agreeing} agree with the record", agreeing == len(before)
        back, _ = store.rollback()
        same = before == {key: store._records.read(key) for key in store}
        yield "rollback", f"{back} put back, to the byte", same


def main() -> int:
    table = Table("store", "", "what came of it", "")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for file in STORES.iterdir():
            shutil.copy(file, folder)
        for address in ADDRESSES:
            for what, came, is_right in swept(address.format(folder=folder)):
                mark = "[green]agrees[/]" if is_right else "[red]differs[/]"
                table.add_row(address.format(folder="."), what, came, mark)
                failed += not is_right
            table.add_section()
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(f"{table.row_count} steps, {failed} of which differ from what was recorded.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
