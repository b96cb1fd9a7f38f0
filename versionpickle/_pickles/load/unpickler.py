"""`loads`, `load` and `Unpickler`: the shape of the pickle module's own."""

from __future__ import annotations

import copyreg
import functools
import importlib
import io
import math
import pickle
import types

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from versionpickle._classes.names import named
from versionpickle._pickles.build.finder import Finder, Refused
from versionpickle._pickles.replay import (
    ReplayBuffers,
    ReplayFile,
    is_seekable,
    rest_of,
)
from versionpickle.exceptions import (
    BuildError,
    CycleError,
    DamagedError,
    ForbiddenError,
    LimitError,
    PlainLoadError,
    TruncatedError,
    UnpicklingError,
    UntrustedError,
    VersionPickleError,
)
from versionpickle.migrations import Registry
from versionpickle.migrations._registry import checked_registry

from .blanks import leaves_blanks
from .fast import load_fast


if TYPE_CHECKING:
    from versionpickle._pickles.build.builder import Builder
    from versionpickle._pickles.untrusted.limits import Limits


Policy: TypeAlias = Literal["raise", "keep"]


class Unpickler(pickle.Unpickler):
    """
    Read objects as `pickle.Unpickler` does, but only of classes that are known.

    Known are versioned, adopted, aliased, retired and allowed classes, and the
    value types of the standard library.
    *allow* holds further classes, functions or refs for this reader alone.
    With *limits*, pickles may come from anyone: nothing takes more than they say, and
    what no pickler writes is refused.
    What is *missing*, a class that nobody declared, or from the *future*, an object
    that newer code wrote, is an error, or with ``"keep"`` a `Placeholder`: it holds
    all that was stored, and is stored again as it was.
    With *unsafe* every name is imported and called as the pickle demands, which
    lets whoever wrote it run any code; renames and upgrades still apply.
    """

    _file: Any = None
    _limits: Limits | None = None
    _is_all = False
    """Whether there is one pickle, and nothing after it."""

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
        limits: Limits | None = None,
        missing: Policy = "raise",
        future: Policy = "raise",
        unsafe: bool = False,
    ) -> None:
        if isinstance(file, io.TextIOBase):
            raise TypeError(f"a pickle is bytes; open {file!r} with mode 'rb'")
        if limits is not None:
            from versionpickle._pickles.untrusted.limits import checked_limits  # noqa: PLC0415 - for pickles from anyone alone

            self._limits = checked_limits(limits)
            if unsafe:
                raise TypeError("limits= bounds what unsafe=True trusts; give one of them")
        if not is_seekable(file):
            file = ReplayFile(file)
        buffers = None if buffers is None else ReplayBuffers(buffers)
        self._file = file
        self._text = {"encoding": encoding, "errors": errors}
        self._takes_bytes = encoding == "bytes"
        super().__init__(
            file, fix_imports=fix_imports, encoding=encoding, errors=errors, buffers=buffers
        )
        self._memo: dict[int, Any] | None = None
        """What our machine has left, once it took over: C's has read ahead by then."""

        self._buffers = buffers
        self._unsafe = unsafe
        self._is_building = False
        self._starts: list[int] = []
        self._finder = Finder(
            checked_registry(registry),
            dict(named(allow)) if allow else {},
            self._find_anything if unsafe else None,
            _NOTHING if missing == future == "raise" else _kept(missing=missing, future=future),
            waits=limits is not None,
        )

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle means; override this to decide yourself."""
        found = self._finder.find(module, name)
        if self._finder.needs_builder and not self._is_building:
            raise _NeedsBuilderError
        return found

    def _find_anything(self, module: str, name: str) -> Any:
        if self._is_building and "." in name:  # of which C's method reads none outside its load
            return functools.reduce(getattr, name.split("."), importlib.import_module(module))
        return super().find_class(module, name)

    def load(self) -> Any:
        """
        Read one object.

        Raises an UnpicklingError that says what was met, where, and what to do;
        with *unsafe*, what pickle raises of damaged bytes is left as it is.
        """
        if self._file is None:
            return super().load()  # which says that nobody called __init__
        self._starts.append(self._file.tell())
        self._is_building = False
        if self._buffers is not None:
            self._buffers.keep_place()
        try:
            return self._load()
        except Refused as refused:
            raise self._recognised(self._forbidden(str(refused))) from None
        except (DamagedError, TruncatedError, ForbiddenError, UntrustedError) as exc:
            raise self._recognised(exc) from exc.__cause__

    def _recognised(self, exc: UnpicklingError) -> UnpicklingError:
        """Return an error that says what the bytes are, if they are no pickle."""
        from .foreign_bytes import is_joblibs, recognised  # noqa: PLC0415 - no good load needs it

        if isinstance(exc, ForbiddenError) and not any(map(is_joblibs, exc.refs)):
            return exc
        self._rewind()
        return recognised(self._rest()) or exc

    def _load(self) -> Any:
        if self._limits is not None or self._memo is not None or self._takes_bytes:
            return self._build()
        copyreg.clear_extension_cache()  # C takes from there what it should ask us for
        try:
            found = super().load()
        except _NeedsBuilderError:
            return self._build()
        except (Refused, MemoryError, RecursionError):
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is raised again with its place
            return self._load_again(exc)
        if self._finder.met and leaves_blanks(found, self._finder.met):
            return self._build()
        return found

    # With our own machine

    def _build(self) -> Any:
        """Build what C's unpickler cannot, or say where that fails."""
        builder = self._builder()
        from versionpickle._pickles.build.deferred import meaning  # noqa: PLC0415 - few loads need it

        start = self._starts[-1]
        try:
            found = builder.run()
        except Refused:
            raise
        except Exception as exc:
            if self._unsafe and not isinstance(exc, VersionPickleError):
                raise
            raise self._told(builder, exc) from exc
        self._file.seek(start + builder.position)
        if not self._is_all:
            self._memo = {place: meaning(obj) for place, obj in builder.memo.items()}
        return found

    def _load_again(self, exc: Exception) -> Any:
        """
        Build what C's unpickler failed to build, which may work, or say where it fails.

        With *unsafe*, nothing is called again that a safe load would not call.
        """
        is_of_bytes = isinstance(exc, EOFError | pickle.UnpicklingError)
        may_be_turned = self._finder.registry.has_edges  # into what C can give no state
        if self._unsafe and not isinstance(exc, PlainLoadError):
            raise self._located(exc)
        if is_of_bytes and not isinstance(exc, VersionPickleError) and not may_be_turned:
            raise _told(exc, self._size()) from exc
        return self._build()

    def _located(self, exc: Exception) -> Exception:
        """Say where an unsafe load failed, if a safe one fails there as well."""
        if not isinstance(exc, VersionPickleError):
            return exc
        self._finder.plain, plain = None, self._finder.plain
        builder = self._builder()
        try:
            builder.run()
        except type(exc) as again:
            exc.path = self._told(builder, again).path
        except Exception:  # noqa: BLE001 - it needs what is not safe, so its place stays unknown
            return exc
        finally:
            self._finder.plain = plain
        return exc

    def _builder(self) -> Builder:
        from versionpickle._pickles.build.builder import Builder  # noqa: PLC0415 - few loads need it

        memo = self._memo_before()
        self._rewind()
        self._is_building = True
        settings: dict[str, Any] = {
            "persistent": self._persistent(),
            "buffers": self._buffers,
            **self._text,
        }
        if self._limits is None:
            builder = Builder(self._rest(), self.find_class, self._finder, **settings)
        else:
            from versionpickle._pickles.untrusted.reader import UntrustedReader  # noqa: PLC0415 - for pickles from anyone alone

            settings |= {"limits": self._limits, "is_all": self._is_all}
            builder = UntrustedReader(self._rest(), self.find_class, self._finder, **settings)
        builder.start_from(memo)
        return builder

    def _persistent(self) -> Any:
        """Return what resolves persistent ids; in CPython 3.13, the method itself only fails."""
        found = getattr(self, "persistent_load", None)
        fails = isinstance(found, types.BuiltinMethodType) and found.__self__ is self
        return None if fails else found

    def _rest(self) -> bytes:
        return rest_of(self._file, math.inf if self._limits is None else self._limits.bytes)

    def _rewind(self) -> None:
        self._file.seek(self._starts[-1])
        if self._buffers is not None:
            self._buffers.rewind()

    def _memo_before(self) -> dict[int, Any]:
        """Return what earlier loads left in the memo, without what a failed one put there."""
        if self._memo is not None:
            return self._memo
        if len(self._starts) == 1:
            return {}
        from versionpickle._pickles.machine.tree import TreeReader  # noqa: PLC0415 - as rare

        known: dict[int, Any] = {}
        for start in self._starts[:-1]:
            self._file.seek(start)
            reader = TreeReader(self._rest(), **self._text)
            reader.memo.update(known)
            reader.read()
            known = reader.memo
        memo = self.memo.copy()
        return {place: memo[place] for place in known}

    # Errors

    def _told(self, builder: Builder, exc: Exception) -> UnpicklingError | VersionPickleError:
        """Return an error that says what went wrong, and where."""
        from versionpickle._pickles.build.deferred import NotMadeError  # noqa: PLC0415 - no good load needs it
        from versionpickle._pickles.machine.tree import Map, TreeReader  # noqa: PLC0415 - as above

        if not builder.can_be_mapped():
            return _told(exc, self._size(), by_a_class=builder.is_calling)
        self._rewind()
        where = Map(TreeReader(self._rest(), **self._text))
        node = where.node(builder.at)
        made_of = getattr(node, "made_of", None)
        if isinstance(exc, NotMadeError):
            member = where.path(where.node(exc.made_at))
            told: VersionPickleError = CycleError(made_of, member or "the whole")
            if exc.needed is not None:
                told = exc.needed.stuck() or told
        else:
            told = _told(exc, self._size(), made_of, by_a_class=builder.is_calling)
        told.path = where.path(node)
        return told

    def _size(self) -> int | None:
        return len(self._file.getbuffer()) if isinstance(self._file, io.BytesIO) else None

    def _forbidden(self, first: str) -> ForbiddenError:
        """Return an error that names all that is refused, not the first alone."""
        from .refusals import Lister, forbidden  # noqa: PLC0415 - no good load needs it

        self._rewind()
        lister = Lister(self._rest(), self._finder)
        lister.read()
        return forbidden([*lister.refused, first])


_NOTHING: frozenset[str] = frozenset()


def _kept(**policies: object) -> frozenset[str]:
    for name, policy in policies.items():
        if policy not in {"raise", "keep"}:
            raise ValueError(
                f"there is no {name}={policy!r}; give {name}='raise' or {name}='keep'"
            )
    return frozenset(name for name, policy in policies.items() if policy == "keep")


class _NeedsBuilderError(Exception):
    """Say that only our own machine can load this pickle; never leaves a load."""


_READERS = {
    __name__,
    "versionpickle._pickles.machine.machine",
    "versionpickle._pickles.machine.opcodes",
}
"""Where errors show up that C's unpickler, or our own, raises of the bytes themselves."""


def _told(
    exc: Exception, size: int | None, made_of: str | None = None, *, by_a_class: bool = False
) -> VersionPickleError:
    """Say whether the bytes were bad, or whether a class could not cope with good ones."""
    if isinstance(exc, VersionPickleError):
        return exc
    problem = f"{type(exc).__name__}: {exc}"
    if by_a_class:
        return BuildError(problem, made_of)
    if isinstance(exc, EOFError) or "truncated" in str(exc):
        return TruncatedError(size)
    traceback = exc.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    assert traceback is not None
    by_a_reader = traceback.tb_frame.f_globals.get("__name__") in _READERS
    if by_a_reader and not isinstance(exc, TypeError | AttributeError):
        return DamagedError(problem)
    return BuildError(problem, made_of)


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
    limits: Limits | None = None,
    missing: Policy = "raise",
    future: Policy = "raise",
    unsafe: bool = False,
) -> Any:
    r"""
    Return the object of a pickle, upgraded to today's classes.

    Builds only what is known; see `Unpickler` for *allow*, *limits*, *unsafe* and
    what is raised.
    *encoding* and *errors* decode the strings of Python 2.
    Bytes after the end of the pickle are an error.

    >>> import versionpickle
    >>> versionpickle.loads(b"cos\\nsystem\\n(S'true'\\ntR.")
    Traceback (most recent call last):
        ...
    versionpickle.exceptions.ForbiddenError: this pickle asks for os:system, ...
    """
    needs_care = unsafe or allow or limits or buffers or not fix_imports or encoding != "ASCII"
    if not needs_care and missing == future == "raise":
        try:
            return load_fast(data, checked_registry(registry))
        except Exception:  # noqa: BLE001, S110 - it is tried again with more care, which tells why
            pass
    file = io.BytesIO(data)
    size = memoryview(data).nbytes
    reader = Unpickler(
        file,
        fix_imports=fix_imports,
        encoding=encoding,
        errors=errors,
        buffers=buffers,
        registry=registry,
        allow=allow,
        limits=limits,
        missing=missing,
        future=future,
        unsafe=unsafe,
    )
    if limits is not None and size > limits.bytes:
        raise LimitError("bytes", limits.bytes, size, 0)
    reader._is_all = True
    found = reader.load()
    if not unsafe and file.tell() != size:
        from .foreign_bytes import recognised  # noqa: PLC0415 - no good load needs it

        raise recognised(data) or DamagedError(f"{size - file.tell()} bytes follow after its end")
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
    limits: Limits | None = None,
    missing: Policy = "raise",
    future: Policy = "raise",
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
        limits=limits,
        missing=missing,
        future=future,
        unsafe=unsafe,
    ).load()
