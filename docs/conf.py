"""Sphinx' settings."""

from importlib.metadata import version as version_of


project = "versionpickle"
author = "The versionpickle authors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx wants it so
version = release = version_of("versionpickle")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
default_role = "code"
nitpicky = False

html_theme = "furo"
html_title = "versionpickle"
