from __future__ import annotations

import pytest

from hypothesis import settings

from versionpickle import Registry
from versionpickle.migrations import default_registry


@pytest.fixture
def registry():
    """A registry of the test's own."""
    return Registry("test")


@pytest.fixture
def alone():
    """The default registry knows nothing of what other tests have declared."""
    before = {**vars(default_registry)}
    vars(default_registry).update(vars(Registry(default_registry.name)))
    yield
    vars(default_registry).update(before)


settings.register_profile("default", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2_000)
settings.load_profile("default")
