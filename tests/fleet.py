"""
One process of a fleet: reads and writes random files of a folder, as yesterday or as today.

    python fleet.py yesterday|today FOLDER READS_AND_WRITES SEED [pinned]

ends with the number of its reads, or with the first failure.
"""

from __future__ import annotations

import os
import random
import sys

import attrs

import versionpickle

from versionpickle import migration, versioned
from versionpickle.migrations import add, convert, rename, split


FILES = 200


def yesterdays():
    @versioned(version=1, name="fleet.order")
    @attrs.define
    class Order:
        number: int
        total: int
        customer: str

    return lambda number: Order(number, number * 100, f"Ada {number}"), lambda order: (
        order.number,
        order.total,
        order.customer,
    )


def todays():
    @versioned(version=3, name="fleet.order")
    @attrs.define
    class Order:
        number: int
        amount: float
        first: str
        last: str
        currency: str

    migration(Order, 1, rename("total", "amount"), convert("amount", _euros, back=_cents))
    migration(
        Order,
        2,
        split("customer", ("first", "last"), str.split, back=lambda *names: " ".join(names)),
        add("currency", "EUR"),
    )
    return lambda number: Order(number, float(number), "Ada", str(number), "EUR"), lambda order: (
        order.number,
        round(order.amount * 100),
        f"{order.first} {order.last}",
    )


def _euros(cents):
    return cents / 100


def _cents(euros):
    return round(euros * 100)


def main(who, folder, count, seed, *pinned):
    make, told = yesterdays() if who == "yesterday" else todays()
    versions = {"fleet.order": 1} if pinned else None
    chance = random.Random(seed)
    reads = 0
    for _ in range(int(count)):
        number = chance.randrange(FILES)
        path = os.path.join(folder, str(number))
        if chance.random() < 0.5 or not os.path.exists(path):
            temporary = f"{path}.{os.getpid()}"
            with open(temporary, "wb") as file:
                file.write(versionpickle.dumps(make(number), versions=versions))
            os.replace(temporary, path)
        else:
            with open(path, "rb") as file:
                order = versionpickle.loads(file.read())
            assert told(order) == (number, number * 100, f"Ada {number}"), order
            reads += 1
    print(reads)


if __name__ == "__main__":
    main(*sys.argv[1:])
