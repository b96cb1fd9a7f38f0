"""
Show each hostile pickle to every command and every kind of store.

    python -m hostile.everywhere EACH

prints a line of JSON for every EACHth pickle and each way, each tried in a process of its own.
"""

from __future__ import annotations

import contextlib
import dbm.dumb
import functools
import gc
import json
import os
import sqlite3
import sys
import tempfile

import versionpickle

from hostile import models
from hostile.child import in_child
from hostile.pickles import PICKLES
from versionpickle._cli.main import main as command
from versionpickle.exceptions import VersionPickleError


FOLDER = "dir:orders/*.pickle"


def make_folder(data):
    os.mkdir("orders")
    with open("orders/one.pickle", "wb") as file:
        file.write(data)
    return FOLDER


def make_shelf(data):
    with dbm.dumb.open("shelf", "c") as file:
        file["one"] = data
    return "shelve:shelf"


def make_table(data):
    with contextlib.closing(sqlite3.connect("app.db")) as connection, connection:
        connection.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, payload BLOB)")
        connection.execute("INSERT INTO jobs VALUES ('one', ?)", (data,))
    return "sqlite:app.db?table=jobs&key=id&value=payload"


def make_store(data):
    """Copy it into a store, as far as that takes it."""
    with versionpickle.open_existing(make_folder(data)) as folder, opened("orders.db") as store:
        folder.copy_to(store)
    return "orders.db"


def opened(address, **settings):
    is_store = address.endswith(".db")
    opening = versionpickle.open if is_store else versionpickle.open_existing
    return opening(address, limits=versionpickle.Limits(), **settings)


PLACES = {"folder": make_folder, "shelf": make_shelf, "table": make_table, "store": make_store}
WORK = {
    "read": lambda place: place.get("one"),
    "items": lambda place: [*place.items()],
    "survey": lambda place: place.survey(),
    "verify": lambda place: place.verify(load=True),
    "migrate": lambda place: place.migrate(),
    "rollback": lambda place: (place.migrate(), place.rollback()),
}
COMMANDS = {
    "inspect": ["inspect", "orders/one.pickle"],
    "inspect --json": ["inspect", "--json", "orders/one.pickle"],
    "upgrade": ["upgrade", "--limits", "orders/one.pickle"],
    "survey": ["survey", FOLDER],
    "verify": ["verify", "--load", "--limits", FOLDER],
    "migrate": ["migrate", "--limits", FOLDER],
    "rollback": ["rollback", FOLDER],
    "copy": ["copy", FOLDER, "orders.db"],
}


def in_place(make, work, hostile):
    with opened(make(hostile.data), allow=hostile.allow) as place:
        work(place)


def by_command(args, hostile):
    """Run a command; what it prints is for nobody, and it may end as it likes."""
    make_folder(hostile.data)
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(contextlib.suppress(SystemExit))
        command(args)


WAYS = {
    **{
        f"{place}, {name}": functools.partial(in_place, make, work)
        for place, make in PLACES.items()
        for name, work in WORK.items()
    },
    **{
        f"versionpickle {name}": functools.partial(by_command, args)
        for name, args in COMMANDS.items()
    },
}


@contextlib.contextmanager
def in_new_folder():
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


def main():
    for way in WAYS.values():  # what is imported late is imported now
        with in_new_folder(), contextlib.suppress(VersionPickleError):
            way(type(PICKLES[0])("", "", versionpickle.dumps(models.Order(1, "a"))))
    models.SPRUNG.clear()
    gc.freeze()
    for hostile in PICKLES[:: int(sys.argv[1])]:
        has_codes = any(code in hostile.data for code in b"\x82\x83\x84")
        with models.extension_codes() if has_codes else contextlib.nullcontext():
            for name, way in WAYS.items():
                with in_new_folder():
                    told = in_child(way, hostile)
                print(json.dumps({"way": name, "title": hostile.title, **told}), flush=True)


if __name__ == "__main__":
    main()
