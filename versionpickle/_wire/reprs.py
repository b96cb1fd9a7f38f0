"""Reprs for messages about untrusted data."""

from __future__ import annotations

import reprlib


_NUMBERS = (bool, float, complex)
_PLAIN = frozenset({str, bytes, tuple, list, dict, set, frozenset, type(None), *_NUMBERS})
_LARGEST = 10**40


class _SafeRepr(reprlib.Repr):
    """Show plain data, and of anything else the type: its repr may have no end."""

    def repr1(self, x: object, level: int) -> str:
        if type(x) is int and abs(x) < _LARGEST:
            return repr(x)
        return super().repr1(x, level) if type(x) in _PLAIN else f"<{type(x).__name__}>"


shortened = _SafeRepr().repr
