"""Attribute names in states from Python 2, which may be bytes."""

from __future__ import annotations

from typing import Any

from versionpickle.exceptions import EncodingError


def with_text_names(state: Any) -> Any:
    """
    Return a state whose names are texts, as those of attributes have to be.

    >>> with_text_names({b"label": b"roof"})
    {'label': b'roof'}
    """
    if type(state) is tuple and len(state) == 2:  # attributes and slots, as pickle keeps them
        attributes, slots = map(with_text_names, state)
        return attributes, slots
    if type(state) is not dict or not any(type(name) is bytes for name in state):
        return state
    return {_text(name): value for name, value in state.items()}


def _text(name: Any) -> Any:
    if type(name) is not bytes:
        return name
    if name.isascii():
        return name.decode("ascii")
    problem = f"the name {name!r} of an attribute that Python 2 wrote is no identifier"
    raise EncodingError(problem, repr(name), "ASCII")
