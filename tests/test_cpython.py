"""CPython's own tests of pickle, run against our functions and classes."""

import functools
import io
import pickle
import sys
import unittest

import pytest

import versionpickle

from versionpickle._pickles.dump.deep import DeepPickler


pickletester = pytest.importorskip(
    "test.pickletester", reason="this CPython comes without its own tests"
)


IS_NEWER = sys.version_info >= (3, 14)


class Unpickler(versionpickle.Unpickler):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, unsafe=True, **kwargs)


class OurErrors:
    """Of data that is cut, whatever the number is that says how much there should be."""

    truncated_data_error = size_overflow_error = (Exception, "")

    def _test_truncated_data(self, dumped, expected_error=None):
        super()._test_truncated_data(dumped, self.truncated_data_error)


class Functions(OurErrors):
    bad_stack_errors = truncated_errors = (pickle.UnpicklingError,)

    def dumps(self, obj, protocol=None, **kwargs):
        return versionpickle.dumps(obj, protocol, **kwargs)

    def loads(self, data, **kwargs):
        return versionpickle.loads(data, unsafe=True, **kwargs)


class Classes(OurErrors):
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

    if IS_NEWER:
        test_pickler_hook = None  # an error in CPython's own words


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

    if IS_NEWER:
        test_bad_state = test_large_binstring = None  # errors in CPython's own words
        test_issue135241 = None  # a blank before a number
        test_frame_does_not_straddle_boundary = test_nested_frame = None
        test_truncated_large_frame = None  # nothing here depends on where frames end


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
    if IS_NEWER:
        test_bad_types = test_nested_frame = None  # no pickler writes these either
        test_zero_padded_integers = None  # as above
        test_too_large_put = test_too_large_long_binput = None  # more than limits allow
        test_truncated_large_binbytes8 = test_truncated_large_binunicode8 = None
        test_truncated_large_bytearray8 = test_truncated_large_frame = None
        # of protocol 4 or 5, without saying so


class TestDeepDispatchTable(
    OurMachines, pickletester.AbstractDispatchTableTests, unittest.TestCase
):
    def get_dispatch_table(self):
        return pickle.dispatch_table.copy()


class TestDeepHooks(pickletester.AbstractHookTests, unittest.TestCase):
    class pickler_class(DeepPickler, pickletester.AbstractCustomPicklerClass):  # noqa: N801 - CPython's name
        pass

    if IS_NEWER:
        test_pickler_hook = None  # as above
