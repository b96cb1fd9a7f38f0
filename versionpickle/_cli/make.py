"""The command `make`: write the next version of a class and its step."""

from __future__ import annotations

import sys

from collections.abc import Callable
from typing import Any, TypeVar

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


_OPTIONS = {
    "renamed": (
        "OLD=NEW",
        "This class, which is gone, is that class now; each may be a ref, such as shop:Order.",
    ),
    "rename": ("[CLASS.]OLD=[NEW]", "This field has another name now, or is gone."),
    "add": (
        "[CLASS.]FIELD=CODE",
        "The value of a new field in old objects; a class or function makes it, or a lambda.",
    ),
    "convert": (
        "[CLASS.]FIELD=CODE",
        "The function that converts the values of a field, or that --split and --merge need.",
    ),
    "split": ("[CLASS.]FIELD=NEW,NEW", "This field became several ones."),
    "merge": ("[CLASS.]OLD,OLD=FIELD", "These fields became one."),
}
_F = TypeVar("_F", bound=Callable[..., Any])
_input_option: Callable[[_F], _F] = click.option(
    "--input/--no-input",
    "asks",
    default=None,
    help="Ask about what is not clear, or refuse; by default, ask at a terminal.",
)
_dry_run_option: Callable[[_F], _F] = click.option(
    "--dry-run", is_flag=True, help="Show how the sources would change, as a diff."
)


def answer_options(command: _F) -> _F:
    """Add the options that answer what could be asked, and those of how it is done."""
    command = _dry_run_option(_input_option(command))
    for name, (metavar, about) in reversed(_OPTIONS.items()):
        option = click.option(f"--{name}", name, multiple=True, metavar=metavar, help=about)
        command = option(command)
    return command


@click.command(epilog="Example: versionpickle make --rename total=amount --add currency=\"'USD'\"")
@class_argument("names", nargs=-1)
@answer_options
@reports_errors
def make(
    names: tuple[str, ...], *, asks: bool | None, dry_run: bool, **given: tuple[str, ...]
) -> None:
    """
    Write the next version of the classes that have changed, and the steps that lead there.

    Edits the sources of the named classes, or of all: raises version=, and writes the
    migration(...) after the class or into its module of steps. A class that was moved or
    renamed gets formerly=. Then records schemas and samples. Never guesses where data could
    be lost. Review what it wrote before you commit it. The exit status is 2 if a class is
    left unchanged.
    """
    planned = plan(project(), names, answers_from(given, asks=asks))
    finish(planned, dry_run=dry_run)
    if not planned.made:
        console().print(Text("no class has changed without a new version", "green"))


def answers_from(given: dict[str, tuple[str, ...]], *, asks: bool | None) -> Answers:
    """Return what the options answer, and who is asked for the rest."""
    answers = [Answer.parse(option, text) for option in _OPTIONS for text in given[option]]
    prompts = sys.stdin.isatty() if asks is None else asks
    return Answers(answers, _Prompts() if prompts else NonInteractive())


def finish(made: Plan, *, dry_run: bool) -> None:
    """Report what was refused, if anything, for exit status 2; write the rest, or show it."""
    for exc in made.refused.values():
        click.echo(f"Error: {exc}", err=True)
    if dry_run:
        click.echo(made.diff(), nl=False)
    elif made.made:
        _write(made)
    if made.is_discarded:
        click.echo("nothing was written: run it again, with more answers", err=True)
    if made.refused:
        sys.exit(2)


def _write(made: Plan) -> None:
    out = console()
    for path in write(made):
        out.print(Text(f"wrote {path.relative_to(made.project.known.root)}"))
    out.print(Text(f"{counted(made.made, 'class', 'classes')} made", "green"))
