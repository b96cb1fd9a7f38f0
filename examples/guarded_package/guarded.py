"""Keeps what svcs stores readable, whatever becomes of its classes."""

import inspect

from mail import Mailer, answers, connect, connect_later, registered
from svcs._core import RegisteredService

from versionpickle import adopt, allow, migration
from versionpickle.migrations import add, remove
from versionpickle.testing import sample


def generation(state):
    """Return the version of a service that plain pickle stored."""
    if "suppress_context_exit" in state:
        return 4
    if "enter" in state:
        return 3
    return 2 if "takes_container" in state else 1


adopt(
    RegisteredService,
    version=4,
    formerly=("svcs._core:RegisteredService", "svcs:RegisteredService"),
    unstamped=generation,
)


migration(
    RegisteredService,
    1,
    add("takes_container", False),
    add("is_async", compute=lambda state: inspect.iscoroutinefunction(state["factory"])),
)
migration(RegisteredService, 2, add("enter", False), remove("is_async"))
migration(RegisteredService, 3, add("suppress_context_exit", True))


allow(Mailer, answers, connect, connect_later)  # what services hold


@sample(RegisteredService)
def mailer():
    return registered(connect)


@sample(RegisteredService)
def mailer_later():
    return registered(connect_later)
