"""How the pickles of a place are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from versionpickle._pickles.load.settings import Policy
from versionpickle._pickles.load.unpickler import loads
from versionpickle._pickles.rewrite.rewrite import Settings as RewriteSettings
from versionpickle.migrations import Registry


if TYPE_CHECKING:
    from versionpickle._pickles.untrusted.limits import Limits


@attrs.frozen
class Loading:
    """The settings of `loads` that a place has; they can be sent to other processes."""

    registry: Registry | None = None
    """None for the default one, the only one that other processes have as well."""

    allow: tuple[object, ...] = ()
    missing: Policy = "raise"
    future: Policy = "raise"
    encoding: str = "ASCII"
    limits: Limits | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the fast path may be tried first: it has none of these settings."""
        return self == Loading(self.registry)

    def load(self, data: bytes) -> Any:
        return loads(data, **attrs.asdict(self, recurse=False))

    def without_placeholders(self) -> Self:
        """Return that of a migration: what it cannot upgrade is a failure."""
        return attrs.evolve(self, missing="raise", future="raise")

    def for_rewriting(self, protocol: int | None = None) -> RewriteSettings:
        return RewriteSettings(
            protocol, self.allow, self.registry, encoding=self.encoding, limits=self.limits
        )
