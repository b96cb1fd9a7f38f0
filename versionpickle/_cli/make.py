"""The command that writes the next version of a class, and its step."""

from __future__ import annotations

import sys

import click

from versionpickle._project.make.answers import Answer, Answers, NonInteractive, checked_code
from versionpickle._project.make.plan import Plan, plan
from versionpickle._project.make.write import write
from versionpickle.exceptions import ProjectError

from .classes import class_argument
from .output import Text, console, counted, project, reports_errors


class _Prompts:
    """Ask at the terminal."""

    def is_renamed(self, ref: str, old: str, new: str) -> bool:
        return click.confirm(f"{ref}: was {old!r} renamed to {new!r}?", err=True)

    def code(self, ref: str, question: str, option: str) -> str:
        answer: str = click.prompt(f"{ref}: {question}", value_proc=_checked, err=True)
        return answer


def _checked(code: str) -> str:
    try:
        return checked_code(code, code)
    except ProjectError as exc:
        raise click.UsageError(str(exc)) from exc


@click.command(epilog="Example: versionpickle make --rename total=amount --add currency=\"'USD'\"")
@class_argument("names", nargs=-1)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="[CLASS.]OLD=[NEW]",
    help="This field has another name now, or none.",
)
@click.option(
    "--add",
    "values",
    multiple=True,
    metavar="[CLASS.]FIELD=CODE",
    help="The value of a new field in old objects; a lambda makes it, perhaps of the old fields.",
)
@click.option(
    "--convert",
    "functions",
    multiple=True,
    metavar="[CLASS.]FIELD=CODE",
    help="The function that makes a value of the new type of an old one.",
)
@click.option(
    "--input/--no-input",
    "asks",
    default=None,
    help="Whether to ask what is not clear, or to refuse; asks by default at a terminal.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change in the sources, as a diff.")
@reports_errors
def make(
    names: tuple[str, ...],
    renames: tuple[str, ...],
    values: tuple[str, ...],
    functions: tuple[str, ...],
    asks: bool | None,
    dry_run: bool,
) -> None:
    """
    Write the next version of the classes that have changed, and the steps that lead there.

    Edits the sources of the named classes, or of all: raises version=, and writes the
    migration(...) behind the class or into its module of steps. A class that has moved gets
    formerly=. Then records schemas and samples. Look at what it wrote before you commit it.
    The exit status is 2 where a class is left as it is.
    """
    said = [
        Answer.parse(option, text)
        for option, texts in (("rename", renames), ("add", values), ("convert", functions))
        for text in texts
    ]
    prompts = sys.stdin.isatty() if asks is None else asks
    made = plan(project(), names, Answers(said, _Prompts() if prompts else NonInteractive()))
    if dry_run:
        click.echo(made.diff(), nl=False)
    elif made.made:
        _write(made)
    _tell_rest(made)


def _write(made: Plan) -> None:
    out = console()
    for path in write(made):
        out.print(Text(f"wrote {path.relative_to(made.project.known.root)}"))
    out.print(Text(f"{counted(made.made, 'class', 'classes')} made", "green"))


def _tell_rest(made: Plan) -> None:
    for exc in made.refused.values():
        click.echo(f"Error: {exc}", err=True)
    if made.refused:
        sys.exit(2)
    if not made.made:
        console().print(Text("no class has changed without a new version", "green"))
