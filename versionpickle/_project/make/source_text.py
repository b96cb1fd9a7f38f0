"""Edit source code without changing its formatting elsewhere."""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import attrs

from versionpickle.exceptions import ProjectError


_NEWLINE = re.compile(r"\r\n|\r|\n")  # what ends a line for Python, unlike str.splitlines


@attrs.frozen
class Edit:
    """Replace the source from *start* to *end* by *text*."""

    start: int
    end: int
    text: str


@attrs.frozen
class SourceText:
    """Text of a module, with the places of what was parsed."""

    file: Path
    text: str
    encoding: str = "utf-8"
    tree: ast.Module = attrs.field(init=False, eq=False, repr=False)
    _lines: list[int] = attrs.field(init=False, eq=False, repr=False)
    """Where each line begins."""

    @tree.default
    def _parse(self) -> ast.Module:
        return ast.parse(self.text)

    @_lines.default
    def _find_lines(self) -> list[int]:
        return [0, *(found.end() for found in _NEWLINE.finditer(self.text))]

    @classmethod
    def read(cls, file: Path) -> Self:
        data = file.read_bytes()
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            return cls(file, data.decode(encoding), encoding)
        except (SyntaxError, ValueError) as exc:
            problem = f"this is not valid Python source ({exc})"
            raise ProjectError(str(file), problem, "fix it") from None

    @property
    def newline(self) -> str:
        found = _NEWLINE.search(self.text)
        return found.group() if found else "\n"

    @property
    def indent(self) -> str:
        """What its author indents with."""
        found = re.search(r"(?m)^(\t| {2,8})\S", self.text)
        return found.group(1) if found else "    "

    def start(self, node: Any) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: Any) -> int:
        return self._offset(node.end_lineno, node.end_col_offset)

    def of(self, node: Any) -> str:
        """Return what was written of *node*."""
        return self.text[self.start(node) : self.end(node)]

    def _offset(self, line: int, column: int) -> int:
        start = self._lines[line - 1]
        return start + len(self.text[start : start + column].encode()[:column].decode())

    def before_on_line(self, node: Any) -> str:
        """Return the part of the line before *node*."""
        return self.text[self._lines[node.lineno - 1] : self.start(node)]

    def end_of_line(self, node: Any) -> int:
        """Return where the last line of a statement ends, and the comments that belong to it."""
        found = _NEWLINE.search(self.text, self.end(node))
        end = found.start() if found else len(self.text)
        comments = _COMMENTS_WITHIN.match(self.text, end)
        return comments.end() if comments else end

    def edited(self, edits: Iterable[Edit]) -> str:
        """Return the text after all *edits*, whose lines end as those of the text do."""
        parts, reached = [], 0
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            parts += [self.text[reached : edit.start], _NEWLINE.sub(self.newline, edit.text)]
            reached = edit.end
        return "".join([*parts, self.text[reached:]])

    def encoded(self, text: str) -> bytes:
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as exc:
            problem = f"its encoding has no {text[exc.start : exc.end]!r}"
            raise ProjectError(str(self.file), problem, "write it as an escape") from None


_COMMENTS_WITHIN = re.compile(
    r"(?:(?:(?:\r?\n|\r(?!\n))[ \t]*)*(?:\r?\n|\r(?!\n))[ \t]+#[^\r\n]*)+"
)


def statement_of(tree: ast.Module, node: ast.AST) -> ast.stmt:
    """Return the statement of the module that *node* is in, or the last on the same line."""
    found = next(one for one in tree.body if any(part is node for part in ast.walk(one)))
    return last_on_line(tree, found)


def last_on_line(tree: ast.Module, statement: ast.stmt) -> ast.stmt:
    """Return the last of the statements that semicolons put on the line where this one ends."""
    for one, following in itertools.pairwise(tree.body):
        if one is statement and following.lineno == one.end_lineno:
            statement = following
    return statement


def classes_in(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield the classes of a module that are in no function, by their qualnames."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child
            yield from classes_in(child, f"{prefix}{child.name}.")
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            yield from classes_in(child, prefix)
