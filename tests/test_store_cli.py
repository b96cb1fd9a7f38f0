"""The commands for stores: survey, migrate, verify, rollback, forget and copy."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from pathlib import Path

import pytest

from click.testing import CliRunner
from shops import configure, shop_in

import versionpickle

from versionpickle._cli.main import main
from versionpickle._cli.migrate import _watched
from versionpickle.sweeping import Migration


OLD = """
@versioned(name="{module}.order")
@attrs.define
class Order:
    number: int
    total: object
"""
NEW = """
import os, time

done = []

@versioned(version=3, name="{module}.order")
@attrs.define
class Order:
    number: int
    amount: object

migration(Order, 1, rename("total", "amount"))

@migration(Order, 2)
def checked(state):
    if state["amount"] == "bad":
        raise ValueError("no good")
    if state["amount"] == "slow":
        open("slow", "w").close()
        time.sleep(0.5)
    if state["amount"] == "once" and not done:
        done.append(os.kill(os.getpid(), 2))
    if state["amount"] == "stop":
        os.kill(os.getpid(), 2)
        os.kill(os.getpid(), 2)
        time.sleep(1)
    return state
"""


@pytest.fixture
def shop(tmp_path):
    with shop_in(tmp_path) as shop:
        configure(shop, OLD)
        shop.run("doctor")  # imports the module
        yield shop


def fill(shop, amounts):
    """Store orders as the old code did, and let the new code be today's."""
    order = sys.modules[shop.module].Order
    with versionpickle.open("orders.db", durability="normal") as store:
        store.update((f"{number:05}", order(number, one)) for number, one in enumerate(amounts))
    configure(shop, NEW)
    shop.forget()


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def project(command):
    return ["--project"] if command[0] == "verify" else []


class TestStory:
    def test_all(self, shop):
        """Survey, migrate, verify, roll back, forget."""
        fill(shop, range(5))

        done = run("survey", "--project", "orders.db")
        assert 1 == done.exit_code
        assert re.search(r"order +1 +3 +5 +stale", done.output)
        assert "5 records, 5 stale" in done.output
        done = run("migrate", "--dry-run", "orders.db")
        assert (0, "5 would be migrated\n") == (done.exit_code, done.output)
        done = run("migrate", "--limit", "2", "orders.db")
        assert (
            "2 migrated\n2 originals are kept: put back with versionpickle rollback" in done.output
        )
        done = run("migrate", "orders.db")
        assert 0 == done.exit_code
        done = run("survey", "--project", "orders.db")
        assert (0, True) == (done.exit_code, "5 current, 5 originals" in done.output)
        done = run("verify", "--load", "--project", "orders.db")
        assert (0, "5 good, 0 damaged\n") == (done.exit_code, done.output)
        done = run("rollback", "orders.db")
        assert (0, "5 records put back\n") == (done.exit_code, done.output)
        run("migrate", "orders.db")
        done = run("forget", "orders.db")
        assert (0, "5 originals deleted\n") == (done.exit_code, done.output)

    def test_json(self, shop):
        """Programs get JSON."""
        fill(shop, range(5))

        told = json.loads(run("survey", "--project", "--format", "json", "orders.db").output)

        assert (5, 5) == (told["records"], told["stale"])
        assert ["stale"] == [one["status"] for one in told["classes"]]

    def test_unknown(self, shop):
        """What nobody declared is told, with the option that may help."""
        with versionpickle.open("orders.db", allow=[print]) as store:
            store["a"] = print

        done = run("survey", "--project", "orders.db")
        assert "1 record, 1 unknown" in done.output
        assert "pass --import MODULE" in done.output
        done = run("survey", "--allow", "builtins:print", "orders.db")
        assert 0 == done.exit_code
        done = run("survey", "--import", "nowhere", "orders.db")
        assert (2, True) == (done.exit_code, "cannot be imported" in done.output)

    @pytest.mark.parametrize("command", ["survey", "verify --load", "rollback", "forget", "copy"])
    def test_nothing_is_imported(self, tmp_path, command):
        """What looks at a folder of somebody else runs nothing that is in it."""
        versionpickle.dump_file({"when": datetime.UTC}, tmp_path / "a.pickle")
        for name in ("evil", "zoneinfo", "click"):
            (tmp_path / f"{name}.py").write_text("open('ran', 'w').close()")
        (tmp_path / "pyproject.toml").write_text('[tool.versionpickle]\nmodules = ["evil"]\n')
        target = ["copied.db"] if command == "copy" else []

        done = subprocess.run(
            [sys.executable, "-m", "versionpickle", *command.split(), "dir:*.pickle", *target],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert not (tmp_path / "ran").exists()

    def test_local_modules(self, tmp_path, monkeypatch):
        """A module that is named is found in the current folder, but hides none of Python's."""
        monkeypatch.setattr(sys, "path", sys.path[:])
        monkeypatch.chdir(tmp_path)
        (tmp_path / "local_classes.py").write_text("import zoneinfo")
        (tmp_path / "zoneinfo.py").write_text("open('ran', 'w').close()")
        monkeypatch.delitem(sys.modules, "zoneinfo", raising=False)
        with versionpickle.open("plain.db") as store:
            store["a"] = 1

        assert 0 == run("survey", "--import", "local_classes", "plain.db").exit_code
        assert not Path("ran").exists()

    def test_keys_like_markup(self, shop):
        """A key is shown whole, whatever it would mean to a terminal."""
        with versionpickle.open("odd.db") as store:
            for key in ("orders[eu]", "[red]x[/red]", "[link=x]", "a\x1b[31m\u202eb"):
                store[key] = 1
        connection = sqlite3.connect("odd.db")
        connection.execute("UPDATE records SET sum = 5")
        connection.commit()
        connection.close()

        done = run("verify", "odd.db")
        for shown in ("orders[eu]  ", "[red]x[/red]  ", "[link=x]  ", r"a\x1b[31m\u202eb  "):
            assert shown in done.output

    def test_python_2(self, tmp_path, monkeypatch):
        """Strings of Python 2 are decoded as is said."""
        monkeypatch.chdir(tmp_path)
        Path("a.pickle").write_bytes(b"\x80\x02U\x04caf\xe9q\x00.")
        place = "dir:*.pickle"

        assert 1 == run("verify", "--load", place).exit_code
        done = run("verify", "--load", "--encoding", "latin1", place)
        assert (0, "1 good, 0 damaged\n") == (done.exit_code, done.output)
        done = run("migrate", "--encoding", "latin1", place)
        assert (0, "0 migrated, 1 current\n") == (done.exit_code, done.output)
        done = run("upgrade", "--encoding", "latin1", "a.pickle")
        assert (0, "0 upgraded, 1 current\n") == (done.exit_code, done.output)

    @pytest.mark.parametrize("command", [["verify", "--load"], ["migrate"]])
    def test_limits(self, shop, command):
        """Pickles of others are loaded within limits."""
        fill(shop, range(2))
        assert 0 == run(*command, "--limits", *project(command), "orders.db").exit_code

    def test_without_a_project(self, tmp_path, monkeypatch):
        """No project is needed."""
        monkeypatch.chdir(tmp_path)
        with versionpickle.open("plain.db") as store:
            store["a"] = 1

        assert (0, "1 record, 1 current\n") == (
            run("survey", "plain.db").exit_code,
            run("survey", "plain.db").output,
        )

    def test_failures(self, shop):
        """What cannot be upgraded is listed, with the step and the reason."""
        fill(shop, [1, "bad", 2])

        done = run("migrate", "orders.db")

        assert 1 == done.exit_code
        assert re.search(r"00001 .*Order +1 +step 2 -> 3 .*ValueError: no good", done.output)
        assert "2 migrated, 1 failed and left as before" in done.output

    def test_many_failures(self, shop, monkeypatch):
        """Of very many, the first are listed."""
        monkeypatch.setattr("versionpickle.stores._sweeps.migration._REPORTED_MAX", 2)
        fill(shop, ["bad"] * 5)

        assert "... and 3 more" in run("migrate", "orders.db").output

    def test_rolled_back_in_part(self, shop):
        """What somebody has written since stays, and is told."""
        fill(shop, range(5))
        run("migrate", "orders.db")
        with versionpickle.open("orders.db") as store:
            store["00002"] = "mine"

        done = run("rollback", "orders.db")
        assert (1, True) == (
            done.exit_code,
            "1 not put back, because they have been written" in done.output,
        )
        assert "4 records put back" in done.output

    def test_damage(self, shop):
        """Damage is listed."""
        fill(shop, range(5))
        connection = sqlite3.connect("orders.db")
        connection.execute("UPDATE records SET sum = 5 WHERE key = '00002'")
        connection.commit()
        connection.close()

        done = run("verify", "orders.db")
        assert (1, True) == (done.exit_code, "4 good, 1 damaged" in done.output)
        assert "00002  its bytes are not those that were stored" in done.output
        done = run("copy", "orders.db", "other.db")
        assert (1, True) == (done.exit_code, "4 copied, 1 damaged" in done.output)
        assert "00002" in done.output

    def test_copy(self, shop):
        """Copies go to a new store, or into a folder; what is there stays."""
        fill(shop, range(5))
        assert "5 copied" in run("copy", "orders.db", "other.db").output
        assert "5 there already" in run("copy", "orders.db", "other.db").output
        with versionpickle.open("other.db") as store:
            store["00002"] = "mine"
        done = run("copy", "orders.db", "other.db")
        assert (1, True) == (done.exit_code, "1 kept as they are there" in done.output)
        done = run("copy", "--overwrite", "orders.db", "other.db")
        assert 0 == done.exit_code
        Path("out").mkdir()
        assert 0 == run("copy", "other.db", "dir:out/*.pickle").exit_code
        assert 5 == len(list(Path("out").iterdir()))
        assert "5 stale" in run("survey", "--project", "dir:out/*.pickle").output

    @pytest.mark.parametrize("command", ["survey", "migrate", "verify", "rollback", "forget"])
    @pytest.mark.parametrize(
        ("place", "told"),
        [
            ("nothing.db", "there is no such file"),
            ("pyproject.toml", "neither a store nor an SQLite database"),
            ("shelve:nothing", "no such shelf"),
            (".", "this is a folder"),
        ],
    )
    def test_place_that_is_no_store(self, shop, command, place, told):
        """What is no store is told in one sentence."""
        done = run(command, place)

        assert (2, True) == (done.exit_code, told in done.output)
        assert 1 == done.output.count("\n")


class TestCtrlC:
    def test_after_the_batch(self, shop):
        """One Ctrl-C ends it after the batch, and a second run goes on."""
        fill(shop, [*range(1_500), "slow", *range(1_500)])
        child = subprocess.Popen(
            [sys.executable, "-m", "versionpickle", "migrate", "orders.db"],
            stdout=subprocess.PIPE,
            text=True,
        )
        while not Path("slow").exists() and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate()

        assert 130 == child.returncode
        assert "stopped after 2000 of 3001: all records are whole" in told
        assert (
            1_001
            == json.loads(run("survey", "--project", "--format", "json", "orders.db").output)[
                "stale"
            ]
        )

    def test_within(self, shop):
        """It is noticed while a step runs, and the batch is ended."""
        fill(shop, ["once", *range(2_200)])

        done = run("migrate", "orders.db")

        assert 130 == done.exit_code
        assert "stopped after 2000 of 2201" in done.output

    def test_twice(self, shop):
        """Two end it at once, and cost a batch."""
        fill(shop, ["stop"])

        done = run("migrate", "orders.db")

        assert done.exit_code in {1, 130}
        with versionpickle.open("orders.db") as store:
            assert 1 == len(store)

    def test_stops(self, monkeypatch):
        """It is noticed between batches, and told from an end."""

        def steps(count):
            for seen in range(1, count + 1):
                if seen == 2:
                    signal.raise_signal(signal.SIGINT)
                yield Migration(3, seen=seen)

        done, is_stopped = _watched(steps(3))
        assert (2, True) == (done.seen, is_stopped)
        done, is_stopped = _watched(steps(1))
        assert (1, False) == (done.seen, is_stopped)
        done, is_stopped = _watched(steps(0))
        assert (0, False) == (done.seen, is_stopped)


@pytest.mark.parametrize("command", ["migrate", "verify", "copy"])
def test_bars(shop, command, monkeypatch):
    """Who looks sees how far it is."""
    fill(shop, range(3_000))
    leader, follower = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    shown = []
    reader = threading.Thread(target=lambda: shown.extend(read_all(leader)))
    reader.start()
    with (
        os.fdopen(follower, "w") as screen,
        contextlib.redirect_stderr(screen),
        pytest.raises(SystemExit) as caught,
    ):
        main([command, "orders.db", *(["copied.db"] if command == "copy" else [])])
    reader.join()

    assert not caught.value.code
    assert b"3000/3000" in b"".join(shown)


def read_all(leader):
    """Yield what is shown, as long as somebody shows something."""
    with contextlib.suppress(OSError):
        while read := os.read(leader, 4096):
            yield read
    os.close(leader)
