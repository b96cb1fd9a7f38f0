from __future__ import annotations

import pytest

from hypothesis import settings

from versionpickle import Registry


@pytest.fixture
def registry():
    """A registry of the test's own."""
    return Registry("test")


settings.register_profile("default", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2_000)
settings.load_profile("default")
