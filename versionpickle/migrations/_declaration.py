"""What a user declared about one class."""

from __future__ import annotations

import sys

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from versionpickle._wire.refs import checked_ref, checked_version, public
from versionpickle.exceptions import DeclarationError

from ._generations import Condition, Generations, decided_by_fields
from ._origin import Origin


Unstamped: TypeAlias = int | Callable[[Any], int] | Condition | Mapping[int, Callable[[Any], Any]]
Extra: TypeAlias = Literal["raise", "keep"]
Formerly: TypeAlias = str | Iterable[str] | Mapping[str, int]


def _check_name(declaration: Declaration, attribute: object, name: Any) -> None:
    if name is not None and not (type(name) is str and name):
        raise DeclarationError(
            declaration.ref,
            f"name={name!r} is not a stable name",
            "pass a str that will never change",
        )


def _check_version(declaration: Declaration, attribute: object, version: object) -> None:
    checked_version(version, declaration.ref)


def _check_unstamped(declaration: Declaration, attribute: object, unstamped: object) -> None:
    if isinstance(unstamped, Generations):
        _check_generations(declaration, unstamped)
    elif not callable(unstamped):
        _check_past(declaration, "unstamped", unstamped)


def _check_generations(declaration: Declaration, generations: Generations) -> None:
    for version, condition in generations.conditions.items():
        if checked_version(version, declaration.ref, "unstamped") > declaration.version:
            raise DeclarationError(
                declaration.ref,
                f"unstamped={generations!r} gives version {version}, which is beyond its current "
                f"version {declaration.version}",
                "raise version=, or leave that version out of unstamped=",
            )
        if not callable(condition):
            raise DeclarationError(
                declaration.ref,
                f"unstamped={generations!r} has no condition for version {version}",
                "pass has('field'), lacks('field') or a function of the state for each version",
            )
    if not generations.conditions:
        raise DeclarationError(
            declaration.ref, "unstamped={} has no conditions", "write {1: has('field'), ...}"
        )


def _check_formerly(
    declaration: Declaration, attribute: object, formerly: Mapping[str, object]
) -> None:
    for old, version in formerly.items():
        checked_ref(old)
        if version is not None:
            _check_past(declaration, f"formerly[{old!r}]", version)


def _check_rebuild(declaration: Declaration, attribute: object, rebuild: object) -> None:
    if isinstance(rebuild, Mapping):
        for version in rebuild:
            _check_past(declaration, "rebuild", version)
    functions = rebuild.values() if isinstance(rebuild, Mapping) else (rebuild or callable,)
    if not all(map(callable, functions)):
        raise DeclarationError(
            declaration.ref,
            f"rebuild={rebuild!r} is not a function",
            "pass a function of the arguments and the state, or a dict of them by version",
        )


def _check_oldest(declaration: Declaration, attribute: object, oldest: object) -> None:
    _check_past(declaration, "oldest", oldest)


def _check_migrations(declaration: Declaration, attribute: object, module: Any) -> None:
    if module is not None and not (type(module) is str and module):
        raise DeclarationError(
            declaration.ref,
            f"migrations={module!r} is not the name of a module",
            "pass its name as a str, such as 'shop.migrations.order'",
        )


def _check_extra(declaration: Declaration, attribute: object, extra: object) -> None:
    if extra not in {"raise", "keep"}:
        raise DeclarationError(
            declaration.ref,
            f"extra={extra!r} is not a choice",
            "pass extra='raise' or extra='keep'",
        )


def _check_past(declaration: Declaration, what: str, version: object) -> None:
    if checked_version(version, declaration.ref, what) > declaration.version:
        raise DeclarationError(
            declaration.ref,
            f"{what}={version} is beyond its current version {declaration.version}",
            "pass that version or an earlier one",
        )


def _with_versions(formerly: Formerly) -> Mapping[str, int | None]:
    if isinstance(formerly, Mapping):
        return dict(formerly)
    return dict.fromkeys(_strings("formerly", formerly, "refs, or a dict of refs and versions"))


def _as_names(transient: str | Iterable[str]) -> tuple[str, ...]:
    return _strings("transient", transient, "names of fields")


def _strings(setting: str, value: str | Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        return tuple(value)
    raise TypeError(f"{setting}= takes one or more {what}, not {value!r}")


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
    unstamped: int | Callable[[Any], int] = attrs.field(
        default=1, converter=decided_by_fields, validator=_check_unstamped
    )
    transient: tuple[str, ...] = attrs.field(default=(), converter=_as_names)
    oldest: int = attrs.field(default=1, validator=_check_oldest)
    migrations: str | None = attrs.field(default=None, validator=_check_migrations)
    """The module that registers the steps; see `steps_module`."""

    extra: Extra = attrs.field(default="raise", validator=_check_extra)
    rebuild: Any = attrs.field(default=None, validator=_check_rebuild)
    is_implied: bool = False
    """Whether this is a subclass of a versioned class without settings of its own."""

    adopted_by: str | None = attrs.field(default=None, init=False)
    """The module that adopted the class, which someone else wrote."""

    key: str = attrs.field(init=False)
    """The name in streams."""

    has_factory: bool = attrs.field(init=False)
    """Whether the user gave a function that makes objects from their state."""

    factories: Mapping[int, Any] = attrs.field(init=False)
    """The functions that make the objects of single old versions."""

    origin: Origin | None = attrs.field(default=None, init=False)
    """Where it was adopted."""

    instrumentation: Any = attrs.field(default=None, init=False)
    """The instrumentation of the class, which the folder above makes."""

    @property
    def gives_way(self) -> bool:
        """Whether another declaration of the class may replace this one."""
        return self.is_implied or (self.origin is not None and self.origin.may_come_again)

    @key.default
    def _key(self) -> str:
        return self.name or self.ref

    @has_factory.default
    def _has_factory(self) -> bool:
        return self.rebuild is not None and not isinstance(self.rebuild, Mapping)

    @factories.default
    def _factories(self) -> Mapping[int, Any]:
        return self.rebuild if isinstance(self.rebuild, Mapping) else {}

    @property
    def steps_module(self) -> str | None:
        """
        The full name of the module that registers the steps; it is imported when one is needed.

        A relative name is relative to the package of the declaration.
        """
        if self.migrations is None or not self.migrations.startswith("."):
            return self.migrations
        from importlib.util import resolve_name  # noqa: PLC0415 - few names are relative

        module = self.adopted_by or self.ref.partition(":")[0]
        package = getattr(sys.modules.get(module), "__package__", None)
        try:
            return resolve_name(self.migrations, package)
        except ImportError:
            raise DeclarationError(
                self.ref,
                f"migrations={self.migrations!r} is relative, and {module} is in no such package",
                "pass the full name of the module, such as 'shop.migrations.order'",
            ) from None

    def names(self) -> Iterator[str]:
        yield self.ref
        if self.name is not None:
            yield self.name
        yield from self.formerly
