"""Run the examples in docstrings, the README and the docs."""

from __future__ import annotations

from doctest import ELLIPSIS, IGNORE_EXCEPTION_DETAIL, NORMALIZE_WHITESPACE

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser


FLAGS = ELLIPSIS | IGNORE_EXCEPTION_DETAIL | NORMALIZE_WHITESPACE

docstrings = Sybil(
    parsers=[DocTestParser(FLAGS)],
    patterns=[f"versionpickle/{depth}*.py" for depth in ("", "*/", "*/*/")],
)
documents = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=FLAGS)],
    patterns=["README.md", "docs/**/*.md"],
)
pytest_collect_file = (docstrings + documents).pytest()
