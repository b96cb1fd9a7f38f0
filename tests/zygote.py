"""A process that has imported the package, and forks one for each command on a project."""

from __future__ import annotations

import contextlib
import enum
import gc
import importlib
import io
import itertools
import json
import os
import pickle
import pkgutil
import subprocess
import sys
import traceback
import types

from pathlib import Path

import attrs  # noqa: F401 - for the classes of projects, as pydantic
import pydantic  # noqa: F401

from click.testing import CliRunner

import versionpickle

from versionpickle._cli.main import main
from versionpickle._project.configuration import configuration, import_modules
from versionpickle._project.make import write


class Zygote:
    """The other end: it starts the process, and asks it."""

    def __init__(self):
        ours = os.pathsep.join([str(Path(versionpickle.__file__).parents[1]), *sys.path])
        environment = {**os.environ, "PYTHONPATH": ours, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, __file__]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment
        )

    def ask(self, folder, request, *arguments):
        """Return what a function of REQUESTS returns in a new process, in this folder."""
        print(json.dumps([request, str(folder), *arguments]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.communicate()


def forked(function, *arguments):
    """Return what a function returns in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with open(writing, "w") as pipe:
            try:
                json.dump(function(*arguments), pipe)
            except BaseException:
                traceback.print_exc()
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def run(folder, arguments):
    """Run a command; a fresh fork stands for the fresh process that `make` starts."""
    os.chdir(folder)
    if arguments[0] == "make":
        write.subprocess = types.SimpleNamespace(run=Spare().run)
    done = CliRunner().invoke(main, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return -1, "".join(traceback.format_exception(done.exception))
    return int(done.exit_code), done.output


class Spare:
    """A process that has imported nothing of the project yet."""

    def __init__(self):
        self._command, command = os.pipe()
        answer, self._answer = os.pipe()
        if os.fork() == 0:
            os.close(command)
            self._serve()
        os.close(self._command)
        os.close(self._answer)
        self._pipes = command, answer

    def _serve(self):
        with open(self._command) as pipe:
            argv = pipe.read()
        os.dup2(self._answer, 1)
        status = 1
        try:
            sys.argv[1:] = json.loads(argv)
            write.record_all()
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.stdout)
        print(f"\n{status}", flush=True)
        os._exit(0)

    def run(self, command, **settings):
        writing, reading = self._pipes
        with open(writing, "w") as pipe:
            json.dump(command[3:], pipe)
        with open(reading, "rb") as pipe:
            printed, _, status = pipe.read().rstrip().rpartition(b"\n")
        return subprocess.CompletedProcess(command, int(status), printed, printed)


def look(folder, new):
    """Load all that was kept, run the check, and keep new objects if all is well."""
    os.chdir(folder)
    try:
        import_modules(configuration(Path.cwd()))
    except Exception:
        return {"status": 2, "output": traceback.format_exc(), "loads": {}}
    loads = {file.name: loaded(file) for file in sorted(Path("kept").glob("*.pickle"))}
    status, output = run(folder, ["check", "--format", "json"])
    if status == 0:
        for name, (module, code, protocol) in new.items():
            obj = eval(code, vars(importlib.import_module(module)))
            Path("kept", name).write_bytes(pickle.dumps(obj, protocol=protocol))
    return {"status": status, "output": output, "loads": loads}


def loaded(file):
    """Describe what a file holds for each loader."""
    return [_described_or_error(load, file) for load in (pickle.loads, versionpickle.loads)]


def _described_or_error(load, file):
    try:
        return described(load(file.read_bytes()))
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


def described(obj):
    """Return the facts that an object holds; values as code."""
    if isinstance(obj, list):
        return [described(one) for one in obj]
    cls = type(obj)
    if not (cls.__module__.startswith("shop") or isinstance(obj, versionpickle.Placeholder)):
        return repr(obj)
    if isinstance(obj, versionpickle.Placeholder):
        return {"class": "Placeholder"} | _facts_of_state(obj.state)
    if isinstance(obj, enum.Enum):
        facts = {"name": obj.name, "value": obj.value}
    elif isinstance(obj, tuple):
        facts = obj._asdict()
    else:
        slots = itertools.chain(*(getattr(base, "__slots__", ()) for base in cls.__mro__))
        names = [*slots, *getattr(obj, "__dict__", ())]
        found = {name for name in names if not name.startswith("__")}
        facts = {name: getattr(obj, name) for name in found if hasattr(obj, name)}
    return {"class": cls.__qualname__} | {name: described(one) for name, one in facts.items()}


def _facts_of_state(state):
    if not isinstance(state, dict):
        return {"name": repr(state)}
    return {name: repr(value) for name, value in state.items() if not name.startswith("__")}


def python(folder, code):
    """Run code, and return what it prints."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    return printed.getvalue()


REQUESTS = {"run": run, "look": look, "python": python}


def serve():
    for package in ("_classes", "_cli", "_pickles", "_project", "_wire", "migrations", "testing"):
        found = importlib.import_module(f"versionpickle.{package}")
        for one in pkgutil.walk_packages(found.__path__, f"{found.__name__}."):
            importlib.import_module(one.name)  # what is imported here, no fork has to
    os.fsync = lambda _: None  # no power fails here
    gc.freeze()
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        print(json.dumps(forked(REQUESTS[request], *arguments)), flush=True)


if __name__ == "__main__":
    serve()
