"""The command `check`: compare classes, steps, schemas and samples."""

from __future__ import annotations

import itertools
import json
import sys

import attrs
import click

from versionpickle._project.findings import Finding, findings

from .output import (
    Text,
    code_for_markdown,
    console,
    counted,
    for_markdown,
    format_option,
    project,
    reports_errors,
)


@click.command(epilog="Example: versionpickle check --format github")
@format_option(
    "json",
    "github",
    "markdown",
    help="Output for people, for programs, for GitHub annotations, or for a pull request.",
)
@reports_errors
def check(form: str) -> None:
    """
    Find what would stop old data, and what is not recorded.

    Runs versionpickle.check() on the classes of the modules in [tool.versionpickle], compares
    them with their recorded schemas, and loads all samples. Writes nothing. The exit status
    is 0 if everything is in order, 1 with findings, and 2 if the check cannot run.
    """
    known = project()
    found = findings(known)
    _FORMS[form](found, counted(known.classes, "class", "classes"))
    sys.exit(bool(found))


def _as_text(found: list[Finding], classes: str) -> None:
    out = console()
    for ref, of_class in itertools.groupby(found, lambda one: one.ref):
        for number, (cure, ones) in enumerate(itertools.groupby(of_class, lambda one: one.cure)):
            for place, one in enumerate(ones):
                if number == place == 0:
                    at = f"  {one.file}:{one.line}" if one.line else ""
                    out.print(Text(ref, "bold") + Text(at, "dim"))
                out.print(Text(f"  version {one.version}: ") + Text(one.problem, "red"))
                for line in filter(None, [*one.details, one.stops]):
                    out.print(Text(f"    {line}"))
            out.print(Text(f"    {cure}", "green"))
    style = "red" if found else "green"
    out.print(Text(f"{classes}, {counted(found, 'finding', 'findings')}", style))


def _as_json(found: list[Finding], _: str) -> None:
    click.echo(json.dumps([attrs.asdict(one) for one in found], indent=2))


def _as_github(found: list[Finding], _: str) -> None:
    for one in found:
        place = ",".join(
            f"{name}={_escaped(str(value), more=',:')}"
            for name, value in (("file", one.file), ("line", one.line), ("title", one.ref))
            if value is not None
        )
        click.echo(f"::error {place}::{_escaped(str(one))}")


def _as_markdown(found: list[Finding], classes: str) -> None:
    click.echo(f"## versionpickle check: {counted(found, 'finding', 'findings')}\n")
    for ref, of_class in itertools.groupby(found, lambda one: one.ref):
        click.echo(f"### {code_for_markdown(ref)}\n")
        for cure, ones in itertools.groupby(of_class, lambda one: one.cure):
            for one in ones:
                place = f" ({one.file}:{one.line})" if one.line else ""
                click.echo(f"* {for_markdown(f'version {one.version}{place}: {one.problem}')}")
                for line in filter(None, [*one.details, one.stops]):
                    click.echo(f"  * {for_markdown(line)}")
            click.echo(f"\n  Fix: {for_markdown(cure)}\n")
    click.echo(f"{classes}.")


def _escaped(text: str, more: str = "") -> str:
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


_FORMS = {"text": _as_text, "json": _as_json, "github": _as_github, "markdown": _as_markdown}
