"""Recorded schemas: what each version of a class stored, in a file of the user's project."""

from __future__ import annotations

import hashlib
import json

from collections.abc import Iterable
from typing import Any, Self

import attrs


@attrs.frozen
class RecordedField:
    """A field as its class declared it; *default* is the source of its default, or None."""

    name: str
    type: str
    default: str | None = None

    def as_json(self) -> dict[str, str]:
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}


@attrs.frozen
class Recorded:
    """
    One version of a class.

    *fields* is None if the class does not declare any.
    """

    version: int
    fields: tuple[RecordedField, ...] | None
    transient: tuple[str, ...] = ()
    bases: tuple[tuple[str, int], ...] = ()

    @property
    def digest(self) -> str:
        """A checksum of everything here except the order of the fields."""
        fields = sorted([f.name, f.type, f.default or ""] for f in self.fields or ())
        content = [
            self.fields is not None and fields,
            sorted(self.transient),
            sorted(self.bases),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields or ())

    def field(self, name: str) -> RecordedField | None:
        return next((field for field in self.fields or () if field.name == name), None)

    def _lines(self) -> Iterable[str]:
        yield f'      "version": {self.version},'
        yield f'      "digest": "{self.digest}",'
        if self.bases:
            yield f'      "bases": {json.dumps(dict(self.bases))},'
        if self.transient:
            yield f'      "transient": {json.dumps(self.transient)},'
        if not self.fields:
            yield f'      "fields": {json.dumps(self.fields)}'
            return
        fields = [f"        {json.dumps(field.as_json())}" for field in self.fields]
        yield '      "fields": ['
        yield ",\n".join(fields)
        yield "      ]"

    def text(self) -> str:
        return "\n".join(["    {", *self._lines(), "    }"])

    @classmethod
    def from_json(cls, read: Any) -> Self:
        fields = read["fields"]
        recorded = cls(
            int(read["version"]),
            None if fields is None else tuple(RecordedField(**field) for field in fields),
            tuple(read.get("transient", ())),
            tuple(read.get("bases", {}).items()),
        )
        if recorded.digest != read["digest"]:
            raise ValueError(
                f"its version {recorded.version} was edited by hand: the digest of its content is "
                f"{recorded.digest}"
            )
        return recorded


@attrs.frozen
class Schema:
    """All recorded versions of one class, the latest last."""

    ref: str
    versions: tuple[Recorded, ...]
    name: str | None = None
    """Its stable name."""

    formerly: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name or self.ref

    @property
    def latest(self) -> Recorded:
        return self.versions[-1]

    def at(self, version: int) -> Recorded | None:
        return next((known for known in self.versions if known.version == version), None)

    def text(self) -> str:
        """
        Return the content of its file.

        Each field has a line of its own, and the latest version is there twice, so that two
        branches that both change a class conflict.
        """
        head = [f'  "class": {json.dumps(self.ref)},']
        if self.name is not None:
            head.append(f'  "name": {json.dumps(self.name)},')
        if self.formerly:
            head.append(f'  "formerly": {json.dumps(self.formerly)},')
        head.append(f'  "latest": "{self.latest.version} {self.latest.digest}",')
        versions = ",\n".join(version.text() for version in self.versions)
        return "\n".join(["{", *head, '  "versions": [', versions, "  ]", "}"]) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the content of a file; raise ValueError, KeyError or TypeError if it is invalid."""
        read = json.loads(text)
        versions = tuple(map(Recorded.from_json, read["versions"]))
        numbers = [version.version for version in versions]
        if not numbers or numbers != sorted(set(numbers)):
            raise ValueError(f"its versions are {numbers}, which are not in ascending order")
        schema = cls(read["class"], versions, read.get("name"), tuple(read.get("formerly", ())))
        if read["latest"] != f"{schema.latest.version} {schema.latest.digest}":
            raise ValueError(f"its latest version is {read['latest']!r}, which is not in it")
        return schema
