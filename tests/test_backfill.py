"""`versionpickle backfill`: versions of what a project stored before it used versionpickle."""

from __future__ import annotations

import io
import json
import pickle
import re
import shlex
import subprocess
import sys
import zipfile

from pathlib import Path

import pytest

from shops import shop_in

import versionpickle

from versionpickle._project.backfill import old_code


HEAD = "import enum\nimport attrs\nfrom dataclasses import dataclass, field\n"
ORDER = "@attrs.define\nclass Order:\n    number: int\n"
LINE = "@dataclass\nclass {name}:\n    text: str\n    order: Order\n"
CUSTOMER = "class Customer:\n    def __init__(self, name: str):\n"
TAGS = {
    "v1.0": (
        f"{ORDER}    total: float\n",
        LINE.format(name="Line"),
        f"{CUSTOMER}        self.name = name\n",
    ),
    "v1.1": (
        f"{ORDER}    total: float\n    note: str = ''\n",
        LINE.format(name="Line"),
        f"{CUSTOMER}        self.name = name\n        self.mails = []\n",
    ),
    "v2.0": (
        f"{ORDER}    amount: float\n    note: str = ''\n",
        f"{LINE.format(name='Line')}    count: int = 1\n",
        f"{CUSTOMER}        self.name = name\n        self.mails = []\n",
    ),
    "v2.1": (
        f"{ORDER}    amount: float\n    currency: str = 'USD'\n",
        f"{LINE.format(name='Line')}    count: int = 1\n",
        f"{CUSTOMER}        self.full_name = name\n        self.mails = []\n",
    ),
    "v3.0": (
        f"{ORDER}    amount: float\n    currency: str = 'USD'\n",
        f"{LINE.format(name='Item')}    count: int = 1\n    gift: bool = False\n",
        f"{CUSTOMER}        self.full_name = name\n        self.mails = []\n",
    ),
}
ANSWERS = [
    "--no-input",
    *("--rename", "total=amount", "--rename", "note=", "--rename", "name=full_name"),
    *("--add", "mails=list", "--renamed", "Line=Item"),
]


def git(*arguments):
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def versioned(source):
    """Put @versioned on the classes of a source."""
    parts = "".join(f"\n\n@versioned\n{part}" for part in source)
    return f"from versionpickle import versioned\n{HEAD}{parts}"


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as made:
        (tmp_path / "pyproject.toml").write_text(
            f'[tool.versionpickle]\nmodules = ["{made.module}"]\n'
        )
        git("init", "--quiet")
        yield made


def release(shop, tag, source, *, today=None):
    """Commit the source of a tag, and write that of today."""
    shop.write(source)
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "-m", tag)
    git("tag", tag)
    if today is not None:
        shop.write(today)
    shop.forget()


def backfilled(shop, *arguments, status=0):
    """Run the command, and forget the classes that it has imported."""
    told = shop.run("backfill", *arguments, status=status)
    shop.forget()
    return told


def files(shop):
    return {path.relative_to(shop.folder) for path in shop.folder.rglob("schemas/**/*")}


def text_of(shop):
    return (shop.folder / f"{shop.module}.py").read_text()


@pytest.fixture
def history(shop):
    """A project of five tags, whose classes have versions by now."""
    for tag, parts in TAGS.items():
        release(shop, tag, HEAD + "\n\n".join(parts))
    shop.write(f"{versioned(TAGS['v3.0'])}\n\nLine = Item\n")
    return shop


PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "plain-pickles.md"


def test_page(tmp_path, monkeypatch):
    """The commands of the page print what it shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    git("init", "--quiet")
    (tmp_path / "shop").mkdir()
    block = r"(?s):::\{code-block\} \w+\n(?::caption: (\S+)(?: at (\S+))?\n\n)?(.*?)\n:::"
    for file, tag, text in re.findall(block, PAGE.read_text()):
        if file:
            Path(file).write_text(f"{text}\n")
        if tag:
            git("add", "--all")
            git("commit", "--quiet", "-m", tag)
            git("tag", tag)
        commands = re.findall(r"(?ms)^\$ (.*?)$\n(.*?)(?=^\$ |\Z)", text)
        for command, expected in [] if file else commands:
            assert expected.strip() == shown(command), command


def shown(command):
    """Return what a command prints."""
    python = shlex.quote(sys.executable)
    command = re.sub(r"^versionpickle", f"{python} -m versionpickle", command)
    command = re.sub(r"^python", python, command)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


class TestFiveTags:
    """An attrs class, a dataclass and a plain class, of which fields came, went and moved."""

    def test_all(self, history):
        """The sets of fields get numbers, and all old pickles load by both loaders."""
        told = backfilled(history, "v3.0", "v1.0", "v2.1", "v2.0", "v1.1", *ANSWERS)

        assert "version 1: v1.0: number, total\n" in told
        assert "version 3: v2.0: number, amount, note\n" in told
        assert "version 4: v2.1, v3.0, today: number, amount, currency\n" in told
        assert "version 2: v1.1, v2.0: name, mails\n" in told
        text = text_of(history)
        assert 'migration(Order, 2, rename("total", "amount"))' in text
        assert f'formerly="{history.module}:Line"' in text
        assert '        2: has("total"),\n' in text
        assert "no findings" in history.run("check")
        module = sys.modules[history.module]
        found = []
        for file in sorted(history.folder.rglob("*.pickle")):
            for loads in (pickle.loads, versionpickle.loads):
                obj = loads(file.read_bytes())
                found.append(type(obj).__name__)
                if type(obj) is module.Customer:
                    assert {"full_name", "mails"} == {*vars(obj)}
        assert {"Order": 10, "Item": 12, "Customer": 8} == {n: found.count(n) for n in found}
        name = history.module.encode()
        data = b"c" + name + b"\nOrder\n)\x81}(Vnumber\nK\x07Vtotal\nF2.5\nub."
        assert module.Order(7, 2.5, "USD") == pickle.loads(data)

    def test_refuses_to_guess(self, history):
        """Without answers, nothing at all is written."""
        history.write(text_of(history).replace("\n\nLine = Item\n", ""))

        told = backfilled(history, *TAGS, "--no-input", status=2)

        assert "was 'total' renamed to 'amount'?; pass --rename total=amount" in told
        assert "what is the 'mails' (list) of old objects?; pass --add mails=CODE" in told
        assert f"{history.module}:Line was there until v2.1: if {history.module} has it" in told
        assert set() == files(history)

    def test_dry_run(self, history):
        """It shows the source as it would be."""
        told = backfilled(history, *TAGS, *ANSWERS, "--dry-run")

        assert '+migration(Item, 1, add("count", 1))' in told
        assert set() == files(history)

    def test_old_name(self, history):
        """Plain pickle looks for the old name of a class; our own loads need none."""
        source = text_of(history).replace("\n\nLine = Item\n", "")
        history.write(source)
        told = backfilled(history, *TAGS, *ANSWERS, status=2)
        assert f"plain pickle does not find {history.module}:Line, its name at v1.0" in told
        assert f"write Line = Item into {history.module}, or set plain-pickle = false" in told

        with (history.folder / "pyproject.toml").open("a") as file:
            file.write("plain-pickle = false\n")

        backfilled(history, *TAGS, *ANSWERS)
        assert "no findings" in history.run("check")

    def test_recorded_already(self, history):
        """What has a record may have stamped pickles; the user may know better."""
        history.run("record")
        history.forget()
        told = backfilled(history, *TAGS, *ANSWERS, status=2)
        assert "its version 1 is recorded, so there may be pickles with that version" in told

        backfilled(history, *TAGS, *ANSWERS, "--replace")

        names = {path.name for path in files(history)}
        assert {"4-made.pickle", "1-v1.0-made.pickle"} <= names
        assert "1-made.pickle" not in names
        assert "no findings" in history.run("check")


TWO = f"{HEAD}@attrs.define\nclass Order:\n    number: int\n"


@pytest.mark.parametrize(
    ("old", "new", "options", "expected"),
    [
        (
            f"{ORDER}    total: int\n",
            f"{ORDER}    total: str\n",
            ["--convert", "total=str"],
            'migration(Order, 1, convert("total", str))',
        ),
        (f"{ORDER}    total: int\n", f"{ORDER}    total: int | None\n", [], "@versioned\n"),
        (ORDER, f"{ORDER}    paid: bool = False\n", [], "version=2"),
        ("class Order:\n    pass\n", "class Order:\n    pass\n", [], "@versioned\nclass"),
        (
            "class Order(enum.Enum):\n    A = 1\n",
            "class Order(enum.Enum):\n    A = 1\n    B = 2\n",
            [],
            "@versioned\nclass",
        ),
        (
            ORDER.replace("Order", "Old"),
            f"{ORDER}\n\nOld = Order\n",
            ["--renamed", "Old=Order"],
            '@versioned(formerly="{module}:Old")',
        ),
        (
            "class Order:\n    def __init__(self):\n        self.total = 'a'\n",
            "class Order:\n    def __init__(self):\n        self.total = None\n",
            [],
            "@versioned\nclass",
        ),
    ],
)
def test_changes(shop, old, new, options, expected):
    """Types that take the old values need no step, and no number of their own."""
    release(shop, "v1", HEAD + old, today=versioned([new]))

    backfilled(shop, "v1", "--no-input", *options)

    assert expected.replace("{module}", shop.module) in text_of(shop)
    assert "no findings" in shop.run("check")


def test_types_of_all_releases(shop):
    """The same fields of other types are one version, whose step takes them all."""
    kinds = ["int", "str", "bytes"]
    for number, kind in enumerate(kinds):
        release(shop, f"v{number}", f"{HEAD}{ORDER}    total: {kind}\n")
    shop.write(versioned([f"{ORDER}    total: bytes\n"]))
    question = "which function makes bytes's 'total' of int | str | bytes?"
    assert question in backfilled(shop, "v0", "v1", "v2", "--no-input", status=2)

    code = "lambda value: value if isinstance(value, bytes) else str(value).encode()"
    backfilled(shop, "v0", "v1", "v2", "--convert", f"total={code}")

    assert "no findings" in shop.run("check")
    assert {b"1", b"text", b"bytes"} == {
        pickle.loads(file.read_bytes()).total for file in shop.folder.rglob("*.pickle")
    }


def test_split(shop):
    """An option for a class belongs to the step that needs it."""
    release(shop, "v1", f"{HEAD}{ORDER}    name: str\n")
    release(shop, "v2", f"{HEAD}{ORDER}    name: str\n    paid: bool = False\n")
    new = f"{ORDER}    given: str\n    family: str\n    paid: bool = False\n"
    release(shop, "v3", HEAD + new, today=versioned([new]))

    split = ["--split", "Order.name=given,family", "--convert", "name=lambda name: (name, name)"]
    backfilled(shop, "v1", "v2", "v3", *split)

    step = 'migration(Order, 2, split("name", ["given", "family"], lambda name: (name, name)))'
    assert step in text_of(shop)
    assert "no findings" in shop.run("check")


def test_bases(shop):
    """A subclass has versions for its own fields, and its base has others."""
    sub = "@attrs.define\nclass Big(Order):\n    size: int = 0\n"
    release(shop, "v1", f"{HEAD}{ORDER}\n{sub}")
    release(shop, "v2", f"{HEAD}{ORDER}    paid: bool = False\n\n{sub}")
    release(shop, "v3", f"{HEAD}{ORDER}    paid: bool = False\n\n{sub}    unit: str = 'm'\n")
    sources = f"{ORDER}    paid: bool = False\n", f"{sub}    unit: str = 'm'\n"
    shop.write(versioned(sources))

    told = backfilled(shop, "v1", "v2", "v3")

    assert "version 1: v1, v2: size\n  version 2: v3, today: size, unit" in told
    assert "no findings" in shop.run("check")
    schema = json.loads((shop.folder / "schemas" / f"{shop.module}.Big.json").read_text())
    assert {f"{shop.module}:Order": 2} == schema["versions"][0]["bases"]


@pytest.mark.parametrize(
    ("old", "new", "options", "problem"),
    [
        (ORDER, ORDER, ["v2"], "git rev-parse failed"),
        (ORDER, ORDER, [], "pass tags, or packages with --with"),
        (ORDER, ORDER, ["v1", "--add", "a=5"], "it names a, which a changed class has no use for"),
        (ORDER, ORDER, ["v1", "--with", "./nowhere"], "./nowhere: pip cannot install it"),
        ("raise OSError\n", ORDER, ["v1"], "cannot be imported (OSError: ); pass --with"),
        ("import os; os._exit(3)\n", ORDER, ["v1"], "v1: its code cannot be looked at"),
        ("Order = dict\n", ORDER, ["v1"], "no versioned class of the project is in v1"),
        (
            "class Order(enum.Enum):\n    A = 1\n    C = 3\n",
            "class Order(enum.Enum):\n    A = 1\n",
            ["v1"],
            "the members C are gone, and were stored by value",
        ),
        (
            "import versionpickle\n@versionpickle.versioned\nclass Order: pass\n",
            "class Order: pass\n",
            ["v1"],
            "no sample of it can be made at v1: it had a version there already",
        ),
        (
            ORDER.replace("attrs.define", "dataclass(frozen=True, slots=True)"),
            f"{ORDER}    paid: bool = False\n",
            ["v1"],
            "its pickles of v1 hold values without the names of fields; write the steps",
        ),
        (
            "class Order:\n    def __init__(self, a):\n        self.a = a\n",
            "class Order: pass\n",
            ["v1"],
            "no sample of it can be made at v1: made: ProjectError",
        ),
        (
            "class Order:\n    def __new__(cls):\n        return dict()\n",
            "class Order: pass\n",
            ["v1"],
            "at v1: the functions for samples make objects of other classes",
        ),
    ],
)
def test_refused(shop, old, new, options, problem):
    """What cannot be done is explained, and nothing is written."""
    release(shop, "v1", HEAD + old, today=versioned([new]))

    told = backfilled(shop, *options, status=2)

    assert problem in told
    assert set() == files(shop)


def test_later_version(shop):
    """A class with a version of its own has stamped pickles."""
    release(
        shop,
        "v1",
        HEAD + ORDER,
        today=versioned([ORDER]).replace("versioned\n@", "versioned(2)\n@"),
    )

    assert "it is at version 2 already; set version=1" in backfilled(shop, "v1", status=2)


SAMPLES = """
from {module} import Order
from versionpickle.testing import sample

@sample(Order)
def small():
    return Order(5)

@sample(Order)
def large():
    made = Order(6)
    {more}
    return made
"""
PLAIN = "class Order:\n    def __init__(self, size):\n        self.size = size\n"


@pytest.mark.parametrize("more", ["", "made.unit = 'm'"])
def test_samples(shop, more):
    """A file makes what no types describe; attributes that some objects lack decide nothing."""
    (shop.folder / "broken.py").write_text("import nowhere_at_all")
    file = shop.write(SAMPLES.replace("{more}", more), "old_samples.py")
    today = "class Order:\n    length: int\n    def __init__(self):\n        self.length = 5\n"
    release(shop, "v1", PLAIN, today=versioned([today]))

    backfilled(shop, "v1", "--samples", file, "--samples", "broken.py", "--rename", "size=length")

    assert 'rename("size", "length")' in text_of(shop)
    assert {"1-v1-small.pickle", "1-v1-large.pickle"} < {path.name for path in files(shop)}


def test_optional_fields(shop):
    """Objects of one release with the fields of two versions are for the user."""
    more = "made.unit = 'm'"
    file = shop.write(SAMPLES.replace("{more}", more), "old_samples.py")
    release(shop, "v1", PLAIN)
    new = f"{PLAIN.replace('size)', 'size: int)')}        self.unit = 'm'\n"
    release(shop, "v2", new, today=versioned([new]))

    told = backfilled(shop, "v1", "v2", "--samples", file, "--add", "unit='m'", status=2)

    assert "its sample 'large' of v1 has the fields of another version" in told


def wheel(folder, version, source):
    """Write the wheel of a package, and return its path."""
    path = folder / f"oldthings-{version}-py3-none-any.whl"
    info = f"oldthings-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("oldthings.py", source)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: oldthings\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_packages_of_a_tag(shop):
    """The code of a tag gets packages that it alone needs."""
    old = f"{HEAD}from oldthings import size\n{ORDER}    total: int = size\n"
    release(shop, "v1", old, today=versioned([ORDER]))
    path = wheel(shop.folder, "1.0", "size = 5")
    assert "cannot be imported (ModuleNotFoundError" in backfilled(shop, "v1", status=2)

    told = backfilled(shop, "v1", "--with", f"v1:{path}")

    assert "version 1: v1: number, total\n  version 2: today: number\n" in told
    assert "no findings" in shop.run("check")


def test_packages_alone(shop, monkeypatch):
    """Without tags, releases of a package are what is looked at; git is not needed."""
    wheels = [
        wheel(shop.folder, f"{number}.0", f"import attrs\n{ORDER}{fields}")
        for number, fields in enumerate(["", "    paid: bool = False\n"], 1)
    ]
    (shop.folder / "oldthings.py").write_text(f"import attrs\n{ORDER}    paid: bool = True\n")
    shop.write("import oldthings\nfrom versionpickle import adopt\nadopt(oldthings.Order)\n")
    monkeypatch.setenv("PATH", "")

    told = backfilled(shop, *(f"--with={one}" for one in wheels))

    assert f"version 1: {wheels[0]}: number\n" in told
    assert f"version 2: {wheels[1]}, today: number, paid\n" in told
    assert "adopt(oldthings.Order, version=2, unstamped=" in text_of(shop)
    sys.modules.pop("oldthings", None)
    shop.forget()


def test_links_stay_inside(shop):
    """Links of an old tree that lead out of it are left out."""
    (shop.folder / "outside").symlink_to("/etc")
    release(shop, "v1", HEAD + ORDER, today=versioned([ORDER]))

    assert "1 class made" in backfilled(shop, "v1")


def test_old_code(tmp_path, monkeypatch):
    """What the other process does."""
    (tmp_path / "old_things.py").write_text(
        f"{HEAD}{ORDER}class Slots:\n    __slots__ = ()\n"
        "from versionpickle import versioned\n@versioned\nclass New: pass\n"
    )
    (tmp_path / "old_broken.py").write_text("raise OSError('no')")
    (tmp_path / "their_samples.py").write_text(
        "import old_things\nfrom versionpickle.testing import sample\n"
        "@sample(old_things.Order)\ndef bad(): raise ValueError\n"
        "@sample(old_things.Order)\ndef wrong(): return 5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    answer = tmp_path / "answer.json"
    asked = {
        "classes": {
            "a": ["old_things:Gone", "old_things:Order"],
            "b": ["json:JSONDecoder"],
            "c": ["old_things:Slots"],
            "d": ["old_things:New"],
        },
        "modules": ["old_things", "old_broken", "json", "old_nowhere"],
        "samples": {
            "their_samples": str(tmp_path / "their_samples.py"),
            "old_broken": str(tmp_path / "old_broken.py"),
        },
        "folders": [str(tmp_path)],
        "answer": str(answer),
    }
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(asked)))

    old_code.main()

    found = json.loads(Path(answer).read_text())
    assert {"old_broken": "OSError: no"} == found["problems"]
    assert ["old_things:Order", "old_things:Slots", "old_things:New"] == found["others"]
    one = found["classes"]["a"]
    assert ["old_broken cannot be imported: OSError: no", "bad: ValueError: "] == one["problems"]
    assert [["made", {"number": "int"}]] == [[s["name"], s["state"]] for s in one["samples"]]
    assert found["classes"]["b"] is None
    assert ["it had a version there already"] == found["classes"]["d"]["problems"]
    assert [{}] == [sample["state"] for sample in found["classes"]["c"]["samples"]]


GRAPHS = """
import networkx
from versionpickle import adopt
adopt(networkx.Graph)
adopt(networkx.DiGraph)
"""
GRAPH_SAMPLES = """
import networkx
from versionpickle.testing import sample

@sample(networkx.Graph)
def triangle():
    made = networkx.Graph(name="triangle")
    made.add_edge(1, 2, weight=3)
    return made

@sample(networkx.DiGraph)
def arrow():
    made = networkx.DiGraph()
    made.add_edge("a", "b")
    return made
"""
SERVICES = """
from svcs._core import RegisteredService
from versionpickle import adopt, allow
adopt(RegisteredService)
allow("kept_samples:make")
"""
SERVICE_SAMPLES = """
import svcs
from svcs._core import RegisteredService
from versionpickle.testing import sample

def make():
    return 1

@sample(RegisteredService)
def number():
    registry = svcs.Registry()
    registry.register_factory(int, make)
    return registry.get_registered_service_for(int)
"""
READ = """
import kept, pathlib, pickle, sys, versionpickle
for file in sorted(pathlib.Path("schemas").rglob("*.pickle")):
    data = file.read_bytes()
    for obj in (pickle.loads(data), versionpickle.loads(data)):
        print(file.stem, eval(sys.argv[1]), sep="|")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modules", "releases", "options", "shows", "expected"),
    [
        (
            (GRAPHS, GRAPH_SAMPLES),
            [f"networkx=={n}" for n in ("2.6.3", "2.8.3", "2.8.8", "3.1", "3.2.1", "3.4.2")],
            ["--add", "__networkx_cache__=dict"],
            "len(vars(obj).keys() - {'_succ', '_pred'}), sorted(obj.edges)",
            {
                "(4, [('a', 'b')])",
                "(4, [(1, 2)])",
            },
        ),
        (
            (SERVICES, SERVICE_SAMPLES),
            [f"svcs=={n}.0" for n in ("23.5", "23.9", "23.15", "23.19", "24.1", "25.1")],
            [
                *("--rename", "is_async=", "--convert", "svc_type=lambda value: value"),
                *("--add", "takes_container=False", "--add", "is_async=False"),
                *("--add", "enter=False", "--add", "suppress_context_exit=True"),
            ],
            "obj.svc_type is int, obj.factory(), obj.suppress_context_exit",
            {"(True, 1, True)"},
        ),
    ],
)
def test_real_packages(tmp_path, monkeypatch, modules, releases, options, shows, expected):
    """Pickles of six releases load into the objects of the installed one."""
    monkeypatch.chdir(tmp_path)
    table = '[tool.versionpickle]\nmodules = ["kept"]\nsample-modules = ["kept_samples"]\n'
    Path("pyproject.toml").write_text(table)
    for name, text in zip(("kept.py", "kept_samples.py"), modules, strict=True):
        Path(name).write_text(text)
    given = [f"--with={one}" for one in releases]

    told = shown(shlex.join(["versionpickle", "backfill", "--no-input", *given, *options]))

    assert "made" in told, told
    assert "no findings" in shown("versionpickle check")
    lines = shown(shlex.join(["python", "-c", READ, shows])).splitlines()
    assert expected == {line.partition("|")[2] for line in lines}
