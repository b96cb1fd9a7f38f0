"""The page of commands shows each with its help; COMMANDS_PAGE=write writes it anew."""

from __future__ import annotations

import os

from pathlib import Path

import click

from versionpickle._cli.main import main


PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"
PICTURES = PAGE.parents[1] / "_static"
WIDTH = 90

HEAD = """\
# Commands

`pip install 'versionpickle[cli]'` installs the command `versionpickle`; `python -m versionpickle` does the same.

Output to a terminal is coloured; output to a file or a pipe is plain text, with one line for each item.
For most commands, the exit status is 0 if everything is in order, 1 if they found a problem, and 2 if they could not run; one sentence then explains why, and what to do.

## Completion

bash, zsh and fish can complete commands, options and recorded classes.
Add the first line to `~/.bashrc`, the second to `~/.zshrc`, or the third to `~/.config/fish/completions/versionpickle.fish`:

```sh
eval "$(_VERSIONPICKLE_COMPLETE=bash_source versionpickle)"
eval "$(_VERSIONPICKLE_COMPLETE=zsh_source versionpickle)"
_VERSIONPICKLE_COMPLETE=fish_source versionpickle | source
```

Classes are completed from the recorded schemas, without importing your modules.
"""  # noqa: E501 - a sentence is a line


def page():
    """Return the page of the docs."""
    commands = [(name, main.commands[name]) for name in sorted(main.commands)]
    return "\n".join([HEAD, *(section(name, command) for name, command in commands)])


def section(name, command):
    parent = click.Context(main, info_name="versionpickle")
    context = click.Context(command, parent, info_name=name, terminal_width=WIDTH)
    told = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    picture = f"![A run of versionpickle {name}](../_static/{name}.svg)\n\n"
    shown = picture if (PICTURES / f"{name}.svg").exists() else ""
    return f"## versionpickle {name}\n\n{shown}```text\n{told}\n```\n"


def test_page():
    """The page is what the commands say."""
    if os.environ.get("COMMANDS_PAGE") == "write":
        PAGE.write_text(page(), "utf-8")

    assert page() == PAGE.read_text("utf-8"), (
        "COMMANDS_PAGE=write pytest tests/test_commands_page.py"
    )


def test_examples():
    """Each command shows how it is used, and each of its options says what it does."""
    for name, command in main.commands.items():
        assert command.epilog.startswith(f"Example: versionpickle {name}")
        options = (one for one in command.params if isinstance(one, click.Option))
        assert all(option.help for option in options), name
