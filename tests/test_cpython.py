"""CPython's own tests of pickle, run against our functions and classes."""

import functools
import io
import pickle
import unittest

import pytest

import versionpickle

from versionpickle._pickles.dump.deep import DeepPickler


pickletester = pytest.importorskip(
    "test.pickletester", reason="this CPython comes without its own tests"
)


class Unpickler(versionpickle.Unpickler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, unsafe=True, **kwargs)


class Functions:
    bad_stack_errors = truncated_errors = (pickle.UnpicklingError,)

    def dumps(self, obj, protocol=None, **kwargs):
        return versionpickle.dumps(obj, protocol, **kwargs)

    def loads(self, data, **kwargs):
        return versionpickle.loads(data, unsafe=True, **kwargs)


class Classes:
    bad_stack_errors = truncated_errors = (pickle.UnpicklingError,)
    pickler = pickler_class = versionpickle.Pickler
    unpickler = unpickler_class = Unpickler

    def dumps(self, obj, protocol=None, **kwargs):
        file = io.BytesIO()
        self.pickler(file, protocol, **kwargs).dump(obj)
        return file.getvalue()

    def loads(self, data, **kwargs):
        return self.unpickler(io.BytesIO(data), **kwargs).load()


class OurMachines(Classes):
    """The pickler that serves deep objects, and the reader that serves old ones."""

    pickler = pickler_class = DeepPickler
    bad_stack_errors = (Exception,)
    truncated_errors = (pickle.UnpicklingError, Exception)

    def loads(self, data, **kwargs):
        reader = Unpickler(io.BytesIO(data), **kwargs)
        reader._starts.append(0)
        return reader._build()


class WithLimits(Functions):
    """What the default load admits, with all names allowed, loads within limits as well."""

    limits = versionpickle.Limits(depth=100_000, digits=1_000_000)

    def loads(self, data, **kwargs):
        try:
            allow = [ref for ref, _ in versionpickle.inspect(data).refused]
            versionpickle.loads(data, allow=allow, **kwargs)
        except Exception:
            return super().loads(data, **kwargs)
        return versionpickle.loads(data, allow=allow, limits=self.limits, **kwargs)


class PersistentClasses(Classes):
    def dumps(self, obj, protocol=None):
        class Pickler(versionpickle.Pickler):
            def persistent_id(pickler, obj):  # noqa: N805 - the test case is self
                return self.persistent_id(obj)

        file = io.BytesIO()
        Pickler(file, protocol).dump(obj)
        return file.getvalue()

    def loads(self, data, **kwargs):
        class Reader(Unpickler):
            def persistent_load(reader, key):  # noqa: N805 - as above
                return self.persistent_load(key)

        return Reader(io.BytesIO(data), **kwargs).load()


class TestFunctions(
    Functions,
    pickletester.AbstractPickleTests,
    pickletester.AbstractUnpickleTests,
    unittest.TestCase,
):
    test_framed_write_sizes_with_delayed_writer = None  # functions have no file
    test_find_class = test_custom_find_class = None  # and no method to override


class TestClasses(Classes, pickletester.AbstractPickleTests, unittest.TestCase):
    pass


class TestUnpickler(Classes, pickletester.AbstractUnpickleTests, unittest.TestCase):
    pass


class TestModule(pickletester.AbstractPickleModuleTests, unittest.TestCase):
    dump = staticmethod(versionpickle.dump)
    dumps = staticmethod(versionpickle.dumps)
    load = staticmethod(functools.partial(versionpickle.load, unsafe=True))
    loads = staticmethod(functools.partial(versionpickle.loads, unsafe=True))
    Pickler = versionpickle.Pickler
    Unpickler = Unpickler


class TestPersistent(
    PersistentClasses, pickletester.AbstractPersistentPicklerTests, unittest.TestCase
):
    pass


class TestIdentityPersistent(
    PersistentClasses, pickletester.AbstractIdentityPersistentPicklerTests, unittest.TestCase
):
    pass


class TestObjects(Classes, pickletester.AbstractPicklerUnpicklerObjectTests, unittest.TestCase):
    pass


class TestDispatchTable(Classes, pickletester.AbstractDispatchTableTests, unittest.TestCase):
    def get_dispatch_table(self):
        return pickle.dispatch_table.copy()


class TestHooks(pickletester.AbstractHookTests, unittest.TestCase):
    class pickler_class(  # noqa: N801 - CPython's name
        versionpickle.Pickler, pickletester.AbstractCustomPicklerClass
    ):
        pass


class TestOurMachines(
    OurMachines,
    pickletester.AbstractPickleTests,
    pickletester.AbstractUnpickleTests,
    unittest.TestCase,
):
    @pytest.mark.slow
    def test_framing_many_objects(self):
        super().test_framing_many_objects()

    @pytest.mark.slow
    def test_framed_write_sizes_with_delayed_writer(self):
        super().test_framed_write_sizes_with_delayed_writer()


class TestWithLimits(
    WithLimits,
    pickletester.AbstractPickleTests,
    pickletester.AbstractUnpickleTests,
    unittest.TestCase,
):
    test_framed_write_sizes_with_delayed_writer = None  # functions have no file
    test_find_class = test_custom_find_class = None  # and no method to override
    test_builtin_functions = test_c_methods = None  # a safe load has another getattr
    test_load_stack_global = None  # of protocol 4, without saying so
    test_bad_newobj = test_bad_newobj_ex = None  # no pickler writes these, and CPython reads them
    test_complex_newobj_ex = None  # calls what functools.partial returned
    test_buffers_error = test_oob_buffers = test_oob_buffers_writable_to_readonly = None
    # of which each is taken once, and here it is loaded twice


class TestDeepDispatchTable(
    OurMachines, pickletester.AbstractDispatchTableTests, unittest.TestCase
):
    def get_dispatch_table(self):
        return pickle.dispatch_table.copy()


class TestDeepHooks(pickletester.AbstractHookTests, unittest.TestCase):
    class pickler_class(DeepPickler, pickletester.AbstractCustomPicklerClass):  # noqa: N801 - CPython's name
        pass
