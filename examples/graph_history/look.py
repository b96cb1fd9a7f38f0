"""
Say, as JSON, what becomes today of each release's pickles.

    python look.py
"""

from __future__ import annotations

import importlib
import json
import pickle
import platform
import sys

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import make_pickles

from said import said

import versionpickle


sys.path.insert(0, str(Path(__file__).parents[1]))

import rereading  # stands beside the examples


STORED = Path(__file__).parent / "pickles"
DECLARED = {"pickle": rereading.plainly, "versionpickle": rereading.versioned}


@attrs.frozen
class Release:
    """The pickles of one release, and what it said of them, by the names of the graphs."""

    networkx: str
    python: str
    pickles: dict[str, bytes]
    said: dict[str, Any]

    def outcomes(self, look: Callable[[bytes], Any]) -> dict[str, str]:
        return {
            name: rereading.outcome(partial(look, data), self.said[name])
            for name, data in self.pickles.items()
        }


def stored() -> list[Release]:
    releases = [file.name.removesuffix("-facts.json") for file in STORED.glob("*-facts.json")]
    return [_stored(release) for release in sorted(releases, key=_in_time)]


def _in_time(release: str) -> list[int]:
    return [int(number) for number in release.removeprefix("nx").split(".")]


def _stored(release: str) -> Release:
    facts = json.loads((STORED / f"{release}-facts.json").read_text())
    pickles = {
        name: (STORED / f"{release}-{name}.pickle").read_bytes() for name in sorted(facts["said"])
    }
    return Release(release.removeprefix("nx"), facts["python"], pickles, facts["said"])


def written_now(dumps: Callable[[Any], bytes], called: str) -> Release:
    graphs = make_pickles.graphs((STORED / "nx2.0-digraph.pickle").read_bytes())
    return Release(
        called,
        platform.python_version(),
        {name: dumps(graph) for name, graph in graphs.items()},
        {name: said(graph) for name, graph in graphs.items()},
    )


def told(graph: Any) -> Any:
    """Return what a graph says, if it is all that today's release makes, and no more."""
    strange = strange_fields(graph)
    if strange:
        raise AssertionError(f"these fields are not of today's state: {', '.join(strange)}")
    return said(graph)


def strange_fields(graph: Any) -> list[str]:
    """Return what is there and should not be, or is not there and should."""
    wanted = vars(type(graph)()).keys() | {"surveyor"}
    return sorted((vars(graph).keys() - set(make_pickles.VIEWS)) ^ wanted)


def looked() -> list[dict[str, Any]]:
    """Read all pickles without declarations, and then with them."""
    releases = [*stored(), written_now(pickle.dumps, "today")]
    rows = [_undeclared(release) for release in releases]
    generation = importlib.import_module("declare").generation
    for row in rows:
        row["versions"] = sorted({generation(state) for state in row.pop("states")})
    releases.append(written_now(versionpickle.dumps, "today, stamped"))
    rows.append({"plain": {}, "strange": [], "versions": []})
    for release, row in zip(releases, rows, strict=True):
        row |= {"networkx": release.networkx, "python": release.python}
        row |= {how: release.outcomes(partial(read, told)) for how, read in DECLARED.items()}
    return rows


def _undeclared(release: Release) -> dict[str, Any]:
    graphs = [pickle.loads(data, encoding="latin1") for data in release.pickles.values()]
    return {
        "plain": release.outcomes(partial(rereading.plainly, said)),
        "strange": sorted({name for graph in graphs for name in strange_fields(graph)}),
        "states": [vars(graph) for graph in graphs],
    }


if __name__ == "__main__":
    json.dump(looked(), sys.stdout)
