"""Read and write pickle files atomically."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Unpack

from versionpickle._pickles.dump.pickler import dumps
from versionpickle._pickles.load.settings import LoadSettings
from versionpickle._pickles.load.unpickler import loads
from versionpickle.migrations import Registry


if TYPE_CHECKING:
    from versionpickle._pickles.dump.downgrade import Versions


def dump_file(
    obj: Any,
    path: str | os.PathLike[str],
    protocol: int | None = None,
    *,
    fix_imports: bool = True,
    registry: Registry | None = None,
    versions: Versions | None = None,
    check: bool = False,
) -> None:
    """
    Write the pickle of *obj* to the file at *path*, completely or not at all.

    The data is written to a temporary file in the same folder and flushed to disk;
    then the file is replaced atomically.
    A reader gets the old object or the new one, whenever the process dies.
    With *check*, what `load_file` would refuse is an error, as for `dumps`, and the file stays
    as it was.
    The file keeps its mode; where *path* is a link, the file behind it is replaced.
    An OSError leaves the old file as it was, and no temporary file, unless only the
    folder could not be brought to the disk; a process that is killed may leave one,
    named ``.versionpickle-....tmp``.

    >>> import tempfile, versionpickle
    >>> path = f"{tempfile.mkdtemp()}/answer.pickle"
    >>> versionpickle.dump_file({"answer": 42}, path)
    >>> versionpickle.load_file(path)
    {'answer': 42}
    """
    data = dumps(
        obj, protocol, fix_imports=fix_imports, registry=registry, versions=versions, check=check
    )
    write_file(path, data)


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write *data* to the file at *path*, wholly or not at all."""
    target = os.path.realpath(path)
    try:
        with _replacing(target) as file:
            file.write(data)
        _sync_folder(os.path.dirname(target))
    except OSError as exc:
        exc.filename = target
        raise


@contextlib.contextmanager
def _replacing(target: str) -> Iterator[IO[bytes]]:
    """Open a new file beside *target* that takes its place, unless something goes wrong."""
    mode = _mode(target)  # from the beginning: what is in it may be secret
    name = f".versionpickle-{os.urandom(8).hex()}.tmp"
    temporary = os.path.join(os.path.dirname(target), name)
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode or 0o666)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                _own_as(target, temporary)
                os.chmod(temporary, mode)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _own_as(target: str, temporary: str) -> None:
    """Let the new file belong to whom the old one does, where that may be decided."""
    old, new = os.stat(target), os.stat(temporary)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with contextlib.suppress(PermissionError):
            os.chown(temporary, old.st_uid, old.st_gid)


_BINARY = getattr(os, "O_BINARY", 0)  # on Windows


def _mode(target: str) -> int | None:
    """Return the mode of *target*; None where it is yet to be."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):  # above all, /dev/null must not be replaced
        raise OSError(errno.EINVAL, "only a regular file can be replaced")
    return stat.S_IMODE(mode)


def make_folders(path: str) -> None:
    """Create a folder, and those above it, so that they are there after a power loss."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        make_folders(parent)
        os.makedirs(path, exist_ok=True)
        _sync_folder(parent)


def _sync_folder(folder: str) -> None:
    """Let the new name reach the disk, where folders can be opened: not on Windows."""
    with contextlib.suppress(PermissionError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def load_file(path: str | os.PathLike[str], **settings: Unpack[LoadSettings]) -> Any:
    """
    Return the object whose pickle is the file at *path*, upgraded to today's classes.

    As `loads`; errors note the path.
    The file is not changed: write the object with `dump_file` to store it as
    today's classes do.
    """
    limits = settings.get("limits")
    with open(path, "rb") as file:
        data = file.read(-1 if limits is None else limits.bytes + 1)
    try:
        return loads(data, **settings)
    except Exception as exc:
        exc.add_note(f"while loading {os.fspath(path)}")
        raise
