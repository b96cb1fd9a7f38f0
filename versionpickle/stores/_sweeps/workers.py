"""Run the work of a sweep in this process or in others."""

from __future__ import annotations

import collections
import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import threading

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, Self, TypeVar

import attrs

from versionpickle.exceptions import DeclarationError
from versionpickle.migrations import Registry, default_registry


_A = TypeVar("_A")
_B = TypeVar("_B")
_R = TypeVar("_R")

_AHEAD = 4
"""How many batches may wait to be done, or be done and wait to be written."""

_PATIENCE = 5
"""By how much workers give way to others, as in `os.nice`."""


def each_result(
    tasks: Iterable[tuple[_A, _B]], work: Callable[[_B], _R], executor: Executor | None
) -> Iterator[tuple[_A, _R]]:
    """Do the second part of each task; yield the first with the result, in order."""
    if executor is None:
        yield from ((first, work(task)) for first, task in tasks)
        return
    waiting: collections.deque[tuple[_A, Future[_R]]] = collections.deque()
    try:
        for first, task in tasks:
            waiting.append((first, executor.submit(work, task)))
            if len(waiting) > _AHEAD:  # no more than a few are held at a time
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())
    finally:
        for _, future in waiting:
            future.cancel()


def _result(first: _A, future: Future[_R]) -> tuple[_A, _R]:
    return first, future.result()


@attrs.frozen
class Knowledge:
    """The declarations of this process, and the modules from which another one gets them."""

    modules: tuple[str, ...]
    declared: frozenset[tuple[str, int]]

    @classmethod
    def of_this_process(cls) -> Self:
        return cls(tuple(_modules()), frozenset(_declared()))

    def acquire(self) -> None:
        """Import the modules, once in a process; refuse to work without a declaration."""
        if self in _ACQUIRED:
            return
        for module in self.modules if self.missing() else ():
            with contextlib.suppress(Exception):  # what is missing then is reported
                importlib.import_module(module)
        if missing := self.missing():
            problem = "worker processes do not find it"
            cure = (
                "declare it at the top of a module that can be imported, or migrate without "
                "workers= and executor="
            )
            raise DeclarationError(", ".join(missing), problem, cure)
        _ACQUIRED.add(self)

    def missing(self) -> list[str]:
        missing = self.declared - _declared()
        return sorted(f"{key} version {version}" for key, version in missing)


_ACQUIRED: set[Knowledge] = set()


@contextlib.contextmanager
def processes(count: int, registry: Registry | None) -> Iterator[Executor | None]:
    """
    Start *count* processes that know the same classes; none for 0.

    They are forked if that is safe.
    Otherwise they import the modules of the classes and steps that are declared here.
    """
    if not count:
        yield None
        return
    if registry is not None and registry is not default_registry:
        raise DeclarationError(
            repr(registry),
            "other processes know the default registry alone",
            "leave workers= out, or declare the classes in the default registry",
        )
    context: Any = multiprocessing.get_context("spawn")
    if sys.platform == "linux" and threading.active_count() == 1:
        context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_prepare) as pool:
        needed = Knowledge.of_this_process()
        pool.submit(needed.acquire).result()  # before there are other threads
        yield pool


def _modules() -> list[str]:
    """Return the modules in which classes and steps are declared."""
    modules = set()
    for instrumentation in default_registry.instrumentations():
        declaration = instrumentation.declaration
        modules |= {
            declaration.adopted_by or instrumentation.cls.__module__,
            declaration.steps_module,
        }
    modules |= {getattr(step.function, "__module__", None) for step in default_registry.steps()}
    return sorted(name for name in modules - {"__main__", "__mp_main__"} if name is not None)


def _declared() -> set[tuple[str, int]]:
    return {
        (instrumentation.declaration.key, instrumentation.declaration.version)
        for instrumentation in default_registry.instrumentations()
    }


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started us stops us
    with contextlib.suppress(AttributeError, OSError):  # which not every system has
        os.nice(_PATIENCE)  # all wait for the one that writes
