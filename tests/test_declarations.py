"""Sources that are edited: declarations, imports and steps; all else stays byte for byte."""

from __future__ import annotations

import ast
import codecs
import importlib
import pathlib
import sys

from pathlib import Path

import pytest

from shops import shop_in

from versionpickle._classes.adopt import adopt
from versionpickle._classes.declare import Versioned, versioned
from versionpickle._project.make.declarations import edits, place_of
from versionpickle._project.make.imports import Scope
from versionpickle._project.make.source_text import Edit, SourceText, classes_in
from versionpickle._project.make.step_code import StepCode, placed_behind, target_in
from versionpickle.exceptions import ProjectError
from versionpickle.migrations import default_registry, migration


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as made:
        sys.path.insert(0, str(tmp_path))
        yield made


def place(shop, source, name="Order"):
    """Where the class is declared in a module of this source, and its instrumentation."""
    path = shop.folder / f"{shop.module}.py"
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    shop.forget()
    importlib.invalidate_caches()
    module = importlib.import_module(shop.module)
    cls = module
    for part in name.split("."):
        cls = getattr(cls, part)
    instrumentation = default_registry.declaration(
        f"{cls.__module__}:{cls.__qualname__}"
    ).instrumentation
    return place_of(instrumentation, shop.folder), instrumentation


def changed(shop, source, *, bump=True, former=None, name="Order"):
    """The source, with its version raised."""
    found, instrumentation = place(shop, source, name)
    return edited(found, instrumentation, bump=bump, former=former)


def edited(found, instrumentation, *, bump=True, former=None):
    settings = {"version": str(instrumentation.declaration.version + 1)} if bump else {}
    settings |= {"formerly": f'"{former}"'} if former else {}
    return found.source.edited(edits(found, instrumentation, settings))


IMPORTS = """\
import versionpickle as vp
from versionpickle import Versioned, adopt, versioned, versioned as v
VERSION = 2
SETTINGS = {"version": 2}
BOTH = (2,)
class Plain: pass
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@versioned(version=2)\nclass Order: pass", "@versioned(version=3)\nclass Order: pass"),
        ("@versioned(2)\nclass Order: pass", "@versioned(3)\nclass Order: pass"),
        ("@versioned\nclass Order: pass", "@versioned(version=2)\nclass Order: pass"),
        ("@versioned()\nclass Order: pass", "@versioned(version=2)\nclass Order: pass"),
        ("@versioned( )\nclass Order: pass", "@versioned(version=2 )\nclass Order: pass"),
        ("@vp.versioned(9)\nclass Order: pass", "@vp.versioned(10)\nclass Order: pass"),
        (
            "@(lambda cls: cls)\n@versioned(2)\nclass Order: pass",
            "@(lambda cls: cls)\n@versioned(3)\nclass Order: pass",
        ),
        ("@v(2) # v\nclass Order: pass", "@v(3) # v\nclass Order: pass"),
        (
            "@versioned(\n\t# note\n\tversion = 0x2,\n)\nclass Order: pass",
            "@versioned(\n\t# note\n\tversion = 3,\n)\nclass Order: pass",
        ),
        (
            "@versioned(name='decl-test')\nclass Order: pass",
            "@versioned(version=2, name='decl-test')\nclass Order: pass",
        ),
        ("class Order(Versioned): pass", "class Order(Versioned, version=2): pass"),
        ("class Order(Versioned, version=2): pass", "class Order(Versioned, version=3): pass"),
        (
            "class Order(Versioned, oldest=1): pass",
            "class Order(Versioned, version=2, oldest=1): pass",
        ),
        ("class Order(vp.Versioned,): pass", "class Order(vp.Versioned, version=2,): pass"),
        ("adopt(Plain, 1)", "adopt(Plain, 2)"),
        ("adopt(Plain)", "adopt(Plain, version=2)"),
        ("adopt(Plain, version=7)", "adopt(Plain, version=8)"),
        ("if VERSION:\n  vp.adopt('{ref}')", "if VERSION:\n  vp.adopt('{ref}', version=2)"),
        (
            "try:\n  @versioned\n  class Order: pass\nfinally:\n  pass",
            "try:\n  @versioned(version=2)\n  class Order: pass\nfinally:\n  pass",
        ),
    ],
)
def test_versions(shop, before, after):
    """The version is raised wherever it is declared, and whatever that is called."""
    ref = f"{shop.module}:Plain"
    name = "Plain" if "adopt" in before else "Order"

    found = changed(shop, IMPORTS + before.format(ref=ref), name=name)

    assert IMPORTS + after.format(ref=ref) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@versioned\n", '@versioned(formerly="old:Order")\n'),
        ("@versioned(2)\n", '@versioned(2, formerly="old:Order")\n'),
        ("@versioned(formerly='a:B')\n", "@versioned(formerly=('a:B', \"old:Order\"))\n"),
        ("@versioned(formerly=['a:B',])\n", "@versioned(formerly=['a:B', \"old:Order\",])\n"),
        ("@versioned(formerly=('a:B',))\n", "@versioned(formerly=('a:B', \"old:Order\",))\n"),
        ("@versioned(formerly=())\n", '@versioned(formerly="old:Order")\n'),
        ("@versioned(formerly=[])\n", '@versioned(formerly=["old:Order"])\n'),
        (
            "@versioned(formerly={'a:B': 1})\n",
            "@versioned(formerly={'a:B': 1, \"old:Order\": 1})\n",
        ),
        (
            "@versioned(formerly={}, unstamped=len)\n",
            '@versioned(formerly={"old:Order": None}, unstamped=len)\n',
        ),
    ],
)
def test_former_names(shop, before, after):
    """They are added to those that stand there."""
    found = changed(shop, f"{IMPORTS}{before}class Order: pass\n", bump=False, former="old:Order")

    assert f"{IMPORTS}{after}class Order: pass\n" == found


def test_both_at_once(shop):
    """A class may have moved and changed."""
    source = "from versionpickle import versioned\n@versioned\nclass Order: pass\n"

    found = changed(shop, source, former="old:Order")

    assert '@versioned(version=2, formerly="old:Order")\nclass' in found


@pytest.mark.parametrize(
    ("declaration", "cure"),
    [
        ("@versioned(version=VERSION)\nclass Order: pass", "write version=3 into the declaration"),
        ("@versioned(**SETTINGS)\nclass Order: pass", "write version=3 into the declar"),
        ("@versioned(*BOTH)\nclass Order: pass", "write version=3 into the declaration of Order"),
        ("class Order((Versioned)): pass", "write version=2 into the declaration of Order"),
        ("@versioned\nclass Base: pass\nclass Order(Base): pass", "write @versioned(version=2) a"),
        ("Order = versioned(2)(type('Order', (), {}))", "write version=3 into the declaration"),
        ("for Order in [Plain]: adopt(Order, 2)\nadopt", None),
        ("Order = Plain\nfor one in [Plain]:\n  adopt(one, 2)\none = 0", "write adopt('"),
    ],
)
def test_declaration_is_refused(shop, declaration, cure):
    """What is no literal, or is not found, is left to the user, who is told what to write."""
    if cure is None:
        assert "adopt(Order, 3)" in changed(shop, IMPORTS + declaration)
        return
    with pytest.raises(ProjectError) as caught:
        changed(shop, IMPORTS + declaration)
    assert cure in str(caught.value)
    assert str(caught.value).endswith("yourself, and its step")


def test_former_names_that_are_no_literal(shop):
    """They are left to the user as well."""
    source = f"{IMPORTS}OLD = ()\n@versioned(formerly=OLD)\nclass Order: pass"

    with pytest.raises(ProjectError, match='write its formerly as plain .* formerly="old:Order"'):
        changed(shop, source, bump=False, former="old:Order")


def test_classes_within_classes_and_behind_conditions(shop):
    """They are found by their qualnames, but not in functions."""
    source = """
if True:
    class A:
        class B:
            class C: pass
def f():
    class D: pass
try: pass
except ValueError:
    class E: pass
"""
    found = [qualname for qualname, _ in classes_in(ast.parse(source))]

    assert ["A", "A.B", "A.B.C", "E"] == found
    nested = "from versionpickle import versioned\nclass A:\n  @versioned\n  class B: pass\n"
    assert "  @versioned(version=2)\n" in changed(shop, nested, name="A.B")


def test_a_class_that_is_defined_twice(shop):
    """Nobody can tell which of the two counts."""
    source = IMPORTS + 2 * "@versioned\nclass Order: pass\n"

    with pytest.raises(ProjectError, match="2 declarations of it are found"):
        changed(shop, source)


def test_sources_outside_of_the_project(shop):
    """They are not touched."""
    _, instrumentation = place(
        shop, "from versionpickle import versioned\n@versioned\nclass Order: pass\n"
    )

    with pytest.raises(ProjectError, match="has no source in this project"):
        place_of(instrumentation, shop.folder / "inner")
    del sys.modules[shop.module].__file__
    with pytest.raises(ProjectError, match="has no source in this project"):
        place_of(instrumentation, shop.folder)


@pytest.mark.parametrize(
    "data",
    [
        f"# -*- coding: latin-1 -*-\n{IMPORTS}@versioned(2)  # é\nclass Order: pass".encode(
            "latin-1"
        ),
        codecs.BOM_UTF8 + f"{IMPORTS}Ω = 'é'; é = 5\n@versioned(2)\nclass Order: pass".encode(),
        b"from versionpickle import versioned\r\n@versioned(2)\r\nclass Order:\r\n\tpass\r\n",
        b"from versionpickle import versioned\r\x0c\r@versioned(2)\rclass Order:\r\tpass\r",
    ],
)
def test_bytes(shop, data):
    """Encodings, byte order marks and ends of lines stay as they are."""
    found, instrumentation = place(shop, data)

    text = edited(found, instrumentation)

    assert data.replace(b"versioned(2)", b"versioned(3)") == found.source.encoded(text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "(\n    version=2,\n    unstamped={\n        1: A,\n    },\n)"),
        ("(name='a')", "(version=2, name='a', unstamped={\n    1: A,\n})"),
        ("(1)", "(2, unstamped={\n    1: A,\n})"),
    ],
)
def test_long_settings(shop, given, expected):
    """Settings of several lines are written as formatters do, if no others are there."""
    found, instrumentation = place(shop, f"{IMPORTS}@versioned{given}\nclass Order: pass\n")
    settings = {"version": "2", "unstamped": "{\n    1: A,\n}"}

    assert f"@versioned{expected}\n" in found.source.edited(
        edits(found, instrumentation, settings)
    )


def test_columns_behind_other_characters(shop):
    """They are counted in characters, not in bytes."""
    source = f"{IMPORTS}ÄÖ = versioned; ß = 'é'\n@ÄÖ(2)\nclass Order: pass\n"

    assert "@ÄÖ(3)\n" in changed(shop, source)


def test_what_cannot_be_encoded(tmp_path):
    """Is told."""
    file = tmp_path / "m.py"
    file.write_bytes(b"# coding: latin-1\nx = 1\n")
    source = SourceText.read(file)

    with pytest.raises(ProjectError, match="its encoding has no '€'; write it as an escape"):
        source.encoded("x = '€'")


@pytest.mark.parametrize("data", [b"# coding: nonsense\n", b"\xff", b"x = (\n", b"\0"])
def test_no_source(tmp_path, data):
    """What Python could not read is no source."""
    file = tmp_path / "m.py"
    file.write_bytes(data)

    with pytest.raises(ProjectError, match="this is not valid Python source"):
        SourceText.read(file)


SPACE = {"versioned": versioned, "adopt": adopt, "Versioned": Versioned, "migration": migration}


def imported(text, *names, space=None):
    source = SourceText(Path("m.py"), text)
    scope = Scope(source, SPACE if space is None else space)
    codes = [scope.name_of(*name.split(":")) for name in names]
    return codes, source.edited(scope.edits())


ADDED = "from versionpickle.migrations import add, rename"


class TestImports:
    """Names that a step needs."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (
                "import attrs\n\nx = 1\nimport late\n",
                f"import attrs\n\nx = 1\nimport late\n{ADDED}\n",
            ),
            (
                "import attrs; import os  # both\n\n\nclass A: pass\nimport late\n",
                f"import attrs; import os  # both\n\n{ADDED}\n\n\nclass A: pass\nimport late\n",
            ),
            (
                "from versionpickle.migrations import convert\n",
                "from versionpickle.migrations import add, convert, rename\n",
            ),
            (
                "from versionpickle.migrations import (\n    become,\n    remove as r,\n)\n",
                (
                    "from versionpickle.migrations import (\n    add,\n    become,\n"
                    "    remove as r,\n    rename,\n)\n"
                ),
            ),
            (
                "from versionpickle.migrations import (become,\n    remove)\n",
                "from versionpickle.migrations import (add, become,\n    remove,\n    rename)\n",
            ),
            (
                "from versionpickle.migrations import *\n",
                f"from versionpickle.migrations import *\n{ADDED}\n",
            ),
            (
                "from .migrations import a\n",
                "from versionpickle.migrations import add, rename\n\nfrom .migrations import a\n",
            ),
            (
                f"from versionpickle.migrations import convert as {'c' * 40}\n",
                (
                    f"from versionpickle.migrations import convert as {'c' * 40}\n"
                    "from versionpickle.migrations import add, rename\n"
                ),
            ),
            ('"""Doc."""\nx = 1\n', f'"""Doc."""\n\n{ADDED}\nx = 1\n'),
            ("x = 1\n", "from versionpickle.migrations import add, rename\n\nx = 1\n"),
            ("", "from versionpickle.migrations import add, rename\n"),
            (
                '"""Doc."""\nfrom __future__ import annotations\nx = 1\n',
                f'"""Doc."""\nfrom __future__ import annotations\n\n{ADDED}\nx = 1\n',
            ),
            (
                "from __future__ import annotations\n\nimport os\n\nfrom zlib_ng import a\n",
                (
                    "from __future__ import annotations\n\nimport os\n\n"
                    f"{ADDED}\nfrom zlib_ng import a\n"
                ),
            ),
            ("from zlib_ng import a\n", f"{ADDED}\nfrom zlib_ng import a\n"),
            ("import os\n", f"import os\n\n{ADDED}\n"),
        ],
    )
    def test_places(self, before, after):
        """An import is extended, or follows the last one."""
        assert (
            after
            == imported(before, "versionpickle.migrations:add", "versionpickle.migrations:rename")[
                1
            ]
        )

    @pytest.mark.parametrize(
        ("space", "expected"),
        [
            ({"migration": migration}, "migration"),
            ({"step": migration}, "step"),
            ({"vp": sys.modules["versionpickle"]}, "vp.migration"),
            ({"other": sys}, "migration"),
            ({"migration": 5, "migration_": 6}, "migration__"),
        ],
    )
    def test_names(self, space, expected):
        """What the module calls it counts; a name that means something else is not taken."""
        assert [expected] == imported("", "versionpickle:migration", space=space)[0]

    def test_of_a_module(self):
        """What a module has is called by it."""
        space = {"pathlib": pathlib}

        assert (["pathlib.Path"], "") == imported("", f"{Path.__module__}:Path", space=space)

    def test_another_name(self):
        """Stands in the import."""
        codes, text = imported("import os\n", "decimal:Decimal", space={"Decimal": 5})

        assert ["Decimal_"] == codes
        assert "import os\nfrom decimal import Decimal as Decimal_\n" == text

    def test_builtins(self):
        """They need no import, unless a module means something else by their names."""
        assert (["int"], "") == imported("", "builtins:int", space={})
        assert ["int_"] == imported("", "builtins:int", space={"int": 5})[0]

    def test_once(self):
        """A name is imported once."""
        codes, text = imported("", "decimal:Decimal", "decimal:Decimal")

        assert (["Decimal", "Decimal"], "from decimal import Decimal\n") == (codes, text)


CLASS = """\
from versionpickle import migration, versioned
from versionpickle.migrations import rename
@versioned(version=3)
class Order:
    pass  # here
    # and here

    # still within
"""


class TestPlaces:
    """Where a step stands."""

    def placed(self, shop, rest, code=None):
        found, instrumentation = place(shop, CLASS + rest)
        code = code or StepCode("migration", "Order", 3, ('rename("a", "b")',))
        edit = placed_behind(found.source, found.space, instrumentation, found.statement, [code])
        return found.source.edited([edit]).removeprefix(CLASS.rstrip("\n"))

    CALL = 'migration(Order, 3, rename("a", "b"))'
    FUNCTION = (
        "@migration(Order, 3)\n"
        "def order_3_to_4(state: dict[str, Any]) -> dict[str, Any]:\n    return state"
    )

    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            ("", f"\n\n\n{CALL}\n"),
            ("x = 1\n", f"\n\n\n{CALL}\n\n\nx = 1\n"),
            ("\nx = 1\n", f"\n\n\n{CALL}\n\nx = 1\n"),
            (
                "\nmigration(Order, 1, rename('x', 'y')); x = 1\n\nx = 2\n",
                f"\n\nmigration(Order, 1, rename('x', 'y')); x = 1\n\n\n{CALL}\n\nx = 2\n",
            ),
            (
                "\nmigration(Order, 1, rename('x', 'y'))\nmigration('{ref}', 2)(len)\nx = 2",
                (
                    "\n\nmigration(Order, 1, rename('x', 'y'))\nmigration('{ref}', 2)(len)\n"
                    f"{CALL}\nx = 2"
                ),
            ),
            (
                (
                    "@migration(Order, 1)\ndef f(s): return s\n@f.down\ndef g(s): return s\n"
                    "@staticmethod\ndef h(s): pass"
                ),
                (
                    "\n@migration(Order, 1)\ndef f(s): return s\n@f.down\ndef g(s): return s"
                    f"\n\n\n{CALL}\n\n\n@staticmethod\ndef h(s): pass"
                ),
            ),
            (
                "class Other: pass\nmigration('{ref}Other', 1, rename('x', 'y'))",
                (
                    f"\n\n\n{CALL}\n\n\nclass Other: pass\n"
                    "migration('{ref}Other', 1, rename('x', 'y'))"
                ),
            ),
        ],
    )
    def test_calls(self, shop, rest, expected):
        """Behind the class and the steps that follow it, with the lines that readers expect."""
        ref = f"{shop.module}:Order"

        assert expected.replace("{ref}", ref) == self.placed(shop, rest.replace("{ref}", ref))

    def test_functions(self, shop):
        """Have more room."""
        code = StepCode("migration", "Order", 3)

        found = self.placed(shop, "\nmigration(Order, 1, rename('x', 'y'))\n\nx = 1\n", code)

        assert f"rename('x', 'y'))\n\n\n{self.FUNCTION}\n\nx = 1\n" in found

    def test_steps_tell_what_the_class_is_called(self, shop):
        """New ones call it the same."""
        ref = f"{shop.module}:Order"
        found, instrumentation = place(
            shop, f"{CLASS}migration('{ref}', 1, rename('x', 'y'))\nmigration\n"
        )

        assert f"'{ref}'" == target_in(found.source, found.space, instrumentation)
        found, instrumentation = place(shop, CLASS)
        assert target_in(found.source, found.space, instrumentation) is None


def test_long_steps_are_broken():
    """One operation stands on a line."""
    operations = tuple(f'rename("{letter * 20}", "b")' for letter in "acd")

    assert (
        'migration(\n\tOrder,\n\t2,\n\trename("aaaaaaaaaaaaaaaaaaaa", "b"),\n'
        '\trename("cccccccccccccccccccc", "b"),\n\trename("dddddddddddddddddddd", "b"),\n)'
    ) == str(StepCode("migration", "Order", 2, operations, indent="\t"))


def test_names_of_functions():
    """Are those of the class in small letters, whatever it is called."""
    assert "def shop_models_tcp_order_1_to_2(state: " in str(
        StepCode("migration", '"shop.models:TcpOrder"', 1)
    )


def test_edits_beside_each_other():
    """All are made where they were meant."""
    source = SourceText(Path("m.py"), "abc = 1\r\n")

    assert "xbc = 2\r\n3\r\n" == source.edited([Edit(6, 7, "2\n3"), Edit(0, 1, "x")])
