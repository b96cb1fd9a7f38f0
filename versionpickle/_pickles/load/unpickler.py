"""`loads`, `load` and `Unpickler`, with the signatures of the pickle module."""

from __future__ import annotations

import functools
import importlib
import io
import math
import os
import pickle
import types

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Unpack

from versionpickle._classes.names import named
from versionpickle._pickles.build.finder import Finder, NeedsBuilder, Refused
from versionpickle._pickles.replay import ReplayBuffers, ReplayFile, is_seekable, rest_of
from versionpickle._wire.refs import public, shortened
from versionpickle.exceptions import (
    BuildError,
    DamagedError,
    ForbiddenError,
    LimitError,
    NotAClassError,
    PlainLoadError,
    TruncatedError,
    UnpicklingError,
    UntrustedError,
    UpgradeError,
    VersionPickleError,
)
from versionpickle.migrations import Registry, default_registry
from versionpickle.migrations._registry import checked_registry

from .fast import (
    bytes_left,
    fast_loads,
    forget_extensions,
    is_unfinished,
    without_conversions,
)
from .settings import LoadSettings, Policy, kept


if TYPE_CHECKING:
    from versionpickle._pickles.build.builder import Outside
    from versionpickle._pickles.build.reader import Reader
    from versionpickle._pickles.machine.tree import TreeReader
    from versionpickle._pickles.untrusted.limits import Limits


@public("versionpickle")
class Unpickler(pickle.Unpickler):
    """
    Read objects as `pickle.Unpickler` does, but only of classes that are known.

    Known are versioned, adopted, aliased, retired and allowed classes, and the
    value types of the standard library.
    *allow* holds further classes, functions or refs for this reader alone.
    With *limits*, pickles may come from anyone: nothing takes more than they allow, and
    what no pickler writes is refused.
    What is *missing*, an undeclared class, or from the *future*, an object
    that newer code wrote, is an error, or with ``"keep"`` a `Placeholder`: it holds
    all that was stored, and is stored again as it was.
    With *unsafe* every name is imported and called as the pickle demands, which
    lets its author run any code; renames and upgrades still apply.

    C's unpickler reads first.
    Where it fails, or would go wrong, our own reader begins again: what runs while an
    object is made runs twice then, and never more often.
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
        if isinstance(file, str | os.PathLike):
            raise _is_path(file, "load() takes an open file")
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
        """What our reader has left, once it took over: C's has read ahead by then."""

        self._buffers = buffers
        self._unsafe = unsafe
        self._starts: list[int] = []
        self._finder = Finder(
            checked_registry(registry),
            dict(named(allow)) if allow else {},
            self._find_anything if unsafe else None,
            _NOTHING if missing == future == "raise" else kept(missing=missing, future=future),
            waits=limits is not None,
        )

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle means; override this to decide yourself."""
        found = self._finder.find(module, name)
        if self._finder.is_building:
            return found
        if self._finder.needs_builder:
            raise NeedsBuilder
        return without_conversions(found) if self._finder.may_convert else found

    def _find_anything(self, module: str, name: str) -> Any:
        if (
            self._finder.is_building and "." in name
        ):  # of which C's method reads none outside its load
            return functools.reduce(getattr, name.split("."), importlib.import_module(module))
        return super().find_class(module, name)

    def load(self) -> Any:
        """
        Read one object.

        Raises an UnpicklingError that describes what was found, where, and what to do;
        with *unsafe*, what pickle raises of damaged bytes is left as it is.
        """
        if self._file is None:
            return super().load()  # which raises: __init__ was not called
        self._begin()
        return self._recognising(self._load)

    def _recognising(self, load: Callable[[], Any]) -> Any:
        """Load; if the bytes turn out to be no pickle, raise an error that names what they are."""
        try:
            return load()
        except (DamagedError, TruncatedError, ForbiddenError, UntrustedError) as exc:
            raise self._recognised(exc) from exc.__cause__

    def _load(self) -> Any:
        if self._limits is not None or self._memo is not None or self._takes_bytes:
            return self._build()
        forget_extensions()  # C takes from there what it should ask us for
        try:
            found = super().load()
        except Exception as exc:  # noqa: BLE001 - our own reader decides what it means
            return self._load_again(exc)
        return self._build() if is_unfinished(self._finder, found, self._read_again) else found

    def _read_again(self) -> bytes:
        """Return the bytes of the pickle that was read last, and perhaps more."""
        position = self._file.tell()
        self._file.seek(self._starts[-1])
        data = self._rest()
        self._file.seek(position)
        return data

    def _begin(self) -> None:
        self._starts.append(self._file.tell())
        self._finder.is_building = False
        if self._buffers is not None:
            self._buffers.keep_place()

    def _recognised(self, exc: UnpicklingError) -> UnpicklingError:
        """Return an error that says what the bytes are, if they are no pickle."""
        from .foreign_bytes import is_joblibs, recognised  # noqa: PLC0415 - no good load needs it

        if isinstance(exc, ForbiddenError) and not any(map(is_joblibs, exc.refs)):
            return exc
        self._rewind()
        return recognised(self._rest()) or exc

    def _load_again(self, exc: Exception) -> Any:
        """
        Build what C's unpickler did not, or raise an error that describes where that fails.

        With *unsafe*, nothing is called again that a safe load would not call.
        """
        if isinstance(exc, Refused):
            raise self._forbidden(str(exc)) from None
        if isinstance(exc, MemoryError):
            raise exc
        if self._unsafe and not isinstance(exc, NeedsBuilder | PlainLoadError):
            return self._build_safely(exc)
        return self._build()

    # With our own reader

    def _build(self) -> Any:
        from versionpickle._pickles.build.deferred import NotMadeError, resolved  # noqa: PLC0415 - few loads need it

        start = self._starts[-1]
        reader = self._reader()
        try:
            found = reader.run()
        except Refused as refused:
            raise self._forbidden(str(refused)) from None
        except ForbiddenError as exc:
            raise self._forbidden(*exc.refs) if reader.can_be_mapped() else exc from None
        except Exception as exc:
            is_ours = isinstance(exc, VersionPickleError | NotMadeError | RecursionError)
            if self._unsafe and not is_ours:
                raise
            raise self._explained(reader, exc) from exc
        self._file.seek(start + reader.source.position)
        if not self._is_all:
            self._memo = {index: resolved(obj) for index, obj in reader.stack.memo.items()}
        return found

    def _build_safely(self, exc: Exception) -> Any:
        """
        Build what failed in an unsafe load, if nothing that is not safe is needed for it.

        If that fails as well, raise the error that knows more: the first with its place, or
        one of ours.
        """
        is_too_deep = isinstance(exc, RecursionError)
        if not (self._finder.unstamped or self._finder.has_stamps or is_too_deep):
            raise self._not_a_class() or exc
        self._finder.plain, plain = None, self._finder.plain
        try:
            return self._build()
        except UpgradeError as again:
            if type(again) is not type(exc):
                raise
            exc.path = again.path
            raise exc from None
        except Exception as again:  # if it needs what is not safe, its place stays unknown
            if isinstance(again, BuildError if is_too_deep else NotAClassError):
                raise
            found = BuildError(f"RecursionError: {exc}", None) if is_too_deep else exc
            raise found from None
        finally:
            self._finder.plain = plain

    def _not_a_class(self) -> Exception | None:
        """Return the error of a pickle that makes an object of what is no class today."""
        from .errors import not_a_class  # noqa: PLC0415 - no good load needs it

        self._rewind()
        return not_a_class(self._tree())

    def _reader(self) -> Reader:
        memo = self._memo_before()
        self._rewind()
        self._finder.is_building = True
        reader = self._trusting() if self._limits is None else self._untrusting(self._limits)
        reader.start_from(memo)
        return reader

    def _trusting(self) -> Reader:
        from versionpickle._pickles.build.reader import Reader  # noqa: PLC0415 - few loads need it
        from versionpickle._pickles.machine.source import Source  # noqa: PLC0415 - as above

        return Reader(Source(self._rest(), **self._text), self._finder, self._outside())

    def _untrusting(self, limits: Limits) -> Reader:
        from versionpickle._pickles.untrusted.reader import UntrustedReader  # noqa: PLC0415 - for pickles from anyone alone
        from versionpickle._pickles.untrusted.strict_source import StrictSource  # noqa: PLC0415 - as above

        source = StrictSource(self._rest(), limits, **self._text)
        return UntrustedReader(source, self._finder, self._outside(), is_all=self._is_all)

    def _outside(self) -> Outside:
        from versionpickle._pickles.build.builder import Outside  # noqa: PLC0415 - few loads need it

        return Outside(find=self.find_class, persistent=self._persistent(), buffers=self._buffers)

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
        known: dict[int, Any] = {}
        for start in self._starts[:-1]:
            self._file.seek(start)
            tree = self._tree()
            tree.memo.update(known)
            tree.read()
            known = tree.memo
        memo = self.memo.copy()
        return {index: memo[index] for index in known}

    # Errors

    def _tree(self) -> TreeReader:
        from versionpickle._pickles.machine.tree import TreeReader  # noqa: PLC0415 - few loads need it

        return TreeReader(self._rest(), **self._text)

    def _explained(self, reader: Reader, exc: Exception) -> VersionPickleError:
        from .errors import explained  # noqa: PLC0415 - no good load needs it

        def read_again() -> TreeReader:
            self._rewind()
            return self._tree()

        return explained(reader, exc, read_again)

    def _forbidden(self, *first: str) -> ForbiddenError:
        """Return an error that names all that is refused, not what was found first alone."""
        from .refusals import Lister, forbidden  # noqa: PLC0415 - no good load needs it

        self._rewind()
        lister = Lister(self._rest(), self._finder)
        lister.read()
        return forbidden([*lister.refused, *first])


_NOTHING: frozenset[str] = frozenset()


def loads(data: bytes | bytearray | memoryview, /, **settings: Unpack[LoadSettings]) -> Any:
    r"""
    Return the object of a pickle, upgraded to today's classes.

    Builds only what is known; see `Unpickler` for the settings and for what is raised.
    *encoding* and *errors* decode the strings of Python 2.
    Bytes after the end of the pickle are an error.

    >>> import versionpickle
    >>> versionpickle.loads(b"cos\nsystem\n(S'true'\ntR.")
    Traceback (most recent call last):
        ...
    versionpickle.exceptions.ForbiddenError: this pickle asks for os:system, ...
    """
    if settings.keys() <= _OF_FAST_LOADS or _are_defaults(settings):
        given = settings.get("registry")
        registry = default_registry if given is None else checked_registry(given)
        try:
            return (registry.fast_loads or fast_loads(registry))(data)
        except Exception as exc:  # noqa: BLE001 - our own reader decides what it means
            return load_again(data, exc, **settings)
    reader, file = _reader_of(data, settings)
    return _whole(file, reader.load(), is_unsafe=reader._unsafe)


def _are_defaults(settings: LoadSettings) -> bool:
    """Return whether a fast load does the same."""
    return all(
        name in _OF_FAST_LOADS or (name in _DEFAULTS and value == _DEFAULTS[name])
        for name, value in settings.items()
    )


_DEFAULTS: dict[str, object] = Unpickler.__init__.__kwdefaults__ or {}
_OF_FAST_LOADS = {"registry", "errors"}
"""Those that it takes, or that only matter together with others."""


def load_again(
    data: bytes | bytearray | memoryview, exc: Exception, **settings: Unpack[LoadSettings]
) -> Any:
    """Return the object of a pickle at which C's unpickler failed with *exc*."""
    reader, file = _reader_of(data, settings)
    reader._begin()
    return _whole(file, reader._recognising(lambda: reader._load_again(exc)))


def _reader_of(
    data: bytes | bytearray | memoryview, settings: LoadSettings
) -> tuple[Unpickler, io.BytesIO]:
    if isinstance(data, str | os.PathLike):
        raise _is_path(data, "loads() takes the bytes of a pickle")
    file = io.BytesIO(data)
    reader = Unpickler(file, **settings)
    reader._is_all = True
    limits, size = settings.get("limits"), len(file.getbuffer())
    if limits is not None and size > limits.bytes:
        raise LimitError("bytes", limits.bytes, size, 0)
    return reader, file


def _is_path(given: object, problem: str) -> TypeError:
    return TypeError(
        f"{problem}, not {shortened(given)}; to load a file by its path, use load_file()"
    )


def _whole(file: io.BytesIO, found: Any, *, is_unsafe: bool = False) -> Any:
    if not is_unsafe and file.read(1):
        from .foreign_bytes import recognised  # noqa: PLC0415 - no good load needs it

        raise recognised(file.getvalue()) or DamagedError(bytes_left(file))
    return found


def load(file: Any, /, **settings: Unpack[LoadSettings]) -> Any:
    """
    Read one object from an open *file*, and leave it behind the pickle.

    Otherwise as `loads`.
    """
    return Unpickler(file, **settings).load()
