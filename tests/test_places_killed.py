"""Sweeps over places elsewhere, killed before each call that touches the disk."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sys
import time

import orders
import pytest

from test_existing import PLACES, old

from versionpickle import exceptions, open_existing


needs_forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")

TOUCHING = {
    "execute",
    "executemany",
    "write",
    "fsync",
    "replace",
    "rename",
    "unlink",
    "remove",
    "open",
    "close",
    "chmod",
    "truncate",
    "seek",
}
"""The names of functions of C that write to the disk, or that lead to it."""


def killed_before(number, work):
    """Do some work in a child that dies before such a call; tell whether it did not."""
    child = os.fork()
    if not child:
        left = [number]

        def watch(frame, event, function):
            if event == "c_call" and function.__name__ in TOUCHING:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)

        sys.setprofile(watch)
        try:
            work()
        finally:
            sys.setprofile(None)
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


EACH = [13, pytest.param(1, marks=pytest.mark.slow)]
"""How many such calls are between one kill and the next."""


@pytest.fixture(params=["folder", "shelf, dumb", "table"])
def place(request, tmp_path):
    """Return what makes a place of three old records, and their pickles."""
    pickles = old(3)

    def make(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        return PLACES[request.param](folder, pickles)

    return make, pickles


def sweep(address, work):
    with open_existing(address) as place:
        getattr(place, work)()


def content(address):
    with open_existing(address) as place:
        return {key: place._records.read(key) for key in place}


def leftovers(path):
    """Return what a sweep should have deleted; a file that was not renamed may be left."""
    names = [file.name for file in path.rglob("*") if "versionpickle" in file.name]
    return [name for name in names if not name.endswith(".tmp")]


@needs_forks
@pytest.mark.parametrize("each", EACH)
@pytest.mark.parametrize("work", ["migrate", "rollback", "forget_originals"])
def test_place_killed(place, work, each, tmp_path):
    """Whenever it dies, each record is whole, and a rollback has the old bytes of all."""
    make, pickles = place
    cls = orders.declare(4)
    for number in itertools.count(0, each):
        address = make(number)
        if work != "migrate":
            sweep(address, "migrate")

        is_done = killed_before(number, lambda address=address: sweep(address, work))

        look(address)
        if work == "forget_originals":
            sweep(address, "forget_originals")
            with open_existing(address) as opened:
                assert [cls(0, 0, ""), 3] == [opened["00000"], len(opened)]
        else:
            sweep(address, "rollback" if number % 2 else "migrate")
            sweep(address, "rollback")
            assert pickles == content(address)
        assert [] == leftovers(tmp_path / str(number))
        if is_done:
            return


def look(address):
    """Look at a place; a shelf that may be half written is not read."""
    with open_existing(address) as place:
        if not place._records.is_atomic and place._records.journal.is_in_progress():
            with pytest.raises(exceptions.StoreError, match="stopped within a batch"):
                place.survey()
            return
        found = place.survey()
        assert (3, 0, 0) == (found.records, found.damaged, found.unknown)


@needs_forks
@pytest.mark.parametrize("each", EACH)
def test_killed_between_two(place, each, tmp_path):
    """A second migration that dies takes nothing from the first."""
    make, pickles = place
    for number in itertools.count(5, each):
        address = make(number)
        orders.declare(2)
        sweep(address, "migrate")
        orders.declare(4)

        is_done = killed_before(number, lambda address=address: sweep(address, "migrate"))

        sweep(address, "rollback")
        assert pickles == content(address)
        if is_done:
            return


@needs_forks
def test_survey_writes_nothing(place, tmp_path):
    """What a migration left when it died is looked at, and not changed."""
    make, _ = place
    orders.declare(4)
    for number in range(0, 60, 9):
        address = make(number)
        killed_before(number, lambda address=address: sweep(address, "migrate"))
        before = {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in (tmp_path / str(number)).rglob("*")
            if path.is_file()
        }

        look(address)

        after = {
            path: (path.read_bytes(), path.stat().st_mtime_ns)
            for path in (tmp_path / str(number)).rglob("*")
            if path.is_file()
        }
        assert before.keys() == after.keys()
        assert before == after


@needs_forks
@pytest.mark.parametrize("seconds", [0.4, pytest.param(20, marks=pytest.mark.slow)])
def test_several_at_once(place, seconds, tmp_path):
    """Three processes sweep and look, and one of them is killed: no original is lost."""
    make, pickles = place
    address = make(0)
    orders.declare(4)
    children = [in_child(use, address, number, seconds) for number in range(3)]
    time.sleep(seconds / 2)
    os.kill(children[0], signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)

    for _ in range(2):
        sweep(address, "rollback")

    assert pickles == content(address)
    assert [] == leftovers(tmp_path / "0")


def in_child(work, *args):
    child = os.fork()
    if not child:
        try:
            work(*args)
        finally:
            os._exit(0)
    return child


def use(address, number, seconds):
    """Do this and that; another sweep may be at work, or half of a batch in a shelf."""
    chance = random.Random(number)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        work = chance.choice(["migrate", "rollback", "survey", "originals"])
        with contextlib.suppress(exceptions.StoreError):
            sweep(address, work)
