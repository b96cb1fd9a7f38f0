"""`dumps`, `loads` and their kin: the shape of the pickle module's own."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import io
import pickle

from collections.abc import Callable, Iterable
from typing import Any

from ._adopt import named
from ._finder import Finder, Refused
from ._twice import Buffers, Recorder, is_seekable, reachable_from
from .exceptions import (
    BuildError,
    DamagedError,
    ForbiddenError,
    PicklingError,
    TruncatedError,
    VersionPickleError,
)
from .migrations import Registry, default_registry


class Pickler(pickle.Pickler):
    """
    Write objects as `pickle.Pickler` does.

    Objects of versioned classes are stamped by any pickler; this one also knows
    the classes that *registry* adopted for itself, and raises `PicklingError`
    for whatever cannot be pickled.
    """

    def __init__(
        self,
        file: Any,
        protocol: int | None = None,
        *,
        fix_imports: bool = True,
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
        registry: Registry | None = None,
    ) -> None:
        super().__init__(file, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback)
        if registry is not None and registry.reducers:
            table: Any = collections.ChainMap(registry.reducers, copyreg.dispatch_table)
            self.dispatch_table = table

    def dump(self, obj: Any) -> None:
        """Write *obj*; raise PicklingError, with the cause, where it cannot be."""
        try:
            super().dump(obj)
        except VersionPickleError:
            raise
        except _CANNOT_PICKLE as exc:
            raise _told(obj, exc) from exc


_CANNOT_PICKLE = (pickle.PicklingError, AttributeError, TypeError)


def _told(obj: Any, exc: Exception) -> PicklingError:
    return PicklingError(
        f"cannot pickle this {type(obj).__name__}: {exc}; make what is in the way a "
        "transient field, or adopt() its class"
    )


class Unpickler(pickle.Unpickler):
    """
    Read objects as `pickle.Unpickler` does, but only of classes that are known.

    Known are versioned, adopted, aliased, retired and allowed classes, and the
    value types of the standard library.
    *allow* holds further classes, functions or refs for this reader alone.
    With *unsafe* every name is imported and called as the pickle demands, which
    lets whoever wrote it run any code; renames and upgrades still apply.
    """

    def __init__(
        self,
        file: Any,
        *,
        fix_imports: bool = True,
        encoding: str = "ASCII",
        errors: str = "strict",
        buffers: Iterable[Any] | None = None,
        registry: Registry | None = None,
        allow: Iterable[object] = (),
        unsafe: bool = False,
    ) -> None:
        if not is_seekable(file):
            file = Recorder(file)
        buffers = None if buffers is None else Buffers(buffers)
        super().__init__(
            file, fix_imports=fix_imports, encoding=encoding, errors=errors, buffers=buffers
        )
        self._file = file
        self._encoding = encoding
        self._errors = errors
        self._buffers = buffers
        self._unsafe = unsafe
        self._is_building = False
        self._finder = Finder(
            registry or default_registry,
            dict(named(allow)) if allow else {},
            super().find_class if unsafe else None,
        )

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle means; override this to decide yourself."""
        found = self._finder.find(module, name)
        if self._finder.needs_builder and not self._is_building:
            raise _NeedsBuilderError
        return found

    def load(self) -> Any:
        """
        Read one object.

        Raises an UnpicklingError that says what was met, and what to do; with
        *unsafe*, what pickle raises of damaged bytes is left as it is.
        """
        start = self._file.tell()
        self._is_building = False
        if self._buffers is not None:
            self._buffers.keep_place()
        try:
            return self._load(start)
        except Refused as refused:
            raise self._forbidden(start, str(refused)) from None
        except VersionPickleError:
            raise
        except Exception as exc:
            if self._unsafe:
                raise
            raise _translated(exc, self._size()) from exc

    def _load(self, start: int) -> Any:
        try:
            found = super().load()
            needs_builder = bool(self._finder.met) and self._leaves_blanks(found)
        except _NeedsBuilderError:
            needs_builder = True
        return self._load_with_builder(start) if needs_builder else found

    def _size(self) -> int | None:
        return len(self._file.getbuffer()) if isinstance(self._file, io.BytesIO) else None

    def _leaves_blanks(self, found: Any) -> bool:
        """Tell whether there are old objects without a state: nobody could upgrade them."""
        met = self._finder.met
        return any(
            type(obj) in met and met[type(obj)].is_blank(obj) for obj in reachable_from(found)
        )

    def _load_with_builder(self, start: int) -> Any:
        from ._builder import Builder  # noqa: PLC0415 - few loads need it

        self._file.seek(start)
        if self._buffers is not None:
            self._buffers.rewind()
        self._is_building = True
        return Builder(
            self._file,
            self.find_class,
            self._finder.met,
            encoding=self._encoding,
            errors=self._errors,
            persistent=getattr(self, "persistent_load", None),
            buffers=self._buffers,
        ).run()

    def _forbidden(self, start: int, first: str) -> ForbiddenError:
        """Return an error that names all that is refused, not the first alone."""
        from ._builder import Lister  # noqa: PLC0415 - no good load needs it

        self._file.seek(start)
        lister = Lister(self._file, self._finder)
        with contextlib.suppress(Exception):  # the bytes are bad as well, which matters less now
            lister.run()
        refused = dict.fromkeys([*lister.refused, first])
        return ForbiddenError(tuple(sorted(refused)))


_READERS = {__name__, "versionpickle._machine"}
"""Where errors show up that C's unpickler, or our own, raises of the bytes themselves."""


class _NeedsBuilderError(Exception):
    """Say that only our own machine can load this pickle; never leaves a load."""


def _translated(exc: Exception, size: int | None) -> VersionPickleError:
    """Say whether the bytes were bad, or whether a class could not cope with good ones."""
    if isinstance(exc, EOFError) or "truncated" in str(exc):
        return TruncatedError(size)
    problem = f"{type(exc).__name__}: {exc}"
    traceback = exc.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    assert traceback is not None
    by_a_reader = traceback.tb_frame.f_globals["__name__"] in _READERS
    if by_a_reader and not isinstance(exc, TypeError | AttributeError):
        return DamagedError(problem)
    return BuildError(problem)


def dumps(
    obj: Any,
    protocol: int | None = None,
    *,
    fix_imports: bool = True,
    buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
    registry: Registry | None = None,
) -> bytes:
    """
    Return the pickle of *obj*.

    As `pickle.dumps`, which may be used just as well; this one raises
    `PicklingError` for whatever cannot be pickled, and knows the classes that
    *registry* adopted for itself.

    >>> import versionpickle
    >>> versionpickle.loads(versionpickle.dumps({"answer": 42}))
    {'answer': 42}
    """
    if registry is None or not registry.reducers:
        try:
            return pickle.dumps(
                obj, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback
            )
        except VersionPickleError:
            raise
        except _CANNOT_PICKLE as exc:
            raise _told(obj, exc) from exc
    file = io.BytesIO()
    pickler = Pickler(
        file,
        protocol,
        fix_imports=fix_imports,
        buffer_callback=buffer_callback,
        registry=registry,
    )
    pickler.dump(obj)
    return file.getvalue()


def dump(
    obj: Any,
    file: Any,
    protocol: int | None = None,
    *,
    fix_imports: bool = True,
    buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
    registry: Registry | None = None,
) -> None:
    """
    Write the pickle of *obj* to an open *file*, in one call of its ``write``.

    Nothing is written where *obj* cannot be pickled whole.
    """
    data = dumps(
        obj,
        protocol,
        fix_imports=fix_imports,
        buffer_callback=buffer_callback,
        registry=registry,
    )
    file.write(data)


def loads(
    data: bytes | bytearray | memoryview,
    /,
    *,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    errors: str = "strict",
    buffers: Iterable[Any] | None = None,
    registry: Registry | None = None,
    allow: Iterable[object] = (),
    unsafe: bool = False,
) -> Any:
    r"""
    Return the object of a pickle, upgraded to today's classes.

    Builds only what is known; see `Unpickler` for *allow*, *unsafe* and what is
    raised.
    *encoding* and *errors* decode the strings of Python 2.
    Bytes after the end of the pickle are an error.

    >>> import versionpickle
    >>> versionpickle.loads(b"cos\\nsystem\\n(S'true'\\ntR.")
    Traceback (most recent call last):
        ...
    versionpickle.exceptions.ForbiddenError: this pickle asks for os:system, ...
    """
    file = io.BytesIO(data)
    found = Unpickler(
        file,
        fix_imports=fix_imports,
        encoding=encoding,
        errors=errors,
        buffers=buffers,
        registry=registry,
        allow=allow,
        unsafe=unsafe,
    ).load()
    if not unsafe and file.tell() != len(data):
        raise DamagedError(f"{len(data) - file.tell()} bytes follow after its end")
    return found


def load(
    file: Any,
    /,
    *,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    errors: str = "strict",
    buffers: Iterable[Any] | None = None,
    registry: Registry | None = None,
    allow: Iterable[object] = (),
    unsafe: bool = False,
) -> Any:
    """
    Read one object from an open *file*, and leave it behind the pickle.

    Otherwise as `loads`.
    """
    return Unpickler(
        file,
        fix_imports=fix_imports,
        encoding=encoding,
        errors=errors,
        buffers=buffers,
        registry=registry,
        allow=allow,
        unsafe=unsafe,
    ).load()
