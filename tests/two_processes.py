"""Write with one class definition in one process, and read with another in the next."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from pathlib import Path


def run(folder: Path, source: str, data: bytes = b"") -> bytes:
    """Run *source* in a new interpreter that finds modules in *folder*, and what we find."""
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        input=data,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(done.stderr.decode())
    return done.stdout


def write(folder: Path, modules: dict[str, str], expression: str) -> bytes:
    """Return the pickle of *expression*, made by a process that has these *modules*."""
    define(folder, modules)
    return run(
        folder,
        f"""
        import pickle, sys
        {_imports(modules)}
        sys.stdout.buffer.write(pickle.dumps({expression}))
        """,
    )


def read(folder: Path, modules: dict[str, str], data: bytes, expression: str) -> str:
    """
    Return what *expression* says of the objects *found* by each way to load.

    The process has imported nothing but versionpickle's and these modules.
    """
    define(folder, modules)
    return (
        run(
            folder,
            f"""
        import pickle, sys, versionpickle
        {_imports(modules)}
        data = sys.stdin.buffer.read()
        said = []
        for load in (versionpickle.loads, pickle.loads):
            found = load(data)
            said.append(repr(({expression})))
        found = pickle.loads(pickle.dumps(found))
        said.append(repr(({expression})))
        assert said[0] == said[1] == said[2], said
        print(said[0])
        """,
            data,
        )
        .decode()
        .strip()
    )


def define(folder: Path, modules: dict[str, str]) -> None:
    for old in folder.glob("*.py"):
        old.unlink()
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))


def _imports(modules: dict[str, str]) -> str:
    return "; ".join(f"import {name}" for name in modules)
