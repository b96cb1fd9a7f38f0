"""Classes that are declared again: after a reload, in a notebook, as a script and a module."""

from __future__ import annotations

import importlib
import pickle
import sys
import textwrap
import types

import pytest

import versionpickle

from versionpickle import adopt, alias, migration
from versionpickle.exceptions import DeclarationError, ForbiddenError, UnreachableClassError
from versionpickle.migrations import default_registry, rename
from versionpickle.migrations._origin import Origin


CLASS = """
import attrs
from versionpickle import versioned

@versioned({settings})
@attrs.define
class Result:
    number: int
"""


class Library:
    """A folder of modules that can be imported and changed."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, name, source):
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        sys.path_importer_cache.pop(str(self.folder), None)

    def load(self, name, source):
        self.write(name, source)
        return importlib.import_module(name)

    def reload(self, name, source):
        self.write(name, source)
        return importlib.reload(sys.modules[name])


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Library(tmp_path)
    for name in [name for name in sys.modules if name.startswith(("again_", "place_"))]:
        del sys.modules[name]


@pytest.mark.parametrize("settings", ["name='again.named'", "version=2", ""])
def test_reloaded_class(library, settings):
    """An object from before a reload that changed nothing is stored as one of today's class."""
    module = library.load("again_lab", CLASS.format(settings=settings))
    before = module.Result(6)
    importlib.reload(module)

    assert pickle.loads(pickle.dumps(before)) == module.Result(6)


@pytest.mark.parametrize(
    ("old", "new"), [("version=2", "version=3"), ("number: int", "number: int; unit: str = ''")]
)
def test_class_that_changed_in_a_reload(library, old, new):
    """An object from before is refused, and the message names the reload."""
    source = CLASS.format(settings="name='again.changed', version=2")
    before = library.load("again_changed", source).Result(6)
    library.reload("again_changed", source.replace(old, new))

    with pytest.raises(UnreachableClassError, match=r"was reloaded, or its cell was run again"):
        pickle.dumps(before)


def test_module_imported_again(library):
    """The same holds if the module was dropped and imported again, as Streamlit does."""
    source = CLASS.format(settings="name='again.dropped'")
    before = library.load("again_dropped", source).Result(6)
    del sys.modules["again_dropped"]

    module = importlib.import_module("again_dropped")

    assert pickle.loads(pickle.dumps(before)) == module.Result(6)


@pytest.fixture
def main(library, monkeypatch):
    """Run a file as a script, in the place of the main module."""

    def run(name, source):
        library.write(name, source)
        module = types.ModuleType("__main__")
        module.__file__ = str(library.folder / f"{name}.py")
        monkeypatch.setitem(sys.modules, "__main__", module)
        exec(compile(textwrap.dedent(source), module.__file__, "exec"), vars(module))
        return module

    return run


@pytest.mark.parametrize("is_main_first", [True, False])
def test_script_that_is_imported(main, library, is_main_first):
    """A class of a script and its copy in the module of the same file are one class."""
    source = CLASS.format(settings=f"name='again.script{is_main_first}'")
    if is_main_first:
        script, module = main("again_app", source), importlib.import_module("again_app")
    else:
        module, script = library.load("again_app", source), main("again_app", source)

    for cls in (script.Result, module.Result):
        assert pickle.loads(pickle.dumps(cls(3))) == script.Result(3)


def test_another_script_of_that_name(main, library):
    """Two files that use one name are two classes."""
    library.load("again_one", CLASS.format(settings="name='again.two'"))

    with pytest.raises(DeclarationError, match=r"'again.two' already means again_one:Result"):
        main("again_two", CLASS.format(settings="name='again.two'"))


ADOPTION = """
from versionpickle import adopt, migration
from versionpickle.migrations import default_registry, rename
from again_space import cls, registry

adopt(cls, version=2, registry=registry)
migration(cls, 1, rename("a", "b"), registry=registry)
"""


@pytest.fixture
def space(registry, library, monkeypatch):
    """What the adopting module takes from elsewhere."""
    module = types.ModuleType("again_space")
    module.registry = registry
    exec("class cls: pass", vars(module))
    monkeypatch.setitem(sys.modules, "again_space", module)
    return module


@pytest.mark.parametrize("is_default", [True, False])
def test_adoption_that_is_reloaded(library, space, is_default):
    """A module that adopts a class may be reloaded: its steps replace those from before."""
    if is_default:
        space.registry = None
    library.load("again_adoption", ADOPTION)

    library.reload("again_adoption", ADOPTION.replace('"b"', '"c"'))

    (step,) = (space.registry or default_registry).steps_of("again_space:cls")
    assert str(step).endswith("(rename('a', 'c'))")


@pytest.mark.parametrize("is_interactive", [True, False])
def test_cell_that_runs_again(space, main, monkeypatch, is_interactive):
    """In a notebook, a cell that adopts may run again; in a script, that is a mistake."""
    if is_interactive:
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    script = main("again_cell", ADOPTION)

    if is_interactive:
        exec(ADOPTION, vars(script))
        assert len(space.registry.steps()) == 1
    else:
        with pytest.raises(DeclarationError, match="already adopted"):
            exec(ADOPTION, vars(script))


def test_script_that_runs_again(space, main):
    """A script that runs again in a new main module, as in Streamlit, adopts again."""
    main("again_app", ADOPTION)
    main("again_app", ADOPTION.replace('"b"', '"c"'))

    (step,) = space.registry.steps()
    assert str(step).endswith("(rename('a', 'c'))")


def test_steps_that_are_reloaded(library, space):
    """Steps of a module that is reloaded replace those that it registered before."""
    adopt(space.cls, version=2, registry=space.registry)
    source = ADOPTION.replace("adopt(", "dict(cls=")
    library.load("again_steps", source)
    library.reload("again_steps", source.replace('"b"', '"c"'))

    (step,) = space.registry.steps()
    assert str(step).endswith("(rename('a', 'c'))")


def test_alias_that_is_reloaded(library, space):
    """So do aliases."""
    source = """
        from versionpickle import alias
        from again_space import registry
        alias("m:old", lambda: {}, registry=registry)
    """
    library.load("again_alias", source.format(1))
    library.reload("again_alias", source.format(2))

    assert space.registry.resolve("m:old")() == 2


def test_code_without_a_module():
    """What is executed without a module may not come again."""
    assert not Origin({"__name__": "no.such.module"}, None).is_gone


THING = b"\x80\x02cplace_old\nThing\n)\x81}X\x06\x00\x00\x00lengthK\x05sb."


@pytest.fixture
def moved(library):
    """A class that its old module still has."""
    library.write("place_new", "class Thing:\n    def size(self): return 1\ndef make(): return 7")
    library.write("place_old", "from place_new import Thing, make\nother = Thing()")
    importlib.import_module("place_old")
    return sys.modules["place_new"]


class TestReexported:
    """A name that leads to a known class is known, too."""

    @pytest.mark.parametrize("target", ["place_old:Thing", "place_new:Thing"])
    @pytest.mark.parametrize("owner", ["place_old:Thing", "place_new:Thing"])
    def test_adopted_class(self, moved, registry, target, owner):
        adopt(target, version=2, registry=registry)
        migration(owner, 1, rename("length", "size"), registry=registry)

        assert registry.steps()[0].ref == "place_new:Thing"
        assert vars(versionpickle.loads(THING, registry=registry)) == {"size": 5}

    @pytest.mark.parametrize(
        "way", [{"unsafe": True}, {"allow": ["place_old:Thing"]}], ids=["unsafe", "allowed"]
    )
    def test_module_that_the_load_imports(self, moved, registry, way):
        """Where the load itself imports the old module, the steps run as well."""
        adopt(moved.Thing, version=2, registry=registry)
        migration(moved.Thing, 1, rename("length", "size"), registry=registry)
        del sys.modules["place_old"]

        assert vars(versionpickle.loads(THING, registry=registry, **way)) == {"size": 5}

    @pytest.mark.parametrize("by_ref", [True, False])
    def test_allowed_function(self, moved, registry, by_ref):
        versionpickle.allow("place_new:make" if by_ref else moved.make, registry=registry)

        assert versionpickle.loads(b"cplace_old\nmake\n)R.", registry=registry) == 7

    def test_other_objects(self, moved, registry):
        """What is not known stays refused, and what is no class or function has no ref."""
        assert registry.target("place_old:make") == "place_old:make"
        assert registry.target("place_old:other") == "place_old:other"
        assert registry.reexported("place_old:make") is None
        assert registry.reexported("place_old") is None

    def test_former_name(self, moved, registry):
        """A declared former name has steps of its own."""
        adopt(moved.Thing, version=2, formerly="place_old:Thing", registry=registry)
        migration("place_old:Thing", 1, rename("length", "size"), registry=registry)

        assert registry.steps()[0].ref == "place_old:Thing"

    def test_impostor(self, moved, registry, monkeypatch):
        """Another class that claims the name of a known one is not that class."""
        adopt(moved.Thing, registry=registry)
        impostor = type("Thing", (), {"__module__": "place_new"})
        monkeypatch.setattr(sys.modules["place_old"], "Thing", impostor)

        assert registry.target("place_old:Thing") == "place_old:Thing"


class TestNestedNames:
    """What is nested in a class that has moved has moved along."""

    def test_former_name(self, moved, registry):
        adopt(moved.Thing, formerly="gone:Thing", registry=registry)
        versionpickle.allow("gone:Thing.size", registry=registry)

        data = b"\x80\x04\x8c\x04gone\x8c\nThing.size\x93."
        assert versionpickle.loads(data, registry=registry) is moved.Thing.size

    @pytest.mark.parametrize("new", ["place_new:Thing", None])
    def test_alias(self, moved, registry, new):
        alias("gone:Thing", new or moved.Thing, registry=registry)

        assert registry.target("gone:Thing.size") == "place_new:Thing.size"

    def test_of_a_function(self, moved, registry):
        """A function that stands for a class holds no names."""
        alias("gone:Thing", moved.make, registry=registry)

        assert registry.target("gone:Thing.size") == "gone:Thing.size"

    def test_of_a_function_in_a_pickle(self, moved, registry):
        """Its methods are asked for by the name in the pickle, and can be allowed by it."""
        alias("place_new:Thing", moved.make, registry=registry)
        data = b"\x80\x02cbuiltins\ngetattr\ncplace_new\nThing\nX\x04\x00\x00\x00size\x86R."

        with pytest.raises(ForbiddenError) as caught:
            versionpickle.loads(data, registry=registry)
        assert caught.value.refs == ("place_new:Thing.size",)

        versionpickle.allow(*caught.value.refs, registry=registry)
        assert versionpickle.loads(data, registry=registry) is moved.Thing.size
