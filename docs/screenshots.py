"""Make the pictures of commands: each is what a real run in a demo project printed."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import textwrap

from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text


PICTURES = Path(__file__).parent / "_static"
WIDTH = 100

THEN = """
    import attrs
    from versionpickle import versioned

    @versioned
    @attrs.define
    class Order:
        number: int
        total: float
"""
NOW = """
    import attrs
    from versionpickle import versioned

    @versioned
    @attrs.define
    class Order:
        number: int
        amount: float
        currency: str = "USD"
"""
LATER = """

    @migration(Order, 2)
    def in_cents(state):
        return {**state, "amount": int(state["amount"]) * 100}

    retire("shop.coupons:Coupon")
"""
ORDERS = """
    import pathlib, pickle, versionpickle
    from shop.models import Order

    with versionpickle.open("orders.db") as store:
        store.update((f"2026-{n:04}", Order(n, n / 4)) for n in range(9204))
        store["2026-0042"] = Order(42, "free")

    pathlib.Path("orders").mkdir()
    for year, totals in {2019: [1.5, 2.5], 2020: [3.5], 2021: ["free"]}.items():
        orders = [Order(number, total) for number, total in enumerate(totals)]
        pathlib.Path(f"orders/{year}.pickle").write_bytes(pickle.dumps(orders))
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        Demo(Path(folder)).play()


class Demo:
    """A project whose class changes, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.models = folder / "shop" / "models.py"

    def play(self):
        self.models.parent.mkdir()
        self.models.write_text(textwrap.dedent(THEN).lstrip())
        self.run("versionpickle", "init", "shop.models")
        self.run("python", "-c", textwrap.dedent(ORDERS))
        self.models.write_text(textwrap.dedent(NOW).lstrip())
        self.show("check", "check")
        self.show("make", "make", "--no-input", "--rename", "total=amount")
        self.go_on()
        self.show("graph", "graph")
        self.show("survey", "survey", "orders.db")
        self.show("migrate", "migrate", "orders.db")
        orders = sorted(
            str(path.relative_to(self.folder)) for path in self.folder.glob("orders/*")
        )
        self.show("upgrade", "upgrade", "--backup", ".bak", *orders)

    def go_on(self):
        """Let there be another version, and a class that is gone."""
        source = self.models.read_text() + textwrap.dedent(LATER)
        source = source.replace("version=2", "version=3").replace("import ", "import retire, ", 2)
        source = source.replace("import retire, attrs", "import attrs")
        self.models.write_text(source)
        self.run("versionpickle", "record")

    def show(self, name, *arguments):
        """Write the picture of a command."""
        out = Console(record=True, width=WIDTH, file=io.StringIO())
        out.print(Text(f"$ versionpickle {' '.join(arguments)}", "bold"))
        out.print(Text.from_ansi(self.run("versionpickle", *arguments)))
        told = out.export_svg(
            title="versionpickle", code_format=FORMAT, unique_id=f"versionpickle-{name}"
        )
        (PICTURES / f"{name}.svg").write_text(told.rstrip() + "\n", "utf-8")

    def run(self, program, *arguments):
        start = ["-m", "versionpickle"] if program == "versionpickle" else []
        done = subprocess.run(  # noqa: S603
            [sys.executable, *start, *arguments],
            cwd=self.folder,
            env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stderr or done.returncode > 1:
            sys.exit(f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout


FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without fonts from elsewhere, which a reader of the docs did not ask for."""

if __name__ == "__main__":
    main()
