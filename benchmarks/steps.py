"""
Measure what ten steps from version 1 to 11 cost, beside the same by hand and by the peers.

    python benchmarks/steps.py    # print the tables
"""

from __future__ import annotations

import json
import pickle
import uuid

from collections.abc import Callable
from typing import Any
from unittest import mock

import attrs
import history
import pydantic

from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from eventsourcing.utils import get_topic
from ratios import COUNT, ratio, table
from twisted.persisted import styles

from versionpickle import versioned
from versionpickle.migrations import Registry


PEER_ROUNDS = 5


@attrs.frozen
class Contender:
    """One way to load objects, of old data and of today's."""

    name: str
    load: Callable[[Any], Any]
    old: Any
    new: Any

    def load_old(self) -> Any:
        return self.load(self.old)

    def load_new(self) -> Any:
        return self.load(self.new)

    def check(self) -> None:
        """Refuse to measure what does not give the expected objects."""
        expected = history.todays_values(COUNT)[-1]
        for loaded in (self.load_old(), self.load_new()):
            assert len(loaded) == COUNT
            assert tuple(getattr(loaded[-1], name) for name in history.TODAY) == expected


def written_at_1(
    today: type, decorate: Callable[[Any], type], bases: tuple[type, ...] = (), **body: Any
) -> bytes:
    """Return what was written when the class called *today* was at version 1."""
    body |= {"__module__": today.__module__, "__qualname__": today.__qualname__}
    body["__annotations__"] = history.FIRST
    first = decorate(type(today.__name__, bases, body))
    with mock.patch.object(history, today.__name__, first):
        return pickle.dumps([first(*values) for values in history.first_values(COUNT)])


def written_today(today: type) -> bytes:
    return pickle.dumps([today(*values) for values in history.todays_values(COUNT)])


def ours(name: str, cls: type) -> Contender:
    at_1 = versioned(version=1, registry=Registry())
    old = written_at_1(cls, lambda body: at_1(attrs.define(body)))
    return Contender(name, pickle.loads, old, written_today(cls))


def by_hand(name: str, cls: type, getstate: Callable[[Any], Any]) -> Contender:
    old = written_at_1(cls, attrs.define, __getstate__=getstate)
    return Contender(name, pickle.loads, old, written_today(cls))


def twisted() -> Contender:
    def load(data: bytes) -> Any:
        objects = pickle.loads(data)
        styles.doUpgrade()
        return objects

    cls = history.Twisted
    bases = (styles.Versioned,)
    old = written_at_1(cls, attrs.define(slots=False), bases, persistenceVersion=1)
    return Contender("Twisted Versioned (pickle)", load, old, written_today(cls))


def states(names: Any, rows: list[tuple[Any, ...]], **more: Any) -> list[dict[str, Any]]:
    return [{**more, **dict(zip(names, values, strict=True))} for values in rows]


def old_states(**more: Any) -> list[dict[str, Any]]:
    return states(history.FIRST, history.first_values(COUNT), **more)


def new_states(**more: Any) -> list[dict[str, Any]]:
    return states(history.TODAY, history.todays_values(COUNT), **more)


def validated() -> Contender:
    load = pydantic.TypeAdapter(list[history.Validated]).validate_json
    old, new = json.dumps(old_states(version=1)), json.dumps(new_states(version=11))
    return Contender("pydantic, a validator (JSON)", load, old.encode(), new.encode())


def managed() -> Contender:
    def load(versioned: tuple[str, bytes]) -> Any:
        version, data = versioned
        return history.MANAGER.migrate_batch(json.loads(data), "Order", version, "11.0.0")

    old, new = json.dumps(old_states()).encode(), json.dumps(new_states()).encode()
    return Contender("pyrmute (JSON)", load, ("1.0.0", old), ("11.0.0", new))


def upcast() -> Contender:
    mapper = Mapper(JSONTranscoder())

    def load(stored: list[StoredEvent]) -> Any:
        return [mapper.to_domain_event(event) for event in stored]

    def store(state: dict[str, Any]) -> StoredEvent:
        encoded = mapper.transcoder.encode(state)
        return StoredEvent(uuid.uuid4(), 1, get_topic(history.Event), encoded)

    old = [store(state) for state in old_states()]
    new = [store(state) for state in new_states(class_version=11)]
    return Contender("eventsourcing (JSON of each)", load, old, new)


def hands() -> list[Contender]:
    def as_tuple(self: Any) -> tuple[Any, ...]:
        return 1, *attrs.astuple(self)

    def as_dict(self: Any) -> dict[str, Any]:
        return {"version": 1, **attrs.asdict(self)}

    return [
        by_hand("by hand, at once", history.AtOnce, as_tuple),
        by_hand("by hand, step by step", history.StepByStep, as_dict),
        by_hand("by hand, ten functions", history.Calling, as_tuple),
    ]


def chains() -> list[Contender]:
    return [
        ours("ten operations", history.Operations),
        ours("ten functions", history.Functions),
        ours("five of each, in turn", history.Mixed),
    ]


def beside_hands(chains: list[Contender], hands: list[Contender]) -> str:
    rows = [
        [
            chain.name,
            ratio(chain.load_old, chain.load_new)[0],
            *(ratio(chain.load_old, hand.load_old)[0] for hand in hands),
        ]
        for chain in chains
    ]
    return table(["", "current objects", *(hand.name for hand in hands)], rows)


def beside_peers(contenders: list[Contender], base: Contender) -> str:
    rows = [
        [
            contender.name,
            ratio(contender.load_old, base.load_old, rounds=PEER_ROUNDS)[0],
            ratio(contender.load_old, contender.load_new, rounds=PEER_ROUNDS)[0],
        ]
        for contender in contenders
    ]
    return table(["", base.name, "its own current data"], rows)


def measure() -> str:
    """Return the section of the page."""
    steps, by_hands = chains(), hands()
    peers = [twisted(), validated(), managed(), upcast()]
    for contender in (*steps, *by_hands, *peers):
        contender.check()
    named = [attrs.evolve(chain, name=f"versionpickle, {chain.name}") for chain in steps]
    parts = [
        "## Ten steps",
        f"This benchmark loads {COUNT:,} objects that version 1 of a class wrote, with version 11 "
        "of the class.\n"
        "The ten steps rename, add, remove, convert, split and merge fields.",
        "The first table uses an attrs class with slots and `pickle.loads`.\n"
        "It compares the time with loading current objects of the class, and with a "
        "hand-written `__setstate__` of such a class that does the same.\n"
        "*At once* only supports version 1 and assigns the final values directly.\n"
        "*Step by step* changes a dict, with `if version < 2:` and so on.\n"
        "*Ten functions* creates a dict and calls the functions.",
        beside_hands(steps, by_hands),
        "The second table compares other libraries, from bytes to objects: with *step by step* "
        "above, and with the time that the same library takes for current data.\n"
        "Twisted's time includes `doUpgrade()`, which logs each step.\n"
        "The other three read JSON, and all four call the ten functions.",
        beside_peers([*named, *by_hands, *peers], by_hands[1]),
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(measure())
