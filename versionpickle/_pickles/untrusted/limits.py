"""`Limits`: how many bytes, how much memory and time a load may use."""

from __future__ import annotations

from typing import Any

import attrs

from versionpickle._wire.refs import public


def _check(limits: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    kinds = (int, float) if attribute.name == "seconds" else (int,)
    if type(value) not in kinds:
        wanted = "a number" if attribute.name == "seconds" else "an int"
        raise TypeError(f"Limits({attribute.name}={value!r}): give {wanted}")
    if not value > 0:
        raise ValueError(f"Limits({attribute.name}={value!r}): give a number above 0")


def _limit(default: float) -> Any:
    return attrs.field(default=default, validator=_check)


@public("versionpickle")
@attrs.frozen(kw_only=True)
class Limits:
    """
    Bound what a load may take; a `LimitError` names the bound that was reached.

    The defaults let through what an ordinary program stores in a file, and keep a
    load below about 128 MiB.

    >>> import pickle, versionpickle
    >>> versionpickle.loads(pickle.dumps([1, 2, 3]), limits=versionpickle.Limits(items=2))
    Traceback (most recent call last):
        ...
    versionpickle.exceptions.LimitError: at byte 20: 3 items, and no more than 2 are allowed; ...
    """

    bytes: int = _limit(8 * 2**20)
    """Of the whole pickle."""

    depth: int = _limit(1_000)
    """Of objects within objects, as the pickle holds them: references back do not count."""

    objects: int = _limit(250_000)
    """
    How many containers and objects are made; tuples count.

    Large ones count once for each 64 bytes that they take when they are empty.
    """

    items: int = _limit(1_000_000)
    """In all containers together."""

    memo: int = _limit(500_000)
    """How many objects the pickle may refer back to."""

    digits: int = _limit(10_000)
    """Of one number; a Decimal's exponent counts as digits."""

    characters: int = _limit(4 * 2**20)
    """Of one string."""

    hashing: int = _limit(1_000_000)
    """
    How many parts of keys and set members are hashed or compared.

    64 characters are one part, a tuple one and all of its own.
    """

    seconds: float = _limit(10.0)
    """
    Of wall clock time.

    Looked at while objects are made and between steps; a step itself is not interrupted.
    """


def checked_limits(limits: Limits) -> Limits:
    if isinstance(limits, Limits):
        return limits
    raise TypeError(f"limits= takes versionpickle.Limits(...), not {limits!r}")
