"""A service that sends mail, and what a registry of services knows of it."""

import pickle

from pathlib import Path

import svcs


class Mailer:
    """Sends mail."""


def connect():
    return Mailer()


async def connect_later():
    return Mailer()


def answers(mailer):
    """Raise if the other side is gone."""


def registered(factory):
    registry = svcs.Registry()
    registry.register_factory(Mailer, factory, ping=answers)
    return registry.get_registered_service_for(Mailer)


def store(path):
    services = [registered(connect), registered(connect_later)]
    Path(path).write_bytes(pickle.dumps(services, protocol=4))


def show(path):
    print(path)
    for service in pickle.loads(Path(path).read_bytes()):
        names = [name for name in service.__slots__ if not name.startswith("_")]
        values = (getattr(service, name) for name in names)
        shown = (getattr(value, "__name__", value) for value in values)
        print(*(f"{name}={value}" for name, value in zip(names, shown, strict=True)))
