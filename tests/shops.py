"""A project in a folder, for the tests of commands: its module has a name of its own."""

from __future__ import annotations

import contextlib
import sys

import pytest

from test_project import Shop


HEAD = """
import attrs
import versionpickle
from versionpickle import Versioned, adopt, alias, migration, retire, versioned
from versionpickle.migrations import add, become, convert, rename, replace
"""


@contextlib.contextmanager
def shop_in(folder):
    """Yield a project in *folder*, which is the current one for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "dont_write_bytecode", True)
        made = Shop(folder)
        yield made
        made.forget()


def configure(shop, source):
    """Write the module of a project, and its configuration."""
    shop.write(HEAD + source)
    (shop.folder / "pyproject.toml").write_text(
        f'[tool.versionpickle]\nmodules = ["{shop.module}"]\n'
    )
