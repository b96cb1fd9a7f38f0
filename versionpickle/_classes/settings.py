"""The settings of a class, shared by `versioned`, `Versioned` and `adopt`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

import attrs

from versionpickle.migrations import Declaration, Formerly, Registry, Unstamped
from versionpickle.migrations._declaration import Extra


class Settings(TypedDict, total=False):
    """See `versioned` for what they mean; their defaults are those of `Declaration`."""

    name: str | None
    formerly: Formerly
    unstamped: Unstamped
    transient: str | Iterable[str]
    oldest: int
    migrations: str | None
    extra: Extra
    registry: Registry | None


NAMES = frozenset(Settings.__annotations__)


def check_names(function: str, settings: Settings) -> None:
    """Refuse what is no setting, as Python does where parameters are listed one by one."""
    if unknown := settings.keys() - NAMES:
        raise TypeError(f"{function}(): {unknown_settings(unknown)}")


def unknown_settings(names: Iterable[str]) -> str:
    """Return the problem with names that are no settings."""
    given = ", ".join(f"{name}=" for name in sorted(names))
    known = ", ".join(f"{name}=" for name in ("version", *Settings.__annotations__))
    return f"there is no setting {given}; the settings are {known}"


def declaration_of(ref: str, version: int, settings: Settings, rebuild: Any = None) -> Declaration:
    """Return the declaration of a class with these settings."""
    given: Any = {name: value for name, value in settings.items() if name != "registry"}
    return Declaration(ref, version, rebuild=rebuild, **given)


def declares_nothing(declaration: Declaration) -> bool:
    """Return whether all settings are the defaults."""
    names = [field.name for field in attrs.fields(Declaration) if field.init]
    default = Declaration(declaration.ref)
    return all(getattr(declaration, name) == getattr(default, name) for name in names)
