"""The settings of a load."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from versionpickle.migrations import Registry


if TYPE_CHECKING:
    from versionpickle._pickles.untrusted.limits import Limits


Policy: TypeAlias = Literal["raise", "keep"]
"""What happens to an object that cannot be made: an error, or a placeholder."""


class LoadSettings(TypedDict, total=False):
    """What `loads`, `load`, `load_file` and `Unpickler` take by keyword; see `Unpickler`."""

    fix_imports: bool
    encoding: str
    errors: str
    buffers: Iterable[Any] | None
    registry: Registry | None
    allow: Iterable[object]
    limits: Limits | None
    missing: Policy
    future: Policy
    unsafe: bool


def kept(**policies: object) -> frozenset[str]:
    """Return the names of the policies that keep what they find."""
    for name, policy in policies.items():
        if policy not in {"raise", "keep"}:
            raise ValueError(
                f"there is no {name}={policy!r}; give {name}='raise' or {name}='keep'"
            )
    return frozenset(name for name, policy in policies.items() if policy == "keep")
