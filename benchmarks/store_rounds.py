"""What is measured of a store, and how: all take turns, and the best round of each counts."""

from __future__ import annotations

import gc
import itertools
import math
import os
import shutil
import time

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import store_orders

from store_contenders import BATCH, Contender, Opened, Pairs


GETS = 10_000
PUTS = 1_000
BATCHES = 40
"""Enough for each round to move its log into the file, and more than once."""

Preparing: TypeAlias = Callable[[int], Callable[[], object]]
"""Prepares the round of a number, and returns what is measured of it."""


def best(contenders: dict[str, Preparing], rounds: int) -> dict[str, float]:
    """Return what each takes in the best of its rounds, in seconds."""
    found = dict.fromkeys(contenders, math.inf)
    for number in range(rounds):
        for name, prepare in contenders.items():
            run = prepare(number)
            gc.collect()
            start = time.perf_counter()
            run()
            found[name] = min(found[name], time.perf_counter() - start)
    return found


def on_copies(path: Path, run: Callable[[Path], object]) -> Preparing:
    """Do with a copy of a file what changes it."""
    copy = path.with_suffix(".copy")

    def prepare(_: int) -> Callable[[], object]:
        for old in copy.parent.glob(f"{copy.name}*"):  # with its log
            old.unlink()
        shutil.copy(path, copy)
        os.sync()  # or the disk would be busy with it while we measure
        return lambda: run(copy)

    return prepare


def getting(store: Opened, count: int) -> Preparing:
    """Get some of *count* records, in no order."""

    def prepare(number: int) -> Callable[[], None]:
        numbers = store_orders.some_numbers(min(GETS, count), count, number)
        keys = [*map(store_orders.key, numbers)]

        def run() -> None:
            get = store.get
            for key in keys:
                get(key)

        return run

    return prepare


def putting(contender: Contender, store: Opened, count: int) -> Preparing:
    """Put new orders in the place of some of *count* others, in no order."""

    def prepare(number: int) -> Callable[[], None]:
        pairs = _in_place_of_some(contender, count, PUTS, number)

        def run() -> None:
            put = store.put
            for key, order in pairs:
                put(key, order)
            store.settle()

        return run

    return prepare


def putting_batches(contender: Contender, store: Opened, count: int) -> Preparing:
    """Put new orders behind *count* others, more with each round."""

    def prepare(number: int) -> Callable[[], None]:
        size = BATCH * BATCHES
        start = count + number * size
        pairs = list(store_orders.orders(contender.make, range(start, start + size)))
        return lambda: _put_batches(store, _batches(pairs))

    return prepare


def putting_scattered(contender: Contender, store: Opened, count: int) -> Preparing:
    """Put batches of new orders in the place of some of *count* others, in no order."""

    def prepare(number: int) -> Callable[[], None]:
        pairs = _in_place_of_some(contender, count, BATCH * BATCHES, number)
        return lambda: _put_batches(store, _batches(pairs))

    return prepare


def _put_batches(store: Opened, batches: Iterator[Pairs]) -> None:
    for batch in batches:
        store.put_many(batch)
    store.settle()


def _batches(pairs: Pairs) -> Iterator[Pairs]:
    coming = iter(pairs)
    return iter(lambda: list(itertools.islice(coming, BATCH)), [])


def _in_place_of_some(contender: Contender, count: int, most: int, seed: int) -> Pairs:
    numbers = store_orders.some_numbers(min(most, count), count, seed)
    return list(store_orders.orders(contender.make, numbers))
