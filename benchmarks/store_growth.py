"""How the time for a record grows with the number of records, as a table and a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from ratios import table
from store_contenders import (
    BATCH,
    OURS_OF_YESTERDAY,
    RAW,
    Contender,
    filled,
    migrate,
    migrate_by_hand,
)
from store_rounds import (
    BATCHES,
    GETS,
    Preparing,
    best,
    getting,
    on_copies,
    putting_batches,
    putting_scattered,
)

import versionpickle


SMALLEST = 10_000
ROUNDS = 3
LONG = 1_000_000
"""Records from which a migration is measured once."""

COLOURS = {
    "get": "#4477aa",
    "batched put": "#228833",
    "scattered": "#ccbb44",
    "survey": "#aa3377",
    "migrate": "#ee6677",
}


def measure(folder: Path, most: int, picture: Path) -> str:
    """Measure stores of ten thousand records up to *most*, and draw what is found."""
    import matplotlib as _  # noqa: F401, PLC0415 - an hour before it is needed

    ours, by_hand = {}, {}
    for count in _counts(most):
        ours[count] = _measured(folder, count, OURS_OF_YESTERDAY, migrate)
        by_hand[count] = _measured(folder, count, RAW, migrate_by_hand)
        print(f"{count:,}: {ours[count]}, by hand {by_hand[count]}", flush=True)
    draw(ours, by_hand, picture)
    rows = [
        [f"{count:,}", *(_cell(found, by_hand[count], name) for name in COLOURS)]
        for count, found in ours.items()
    ]
    return "\n\n".join(
        [
            "## Growth",
            "Microseconds for a record, and in brackets what raw sqlite3 takes by hand.\n"
            "A batched put is that of new records behind the others; *scattered* ones come in "
            "the place of others, in no order.",
            table(["records", *COLOURS], rows),
        ]
    )


def _cell(ours: dict[str, float], by_hand: dict[str, float], name: str) -> str:
    beside = f" ({by_hand[name]:.2f})" if name in by_hand else ""
    return f"{ours[name]:.2f}{beside}"


def _counts(most: int) -> Iterator[int]:
    count = SMALLEST
    while count <= most:
        yield count
        count *= 10


def _measured(
    folder: Path, count: int, contender: Contender, migrate: Callable[[Path], object]
) -> dict[str, float]:
    """Return microseconds for a record, by what is done."""
    path = folder / "growing.db"
    found = {}

    def note(name: str, prepare: Preparing, records: int, rounds: int = ROUNDS) -> None:
        found[name] = best({name: prepare}, rounds)[name] / records * 1e6

    with closing(filled(contender, path, range(count))) as store:
        note("get", getting(store, count), min(GETS, count))
    if contender is not RAW:
        with versionpickle.open(path) as store:
            note("survey", lambda _: store.survey, count)
    note("migrate", on_copies(path, migrate), count, ROUNDS if count < LONG else 1)
    with closing(contender.open(path, False)) as store:
        size = BATCH * BATCHES
        note("batched put", putting_batches(contender, store, count), size)
        note("scattered", putting_scattered(contender, store, count), min(size, count))
    for old in folder.glob("growing.*"):
        old.unlink()
    return found


def draw(
    ours: dict[int, dict[str, float]], by_hand: dict[int, dict[str, float]], path: Path
) -> None:
    """Draw the times on logarithmic scales: where a line is level, the number does not matter."""
    from matplotlib import pyplot  # noqa: PLC0415 - only where a picture is wanted

    pyplot.rcParams.update({"svg.hashsalt": "versionpickle", "font.size": 9})
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for found, style in ((ours, "-"), (by_hand, ":")):
        for name, colour in COLOURS.items():
            known = {count: times[name] for count, times in found.items() if name in times}
            label = name if found is ours else None
            axes.plot(
                [*known], [*known.values()], style, marker="o", ms=3, color=colour, label=label
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("records in the store")
    axes.set_ylabel("microseconds for a record (dotted: raw sqlite3 by hand)")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
