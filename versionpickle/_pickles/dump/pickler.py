"""`dumps`, `dump` and `Pickler`, with the signatures of the pickle module."""

from __future__ import annotations

import collections
import copyreg
import functools
import io
import os
import pickle

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from versionpickle._classes.placeholder import WRITTEN
from versionpickle._pickles.replay import ReplayCallback
from versionpickle._wire.refs import public, shortened
from versionpickle.exceptions import PicklingError, VersionPickleError
from versionpickle.migrations import Registry
from versionpickle.migrations._registry import checked_registry


if TYPE_CHECKING:
    from .downgrade import Versions


@public("versionpickle")
class Pickler(pickle.Pickler):
    """
    Write objects as `pickle.Pickler` does, however deep.

    Objects of versioned classes are stamped by any pickler; this one also knows
    the classes that *registry* adopted for itself, writes nothing of an object
    that cannot be pickled whole, and then raises a `PicklingError` with the path
    of the trouble.
    *versions* are the older versions to write, by class or ref.
    """

    _chunks: _Chunks | None = None

    def __init__(
        self,
        file: Any,
        protocol: int | None = None,
        *,
        fix_imports: bool = True,
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
        registry: Registry | None = None,
        versions: Versions | None = None,
    ) -> None:
        reducers = _reducers(checked_registry(registry), versions)
        if reducers:
            own = getattr(self, "dispatch_table", copyreg.dispatch_table)
            self.dispatch_table: Any = collections.ChainMap(*reducers, own)
        chunks = _Chunks() if hasattr(file, "write") else file
        answers = None if buffer_callback is None else ReplayCallback(buffer_callback)
        super().__init__(chunks, protocol, fix_imports=fix_imports, buffer_callback=answers)
        self._chunks = chunks
        self._write = file.write
        self._settings = (protocol, fix_imports, answers)
        self._is_fresh = True
        self._is_torn = False

    def dump(self, obj: Any) -> None:
        """Write *obj*; raise PicklingError, with the cause and its place, where it cannot be."""
        chunks = self._chunks
        if chunks is None:
            name = type(self).__name__
            raise PicklingError(f"Pickler.__init__() was not called by {name}.__init__()")
        if self._is_torn and self._is_fresh:
            super().clear_memo()
        elif self._is_torn:
            self._dump_deep(chunks, obj, PicklingError(_TORN))
        answers = self._settings[2]
        if answers is not None:
            answers.forget()
        chunks.clear()
        self._is_torn = True  # until all of it has reached the file
        self._dump_whole(chunks, obj)
        written = chunks.copy()
        chunks.clear()
        for chunk in written:
            self._write(chunk)
        self._is_fresh = self._is_torn = False

    def _dump_whole(self, chunks: _Chunks, obj: Any) -> None:
        placeholders = WRITTEN.count
        try:
            super().dump(obj)
        except MemoryError:
            chunks.clear()
            raise
        except RecursionError:
            self._dump_deep(chunks, obj, PicklingError(_TOO_DEEP))
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is raised again with its place
            self._dump_deep(chunks, obj, exc)
        else:
            if self._is_fresh and WRITTEN.count != placeholders:
                self._dump_deep(chunks, obj, PicklingError(_NAMES_OF_THE_PAST))

    def clear_memo(self) -> None:
        """Forget the objects that were written, so that they are written anew."""
        super().clear_memo()
        self._is_fresh = True
        self._is_torn = False

    def _dump_deep(self, chunks: _Chunks, obj: Any, exc: Exception) -> None:
        """
        Write *obj* by our own pickler, or raise an error that describes what is wrong.

        Raise *exc* where that works, but what was written earlier must stay known:
        the memo is no longer what the reader of the file will have.
        """
        super().clear_memo()
        chunks.clear()
        self._is_torn = not self._is_fresh
        deep = _deep_pickler(chunks, *self._settings)
        for name in ("persistent_id", "reducer_override", "dispatch_table"):
            if hasattr(self, name):
                setattr(deep, name, getattr(self, name))
        deep.fast = self.fast
        try:
            _write_deep(deep, obj, exc)
        except Exception:
            chunks.clear()
            raise
        if self._is_torn:
            chunks.clear()
            raise exc
        self.memo = deep.memo


class _Chunks(list[bytes]):
    """Keep what a pickler writes until it has written all."""

    write = list.append


_TORN = (
    "an object that could not be pickled left the memo of this pickler torn; call its "
    "clear_memo(), and read what comes with another Unpickler"
)
_NAMES_OF_THE_PAST = "only our own pickler writes the names of classes that are gone"
_TOO_DEEP = (
    "this object is too deep to be pickled after others with one memo; call clear_memo() "
    "before it, or use dumps()"
)


def _reducers(registry: Registry, versions: Versions | None) -> list[dict[type, Any]]:
    """Return the reducers that go before the classes' own."""
    reducers = [registry.reducers] if registry.reducers else []
    if not versions:
        return reducers
    from .downgrade import older_reducers  # noqa: PLC0415 - few dumps need it

    return [older_reducers(registry, versions), *reducers]


def _deep_pickler(
    file: Any, protocol: int | None, fix_imports: bool, answers: ReplayCallback | None
) -> Any:
    from .deep import DeepPickler  # noqa: PLC0415 - few dumps need it

    if answers is not None:
        answers.rewind()
    return DeepPickler(file, protocol, fix_imports=fix_imports, buffer_callback=answers)


def _write_deep(deep: Any, obj: Any, exc: Exception) -> None:
    """
    Write what is too deep for C's pickler, or raise an error with the place where it fails.

    What failed once for another reason is not trusted when it fails no more.
    """
    if deep.fast:  # without a memo, a cycle would have no end
        raise exc
    try:
        deep.dump(obj)
    except VersionPickleError as error:
        error.path = deep.path
        raise
    except (MemoryError, RecursionError):  # in the code of a class: pickling recurses no more
        raise
    except Exception as again:
        if deep.is_asking:
            raise
        from .errors import unpicklable  # noqa: PLC0415 - as rare

        raise unpicklable(deep, again) from exc
    if not (deep.has_named_the_past or isinstance(exc, RecursionError | PicklingError)):
        raise exc


def dumps(
    obj: Any,
    protocol: int | None = None,
    *,
    fix_imports: bool = True,
    buffer_callback: Callable[[pickle.PickleBuffer], Any] | None = None,
    registry: Registry | None = None,
    versions: Versions | None = None,
    check: bool = False,
) -> bytes:
    """
    Return the pickle of *obj*.

    As `pickle.dumps`, which may be used just as well; this one writes objects of
    any depth, finds the path of what cannot be pickled, and knows the classes
    that *registry* adopted for itself.
    *versions* are the older versions to write, by class or ref: what old code can
    still read, while it runs next to the new one.
    ``"unstamped"`` in place of a version, or of all versions, writes what a program without
    versionpickle reads.
    With *check*, the pickle is loaded once, by the rules of `loads` in this process, and
    `UnpicklableError` names what a load would refuse and the ``allow=`` that it needs;
    any other error of the load is raised as it is.

    >>> import versionpickle
    >>> versionpickle.loads(versionpickle.dumps({"answer": 42}))
    {'answer': 42}
    >>> versionpickle.dumps({"callbacks": [print, lambda: 42]})
    Traceback (most recent call last):
        ...
    versionpickle.exceptions.UnpicklableError: obj['callbacks'][1]: cannot pickle ...
    """
    if check and buffer_callback is not None:
        raise TypeError("check=True needs the whole pickle: leave buffer_callback= out")
    data = _dumps(obj, protocol, fix_imports, buffer_callback, registry, versions)
    if check:
        from versionpickle._pickles.load.admission import check_admitted  # noqa: PLC0415 - few dumps need it
        from versionpickle._pickles.load.unpickler import loads  # noqa: PLC0415 - as above

        cure = "pass {} to its loads, call allow(), or declare it"
        check_admitted(data, functools.partial(loads, registry=registry), cure)
    return data


def _dumps(
    obj: Any,
    protocol: int | None,
    fix_imports: bool,
    buffer_callback: Callable[[pickle.PickleBuffer], Any] | None,
    registry: Registry | None,
    versions: Versions | None,
) -> bytes:
    answers = None if buffer_callback is None else ReplayCallback(buffer_callback)
    reducers = []
    if registry is not None or versions is not None:
        reducers = _reducers(checked_registry(registry), versions)
    placeholders = WRITTEN.count
    failed: Exception | None = None
    try:
        if not reducers:
            data = pickle.dumps(obj, protocol, fix_imports=fix_imports, buffer_callback=answers)
        else:
            data = _dumps_apart(obj, protocol, fix_imports, answers, reducers)
        if WRITTEN.count == placeholders:
            return data
    except MemoryError:
        raise
    except Exception as exc:  # noqa: BLE001
        failed = exc
    file = io.BytesIO()
    deep = _deep_pickler(file, protocol, fix_imports, answers)
    if reducers:
        deep.dispatch_table = _table(reducers)
    _write_deep(deep, obj, failed or PicklingError(_NAMES_OF_THE_PAST))
    return file.getvalue()


def _table(reducers: list[dict[type, Any]]) -> collections.ChainMap[type, Any]:
    table: Any = copyreg.dispatch_table
    return collections.ChainMap(*reducers, table)


def _dumps_apart(
    obj: Any,
    protocol: int | None,
    fix_imports: bool,
    answers: ReplayCallback | None,
    reducers: list[dict[type, Any]],
) -> bytes:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol, fix_imports=fix_imports, buffer_callback=answers)
    pickler.dispatch_table = _table(reducers)
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
    versions: Versions | None = None,
    check: bool = False,
) -> None:
    """
    Write the pickle of *obj* to an open *file*, in one call of its ``write``.

    Nothing is written where *obj* cannot be pickled whole.
    To write a file by its path, see `dump_file`.
    """
    if isinstance(file, str | os.PathLike):
        raise TypeError(
            f"dump() takes an open file, not {shortened(file)}; to write a file by its path, "
            "use dump_file()"
        )
    data = dumps(
        obj,
        protocol,
        fix_imports=fix_imports,
        buffer_callback=buffer_callback,
        registry=registry,
        versions=versions,
        check=check,
    )
    file.write(data)
