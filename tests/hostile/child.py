"""
Load each hostile pickle in a process of its own, which may take 128 MiB and one second.

    python -m hostile.child limits | default | inspect

prints a line of JSON for each.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import time
import zoneinfo

import versionpickle

from hostile import models
from hostile.pickles import PICKLES
from versionpickle.exceptions import VersionPickleError


MEMORY = 128 * 2**20
SECONDS = 1.0
EVENTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "shutil.")
WAYS = {
    "limits": lambda hostile: versionpickle.loads(
        hostile.data, limits=versionpickle.Limits(), allow=hostile.allow
    ),
    "default": lambda hostile: versionpickle.loads(hostile.data, allow=hostile.allow),
    "inspect": lambda hostile: versionpickle.inspect(hostile.data),
}


def outcome(load, hostile):
    """Return the name of the error, what was run, and what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    try:
        load(hostile)
        error = None
    except VersionPickleError as exc:
        error = f"{type(exc).__name__}: {str(exc)[:300]}"
    except BaseException as exc:
        error = f"!{type(exc).__name__}: {str(exc)[:300]}"
    took = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    ran = [*models.SPRUNG, *(["a file"] if os.path.exists("sprung") else [])]
    return {"error": error, "ran": ran, "seconds": took, "memory": memory * 1024}


def watch(event, args):
    if event.startswith(EVENTS) or (event, args[:1]) == ("import", ("antigravity",)):
        models.SPRUNG.append(event)


def allocated():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def in_child(load, hostile):
    """Return the outcome in a process of its own; None where that dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (allocated() + MEMORY,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.setitimer(signal.ITIMER_PROF, 3 * SECONDS)  # what else runs is no part of it
        signal.setitimer(signal.ITIMER_REAL, 30 * SECONDS)
        sys.addaudithook(watch)
        with contextlib.suppress(BaseException), open(writing, "w") as file:
            json.dump(outcome(load, hostile), file)
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    died = {"error": f"died: {os.waitstatus_to_exitcode(status)}", "ran": [], "seconds": 3}
    return json.loads(told) if told else {**died, "memory": 0}


def main():
    load = WAYS[sys.argv[1]]
    os.chdir(tempfile.mkdtemp())
    zoneinfo.ZoneInfo("Europe/Berlin")
    for data in (b"cos\nsystem\n.", b"N.", versionpickle.dumps(models.Order(1, "a"))):
        for way in WAYS.values():  # what is imported late is imported now
            with contextlib.suppress(VersionPickleError):
                way(type(PICKLES[0])("", "", data))
    models.SPRUNG.clear()
    gc.freeze()
    for hostile in PICKLES:
        has_codes = any(code in hostile.data for code in b"\x82\x83\x84")
        with models.extension_codes() if has_codes else contextlib.nullcontext():
            told = in_child(load, hostile)
        print(json.dumps({"part": hostile.part, "title": hostile.title, **told}), flush=True)


if __name__ == "__main__":
    main()
