"""The files of recorded schemas, one for each class."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from versionpickle._pickles.files import write_file
from versionpickle.exceptions import ProjectError
from versionpickle.migrations._schema import Schema


def file_name(key: str) -> str:
    """
    Return what the files of a class are called.

    >>> file_name("shop.models:Order"), file_name("a/b")
    ('shop.models.Order', 'a%2Fb')
    """
    return quote(key.replace(":", "."), safe=" ")


def read_schemas(folder: Path) -> dict[str, Schema]:
    """Return all recorded schemas, by stable name or ref."""
    found: dict[str, Schema] = {}
    for file in sorted(folder.glob("*.json")):
        schema = read_schema(file)
        if schema.key in found:
            raise ProjectError(str(file), f"two files describe {schema.key}", "remove one of them")
        found[schema.key] = schema
    return found


def read_schema(file: Path) -> Schema:
    return schema_from(str(file), file.read_bytes())


def schema_from(name: str, data: bytes) -> Schema:
    """Return the schema in the content of a file; *name* is for errors."""
    try:
        return Schema.from_text(data.decode())
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        problem = f"this is not a valid schema ({type(exc).__name__}: {exc})"
        cure = "resolve the conflict if there is one, or restore the file from version control"
        raise ProjectError(name, problem, cure) from None


def write_schema(folder: Path, schema: Schema) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{file_name(schema.key)}.json"
    write_file(file, schema.text().encode())
    return file
