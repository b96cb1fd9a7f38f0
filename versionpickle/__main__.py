"""The command line, as ``python -m versionpickle`` and as ``versionpickle``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or print how to install it."""
    try:
        from ._cli.main import main as run  # noqa: PLC0415 - it needs more than the library does
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in {"click", "rich"}:
            raise
        sys.exit("the command line needs click and rich: pip install 'versionpickle[cli]'")
    run(prog_name="versionpickle")


if __name__ == "__main__":
    # What is in the current folder is imported only if it is named.
    del sys.path[: not sys.flags.safe_path]
    main()
