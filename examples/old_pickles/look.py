"""
Say, as JSON, what becomes of each old pickle of one package.

    python look.py plain|versionpickle PACKAGE
"""

from __future__ import annotations

import importlib
import json
import sys

from functools import partial
from pathlib import Path
from typing import Any

import facts


sys.path.insert(0, str(Path(__file__).parents[1]))

import rereading  # stands beside the examples


def plainly(package: str, data: bytes) -> Any:
    return rereading.plainly(partial(facts.told, package), data)


def versioned(package: str, data: bytes) -> Any:
    tell = partial(facts.told, package)
    told = rereading.versioned(tell, data)
    if rereading.limited(tell, data) != told:
        raise AssertionError("with limits, a load gives another object")
    return told


def main(how: str, package: str) -> None:
    if how == "versionpickle":
        importlib.import_module(f"declare_{package}")
    look = plainly if how == "plain" else versioned
    report = {
        file.name: rereading.outcome(
            partial(look, package, file.read_bytes()), facts.recorded(file)
        )
        for file in facts.files(package)
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
