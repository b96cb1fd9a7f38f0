"""
The pytest plugin of versionpickle: options and fixtures.

This module is outside the package and imports nothing from it until needed: pytest
loads it before coverage measurement starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "Test the project's versioned classes, and load samples of their old versions."
    parser.getgroup("versionpickle").addoption("--versionpickle", action="store_true", help=about)
    parser.addini("versionpickle", type="bool", default=False, help=about)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("versionpickle") or config.getini("versionpickle"):
        from versionpickle.testing import _plugin  # noqa: PLC0415 - see above

        _plugin.register(config)


@pytest.fixture
def upgrade_state() -> Callable[..., Any]:
    """
    Return a function that makes today's object from the state of an old version.

    ``upgrade_state(Order, 1, {"number": 1, "total": 5})`` writes a pickle as version 1 of
    Order did, and loads it.
    """
    from versionpickle.testing._old import upgraded  # noqa: PLC0415 - see above

    return upgraded
