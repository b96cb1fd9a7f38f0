"""What the classes of an old release stored: this runs in a process of its own."""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import pickle
import sys

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from versionpickle._classes.describe import recorded
from versionpickle._classes.instrument import Instrumentation, instrumentation_of
from versionpickle._project.example import example
from versionpickle._project.samples import MAKERS, kinds_of
from versionpickle._wire.refs import ref_of
from versionpickle.migrations import Declaration, Registry
from versionpickle.migrations._fields import as_dict


def main() -> None:
    """Look at the classes that standard input asks for, and write the answer to a file."""
    asked = json.load(sys.stdin)
    old = OldCode([Path(folder).resolve() for folder in asked["folders"]])
    for module in asked["modules"]:  # before samples: half of a package may be left of an error
        old.module(module)
    problems = [*_load_samples(asked["samples"])]
    classes = {key: old.describe(refs, problems) for key, refs in asked["classes"].items()}
    others = [ref for module in asked["modules"] for ref in old.classes_in(module)]
    answer = {"classes": classes, "others": others, "problems": old.problems}
    Path(asked["answer"]).write_text(json.dumps(answer), "utf-8")


def _load_samples(files: Mapping[str, str]) -> Iterator[str]:
    """Run files with functions that make samples; yield why some cannot be used here."""
    for name, file in files.items():
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except Exception as exc:  # noqa: BLE001 - of today's code, and of no use for the old one
            yield f"{name} cannot be imported: {_named(exc)}"


class OldCode:
    """The modules of an old release, all of which are in some folders."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self.problems: dict[str, str] = {}
        """Why modules cannot be imported."""

    def describe(self, refs: list[str], problems: list[str]) -> dict[str, Any] | None:
        """Describe the class that has one of these names; None if there is none."""
        for ref in refs:
            module, _, qualname = ref.partition(":")
            found: Any = self.module(module)
            for name in qualname.split("."):
                found = getattr(found, name, None)
            if isinstance(found, type) and self._is_own(sys.modules.get(found.__module__)):
                return described(found, problems)
        return None

    def classes_in(self, name: str) -> Iterator[str]:
        """Yield the refs of the classes that a module defines."""
        module = self.module(name)
        for value in vars(module).values() if module is not None else ():
            if isinstance(value, type) and value.__module__ == name:
                yield ref_of(value)

    def module(self, name: str) -> ModuleType | None:
        """Import a module of the release; return None if it has none of this name."""
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - old code may do anything
            missing = exc.name or "" if isinstance(exc, ModuleNotFoundError) else ""
            if not (missing and f"{name}.".startswith(f"{missing}.")):
                self.problems[name] = _named(exc)
            return None
        return module if self._is_own(module) else None

    def _is_own(self, module: ModuleType | None) -> bool:
        """Whether a module is of the old release: today's may be installed, too."""
        file = Path(getattr(module, "__file__", None) or "/").resolve()
        return any(file.is_relative_to(folder) for folder in self._folders)


def described(cls: type, problems: list[str]) -> dict[str, Any]:
    """Return the fields of a class, and pickles of its samples, or why there are none."""
    ref = ref_of(cls)
    if instrumentation_of(cls) is not None:
        return {"ref": ref, "samples": [], "problems": ["it had a version there already"]}
    reasons = [*problems]
    samples = _samples(cls, MAKERS.get(ref, {}), reasons)
    samples = samples or _samples(cls, {"made": lambda: example(cls)}, reasons)
    known = recorded(Instrumentation(cls, Declaration(ref), Registry("backfill")))
    fields = None if known.fields is None else [field.as_json() for field in known.fields]
    return {"ref": ref, "samples": samples, "problems": reasons, "fields": fields}


def _samples(
    cls: type, makers: Mapping[str, Callable[[], Any]], reasons: list[str]
) -> list[dict[str, Any]]:
    made = []
    for name, make in makers.items():
        try:
            obj = make()
            data = pickle.dumps(obj, protocol=4)
        except Exception as exc:  # noqa: BLE001 - others may be made
            reasons.append(f"{name}: {_named(exc)}")
            continue
        if type(obj) is cls:
            text = base64.b64encode(data).decode()
            made.append({"name": name, "state": kinds_of(_state(obj)), "data": text})
    return made


def _state(obj: Any) -> dict[str, Any]:
    reduced = obj.__reduce_ex__(4)
    state = as_dict(reduced[2]) if isinstance(reduced, tuple) and len(reduced) > 2 else None
    return state if isinstance(state, dict) else {}


def _named(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}"
