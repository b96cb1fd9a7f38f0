"""The project that guards a class of svcs: it is clean, and all its old pickles load."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

from pathlib import Path

import pytest


EXAMPLE = Path(__file__).parents[1] / "examples" / "guarded_package"
SAMPLES = Path("schemas", "samples", "svcs._core.RegisteredService")

LOAD = """
import json, pickle, sys
import guarded

def shown(value):
    return value if isinstance(value, bool) else f"{value.__module__}:{value.__qualname__}"

def described(service):
    names = [name for name in type(service).__slots__ if not name.startswith("_")]
    return shown(type(service)), {name: shown(getattr(service, name)) for name in names}

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        loaded = pickle.load(file)
    services = loaded if isinstance(loaded, list) else [loaded]
    print(json.dumps([path, [described(one) for one in services]]))
"""


@pytest.fixture
def project(tmp_path):
    """A copy of the example, in which a test may change what it likes."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def run(folder, *arguments):
    """Run Python in a process of its own: the example adopts for all that runs in one."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def loaded(*paths):
    """Return what plain pickle makes of files, today."""
    done = run(EXAMPLE, "-c", LOAD, *map(str, paths))
    assert "" == done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


def recorded(sample):
    """Return what the description of a sample says that it is at the newest version."""
    known = json.loads((EXAMPLE / sample).with_suffix(".json").read_text())
    newest = known[max(known, key=int)]["object"]
    pairs = newest["state"]["dict"]
    values = {name: value if isinstance(value, bool) else value["name"] for name, value in pairs}
    return [newest["class"], values]


def test_clean(project):
    """With today's svcs there is nothing to find."""
    done = run(project, "-m", "versionpickle", "check")

    assert ("1 class, no findings\n", 0) == (done.stdout, done.returncode), done.stderr


def test_samples():
    """Samples of all versions load by plain pickle as what their descriptions say."""
    samples = sorted(file.relative_to(EXAMPLE) for file in (EXAMPLE / SAMPLES).glob("*.pickle"))

    assert {"1", "2", "3", "4"} == {sample.name[0] for sample in samples}
    assert {str(sample): [recorded(sample)] for sample in samples} == loaded(*samples)


@pytest.mark.parametrize(
    ("release", "enter"),
    [
        ("23.5.0", False),
        ("23.9.0", False),
        ("23.16.0", True),
        ("23.21.0", True),
        ("26.2.0", True),
    ],
)
def test_plain(release, enter):
    """What plain pickle stored in an old release is told apart by its fields."""
    path = f"plain/{release}.pickle"

    (connect, connect_later) = loaded(path)[path]

    expected = {
        "svc_type": "mail:Mailer",
        "factory": "mail:connect",
        "takes_container": False,
        "enter": enter,
        "ping": "mail:answers",
        "suppress_context_exit": True,
    }
    assert ["svcs._core:RegisteredService", expected] == connect
    assert expected | {"factory": "mail:connect_later"} == connect_later[1]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "schemas/svcs._core.RegisteredService.json",
            '{"name": "suppress_context_exit", "type": "bool"}',
            '{"name": "suppress_context_exit", "type": "str"}',
            "schemas/svcs._core.RegisteredService.json: this is not a valid schema",
        ),
        (
            "guarded.py",
            'add("enter", False)',
            'add("enter", True)',
            "its sample 'mailer' no longer loads as the object",
        ),
        (
            "guarded.py",
            ', remove("is_async")',
            "",
            "its sample 'mailer' does not load",
        ),
    ],
)
def test_change(project, file, old, new, problem):
    """A record, a step or a version that was changed by hand is found."""
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))

    done = run(project, "-m", "versionpickle", "check")

    assert done.returncode
    assert problem in done.stdout + done.stderr
