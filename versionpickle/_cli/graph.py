"""The command `graph`: draw versions and the paths between them."""

from __future__ import annotations

from pathlib import Path

import click

from rich.console import Console
from rich.text import Text as RichText
from rich.tree import Tree

from versionpickle._pickles.files import write_file
from versionpickle._project.drawing import MARKS, arrow_text, dot, mermaid
from versionpickle._project.find import find
from versionpickle._project.graph import ClassRow, Graph, VersionNode
from versionpickle._project.graph import graph as graph_of

from .classes import class_argument
from .output import Text, console, console_with, format_option, project, reports_errors


@click.command(epilog="Example: versionpickle graph --format mermaid --output versions.mmd")
@class_argument("wanted", nargs=-1)
@format_option(
    "mermaid",
    "dot",
    help="What to draw: text trees, or source for Mermaid or Graphviz.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the drawing to this file.",
)
@reports_errors
def graph(wanted: tuple[str, ...], form: str, output: Path | None) -> None:
    """
    Draw all versions, and how old data gets from each to today.

    Steps lead from version to version of a class; renames, become(), replace() and
    retire() lead elsewhere. Dead ends are marked. With CLASS, only
    what is connected with it is drawn.
    """
    known = project()
    found = graph_of(known)
    if wanted:
        found = found.around(find(known, one) for one in wanted)
    if output is not None:
        write_file(output, _FORMS[form](found).encode())
    elif form == "text":
        _show(console(), found)
    else:
        click.echo(_FORMS[form](found), nl=False)


def _as_text(found: Graph) -> str:
    out = console_with(width=_WIDE, color_system=None, force_terminal=False)
    with out.capture() as captured:
        _show(out, found)
    return captured.get()


def _show(out: Console, found: Graph) -> None:
    for row in found.rows:
        tree = Tree(_heading(row), guide_style="dim")
        for node in row.nodes:
            for line in _lines(found, node):
                tree.add(line)
        out.print(tree)


def _heading(row: ClassRow) -> RichText:
    name = "" if row.name is None else f"  (name {row.name!r})"
    return Text(row.ref, "bold") + Text(name) + Text("  gone" if row.is_gone else "", "dim")


def _lines(found: Graph, node: VersionNode) -> list[RichText]:
    mark = f"  {MARKS[node.kind]}" if node.kind in MARKS else ""
    label = Text(node.label) + Text(mark, _STYLES.get(node.kind, ""))
    leaving = [
        label + Text(f" → {_place(node, edge.target)}  ") + Text(arrow_text(edge), "cyan")
        for edge in found.leaving(node)
    ]
    if leaving or node.kind in {"value", "placeholder"}:  # an arrow shows these already
        return leaving
    return [label]


def _place(node: VersionNode, target: tuple[str, str]) -> str:
    return target[1] if target[0] == node.ref else " ".join(target)


_WIDE = 1_000
_STYLES = {"today": "green", "hole": "red", "unread": "dim"}
_FORMS = {"text": _as_text, "mermaid": mermaid, "dot": dot}
