"""
Old and new code that count in one store, each in a process of its own, while that is migrated.

    python store_crowd.py released|pinned FOLDER OPERATIONS SEED

ends with its counts as JSON, or with the first promise that was not kept.
"""

from __future__ import annotations

import collections
import json
import random
import sys

from pathlib import Path

import attrs

from store_torture import in_fork

import versionpickle

from versionpickle import migration, versioned
from versionpickle.exceptions import ConflictError
from versionpickle.migrations import add, convert, rename, split


KEYS = [f"Ada {number}" for number in range(60)]


def first():
    @versioned(version=1, name="torture.counter")
    @attrs.define
    class Counter:
        owner: str
        tally: int

    return Counter


def second():
    @versioned(version=2, name="torture.counter")
    @attrs.define
    class Counter:
        owner: str
        tally: int
        unit: str

    migration(Counter, 1, add("unit", "piece"))
    return Counter


def third():
    @versioned(version=3, name="torture.counter")
    @attrs.define
    class Counter:
        first: str
        last: str
        tally: float
        measure: str

        @property
        def owner(self):
            return f"{self.first} {self.last}"

        @property
        def unit(self):
            return self.measure

    migration(Counter, 1, add("unit", "piece"))
    migration(
        Counter,
        2,
        split("owner", ("first", "last"), str.split, back=lambda *names: " ".join(names)),
        convert("tally", float, back=int),
        rename("unit", "measure"),
    )
    return Counter


@attrs.frozen
class Member:
    """One process: its class, and how it opens the store."""

    declare: object
    pinned: int | None = None

    def open(self, path):
        versions = self.pinned and {"torture.counter": self.pinned}
        future = "raise" if self.declare is third else "keep"
        return versionpickle.open(path, durability="normal", future=future, versions=versions)


RELEASED = [Member(first), Member(second), Member(third, 1), Member(third, 2), Member(third)]
PINNED = [Member(second), Member(second), Member(third, 2), Member(third, 2)]


class Counting:
    """Read and increment at random, and remember what was acknowledged."""

    def __init__(self, member, path, seed):
        self._cls = member.declare()
        self._store = member.open(path)
        self._chance = random.Random(seed)
        self._seen = collections.Counter()
        self.acknowledged = collections.Counter()
        self.counts = collections.Counter()

    def go_on(self, operations):
        for _ in range(operations):
            key = self._chance.choice(KEYS)
            if self._chance.random() < 0.4:
                self._see(key, self._store[key])
            else:
                self._increment(key)

    def _increment(self, key):
        while True:
            try:
                with self._store.edit(key) as found:
                    is_known = self._see(key, found)
                    if is_known:
                        found.tally += 1
            except ConflictError:
                self.counts["conflicts"] += 1
                continue
            self.acknowledged[key] += is_known
            self.counts["increments"] += is_known
            return

    def _see(self, key, found):
        """Return whether its class is known; fail if it is older than what was seen."""
        self.counts["looks"] += 1
        if not isinstance(found, self._cls):
            assert isinstance(found, versionpickle.Placeholder), found
            self.counts["placeholders"] += 1
            return False
        assert (key, "piece") == (found.owner, getattr(found, "unit", "piece"))
        assert found.tally >= self._seen[key], "an increment is lost"
        self._seen[key] = found.tally
        return True


def count_on(member, path, operations, seed):
    counting = Counting(member, path, seed)
    counting.go_on(operations)
    return counting.acknowledged, counting.counts


def migrate_on(member, path, end):
    """Migrate again and again, and undo it now and then, until the others have ended."""
    member.declare()
    counts = collections.Counter()
    with member.open(path) as store:
        while not end.exists():
            done = store.migrate()
            counts["migrated"] += done.migrated
            counts["overtaken"] += done.conflicts
            assert not done.failed, done.failures
            counts["put back"] += store.rollback()[0]
    return counts


def prepare(path):
    cls = first()
    with versionpickle.open(path) as store:
        store.update({key: cls(key, 0) for key in KEYS})


def finish(path):
    """Return what the counters say when all code is today's."""
    Member(third).declare()
    with Member(third).open(path) as store:
        store.migrate()
        survey = store.survey()
        assert (survey.stale, survey.unknown, survey.damaged) == (0, 0, 0), survey
        assert not store.verify(load=True).damages
        return {key: found.tally for key, found in store.items()}


def crowd(members, path, operations, seed):
    """Let all of them count, and somebody migrate; compare what is there with what they did."""
    end = path.with_suffix(".end")
    in_fork(prepare, path)()
    by_newest = members[-1] if members[-1].pinned is None else members[0]
    migrating = in_fork(migrate_on, by_newest, path, end)
    try:
        acknowledged, counts = counted(members, path, operations, seed)
    finally:
        end.touch()
    counts.append(migrating())
    assert dict(acknowledged) == in_fork(finish, path)()
    return counts


def counted(members, path, operations, seed):
    """Let all of them count; return what they have acknowledged, together, and their counts."""
    ends = [
        in_fork(count_on, member, path, operations // len(members), seed + number)
        for number, member in enumerate(members)
    ]
    acknowledged = collections.Counter()
    counts = []
    for added, of_one in [ended() for ended in ends]:
        acknowledged.update(added)
        counts.append(of_one)
    return acknowledged, counts


def main(arrangement, folder, operations, seed):
    members = {"released": RELEASED, "pinned": PINNED}[arrangement]
    counts = crowd(members, Path(folder) / "counters.db", int(operations), int(seed))
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
