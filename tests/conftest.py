from __future__ import annotations

import pytest

from versionpickle import Registry


@pytest.fixture
def registry():
    """A registry of the test's own."""
    return Registry("test")
