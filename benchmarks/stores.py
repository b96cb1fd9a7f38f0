"""
Measure the store beside raw SQLite and the peers, side by side in one run.

    python benchmarks/stores.py                      # print the tables
    python benchmarks/stores.py --records 100000     # of smaller stores
    python benchmarks/stores.py --only migrate       # one part
    python benchmarks/stores.py --growth             # up to ten million records, with a picture
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import sqlite3
import tempfile

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import store_growth
import store_orders

from ratios import ratio, table
from store_contenders import CONTENDERS, RAW, filled, migrate, migrate_by_hand
from store_memory import peak_of_migrating
from store_rounds import (
    BATCH,
    BATCHES,
    GETS,
    PUTS,
    Preparing,
    best,
    getting,
    on_copies,
    putting,
    putting_batches,
)

import versionpickle


PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "stores-growth.svg"
ROUNDS = 10
SWEEPS = 3
"""Rounds of what takes long."""


def beside_peers(folder: Path, records: int) -> str:
    """Compare single records, and batches of a thousand."""
    count = records // 10
    at_ease = _of_mode(folder, count, is_durable=False)
    durable = _of_mode(folder, count, is_durable=True)
    columns = [
        durable["get"] | at_ease["get"],
        durable["put"],
        at_ease["put"],
        durable["batches"] | at_ease["batches"],
    ]
    rows = [[one.name, *(_beside(column, one.name) for column in columns)] for one in CONTENDERS]
    header = ["", "get", "durable put", "put", "batched put"]
    return "\n\n".join(
        [
            "## Against raw SQLite and others",
            f"Microseconds for a record, of {count:,}; in brackets against raw sqlite3.",
            table(header, rows),
        ]
    )


def _beside(found: dict[str, float], name: str) -> str:
    if name not in found:
        return ""
    return f"{found[name] * 1e6:.1f} ({found[name] / found[RAW.name]:.2f})"


def _of_mode(folder: Path, count: int, *, is_durable: bool) -> dict[str, dict[str, float]]:
    """Return what a record takes, in seconds, by action and name."""
    contenders = [one for one in CONTENDERS if is_durable in one.modes]
    with contextlib.ExitStack() as closing:
        opened = []
        for one in contenders:
            path = folder / f"{one.name}-{is_durable}"
            store = filled(one, path, range(count), is_durable=is_durable)
            closing.callback(store.close)
            opened.append((one, store))

        def of_all(prepare: Callable[..., Preparing], per_round: int) -> dict[str, float]:
            runs = {one.name: prepare(one, store, count) for one, store in opened}
            return {name: time / per_round for name, time in best(runs, ROUNDS).items()}

        return {
            "get": of_all(lambda _, *given: getting(*given), min(GETS, count)),
            "put": of_all(putting, min(PUTS, count)),
            "batches": of_all(putting_batches, BATCH * BATCHES),
        }


def surveying(folder: Path, records: int) -> str:
    """Compare a survey with the query that any table with a column for it could answer."""
    path = folder / "survey.db"
    store_orders.write_first(path, range(records))
    with versionpickle.open(path) as store, contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA cache_size = -8000")  # as a store has it

        def by_hand() -> None:
            raw.execute("SELECT label, COUNT(*) FROM records GROUP BY label").fetchall()

        rows = [["before a migration", *_against(store.survey, by_hand)]]
        store.migrate(workers=2)
        rows.append(["after it, with its originals", *_against(store.survey, by_hand)])
    return "\n\n".join(
        [
            "## A survey",
            f"Of {records:,} records, against `SELECT label, COUNT(*) ... GROUP BY label`.",
            table(["", "milliseconds", "against the query"], rows),
        ]
    )


def _against(ours: Callable[[], object], base: Callable[[], object]) -> tuple[float, float]:
    found, seconds = ratio(ours, base, rounds=5)
    return found * seconds * 1000, found


def migrating(folder: Path, records: int) -> str:
    few = records // 10
    header = ["", "microseconds", "against by hand", "against one process"]
    scattered = store_orders.some_numbers(few, few, 0)
    return "\n\n".join(
        [
            "## A migration",
            f"Of {records:,} records through three steps (rename, convert, add).\n"
            "By hand is a bare loop of `pickle.loads`, the steps, `pickle.dumps` and a batched "
            "UPDATE, which keeps no originals and checks nothing.",
            table(header, _migrations(folder / "float", range(records), float)),
            f"The same with a Decimal in each of {few:,} records.",
            table(header, _migrations(folder / "decimal", range(few), Decimal)),
            f"And {few:,} records that were written in no order of their keys.",
            table(header, _migrations(folder / "scattered", scattered, float)),
        ]
    )


def _migrations(folder: Path, numbers: Sequence[int], kind: type) -> list[list[str | float]]:
    folder.mkdir()
    ours, raw = folder / "ours.db", folder / "raw.db"
    store_orders.write_first(ours, numbers, kind)
    filled(RAW, raw, numbers, kind=kind).close()
    runs = {
        "by hand": on_copies(raw, migrate_by_hand),
        "one process": on_copies(ours, migrate),
        "one worker": on_copies(ours, lambda path: migrate(path, workers=1)),
        "two workers": on_copies(ours, lambda path: migrate(path, workers=2)),
    }
    found = best(runs, SWEEPS)
    shutil.rmtree(folder)
    by_hand, alone = found["by hand"], found["one process"]
    return [
        [name, seconds / len(numbers) * 1e6, seconds / by_hand, seconds / alone]
        for name, seconds in found.items()
    ]


def remembering(folder: Path, records: int) -> str:
    """Compare the memory that migrations of a few and of many records take."""
    rows = []
    for count in (records // 10, records * 2):
        path = folder / f"memory-{count}.db"
        store_orders.write_first(path, range(count))
        rows.append([f"{count:,} records", f"{peak_of_migrating(path) / 1e6:.1f}"])
        path.unlink()
    return "\n\n".join(["## The memory of a migration", table(["", "megabytes"], rows)])


PARTS = {
    "get": beside_peers,
    "survey": surveying,
    "migrate": migrating,
    "memory": remembering,
}


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--records", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--most", type=int, default=10_000_000, help="records with --growth")
    return parser.parse_args(arguments)


def main() -> None:
    given = parsed()
    print(
        f"CPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.machine()}, {os.cpu_count()} cores; orders with five fields."
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.growth:
            print(f"\n{store_growth.measure(folder, given.most, PICTURE)}")
            return
        for part in [given.only] if given.only else PARTS:
            print(f"\n{PARTS[part](folder, given.records)}", flush=True)


if __name__ == "__main__":
    main()
