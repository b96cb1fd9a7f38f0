"""What a user declared of one class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from versionpickle._wire.refs import checked_ref, checked_version, public
from versionpickle.exceptions import DeclarationError


Unstamped: TypeAlias = int | Callable[[Any], int]
Extra: TypeAlias = Literal["raise", "keep"]
Formerly: TypeAlias = str | Iterable[str] | Mapping[str, int]


def _check_name(declaration: Declaration, attribute: object, name: Any) -> None:
    if name is not None and not (type(name) is str and name):
        raise DeclarationError(
            declaration.ref,
            f"name={name!r} is no stable name",
            "give a text that will never change",
        )


def _check_version(declaration: Declaration, attribute: object, version: object) -> None:
    checked_version(version, declaration.ref)


def _check_unstamped(declaration: Declaration, attribute: object, unstamped: object) -> None:
    if not callable(unstamped):
        _check_past(declaration, "unstamped", unstamped)


def _check_formerly(
    declaration: Declaration, attribute: object, formerly: Mapping[str, object]
) -> None:
    for old, version in formerly.items():
        checked_ref(old)
        if version is not None:
            _check_past(declaration, f"formerly[{old!r}]", version)


def _check_rebuild(declaration: Declaration, attribute: object, rebuild: object) -> None:
    if rebuild is not None and not callable(rebuild):
        raise DeclarationError(
            declaration.ref,
            f"rebuild={rebuild!r} is no function",
            "give a function of the arguments and the state",
        )


def _check_oldest(declaration: Declaration, attribute: object, oldest: object) -> None:
    _check_past(declaration, "oldest", oldest)


def _check_migrations(declaration: Declaration, attribute: object, module: Any) -> None:
    if module is not None and not (type(module) is str and module):
        raise DeclarationError(
            declaration.ref,
            f"migrations={module!r} is no name of a module",
            "give its name as a text, such as 'shop.migrations.order'",
        )


def _check_extra(declaration: Declaration, attribute: object, extra: object) -> None:
    if extra not in {"raise", "keep"}:
        raise DeclarationError(
            declaration.ref, f"there is no extra={extra!r}", "give extra='raise' or extra='keep'"
        )


def _check_past(declaration: Declaration, what: str, version: object) -> None:
    if checked_version(version, declaration.ref, what) > declaration.version:
        raise DeclarationError(
            declaration.ref,
            f"{what}={version} is beyond its version {declaration.version}",
            "give that version or an earlier one",
        )


def _with_versions(formerly: Formerly) -> Mapping[str, int | None]:
    if isinstance(formerly, Mapping):
        return dict(formerly)
    return dict.fromkeys(_texts("formerly", formerly, "refs, or a dict of refs and versions"))


def _as_names(transient: str | Iterable[str]) -> tuple[str, ...]:
    return _texts("transient", transient, "names of fields")


def _texts(setting: str, given: str | Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    if isinstance(given, Iterable):
        return tuple(given)
    raise TypeError(f"{setting}= takes one or more {what}, not {given!r}")


@public("versionpickle.migrations")
@attrs.define(eq=False)
class Declaration:
    """Hold the settings of one class; see `versioned` for what they mean."""

    ref: str
    version: int = attrs.field(default=1, validator=_check_version)
    name: str | None = attrs.field(default=None, validator=_check_name)
    formerly: Mapping[str, int | None] = attrs.field(
        factory=dict, converter=_with_versions, validator=_check_formerly
    )
    unstamped: Unstamped = attrs.field(default=1, validator=_check_unstamped)
    transient: tuple[str, ...] = attrs.field(default=(), converter=_as_names)
    oldest: int = attrs.field(default=1, validator=_check_oldest)
    migrations: str | None = attrs.field(default=None, validator=_check_migrations)
    """The module that holds the steps, and is imported when one is needed."""

    extra: Extra = attrs.field(default="raise", validator=_check_extra)
    rebuild: Any = attrs.field(default=None, validator=_check_rebuild)
    is_implied: bool = False
    """Whether this is a subclass of a versioned class that says nothing itself."""

    adopted_by: str | None = attrs.field(default=None, init=False)
    """The module that adopted the class, which somebody else wrote."""

    hooks: Any = attrs.field(default=None, init=False)
    """The hooks of the class; the floor above makes them."""

    @property
    def key(self) -> str:
        """The name that stands in streams."""
        return self.name or self.ref

    def names(self) -> Iterator[str]:
        yield self.ref
        if self.name is not None:
            yield self.name
        yield from self.formerly
