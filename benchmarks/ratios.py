"""Ratios of times, and the tables that show them."""

from __future__ import annotations

import gc
import math
import time

from collections.abc import Callable
from typing import Any


COUNT = 20_000
"""Of objects in a list."""

ROUNDS = 15


def ratio(
    ours: Callable[[], Any], base: Callable[[], Any], *, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Return how long *ours* takes against *base*, and what *base* takes in seconds."""
    best = [math.inf, math.inf]
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        for side, run in enumerate((ours, base)):
            start = time.perf_counter()
            run()
            best[side] = min(best[side], time.perf_counter() - start)
        gc.enable()
    return best[0] / best[1], best[1]


def table(header: list[str], rows: list[list[Any]]) -> str:
    shown = [[cell if isinstance(cell, str) else f"{cell:.2f}" for cell in row] for row in rows]
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *shown]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
