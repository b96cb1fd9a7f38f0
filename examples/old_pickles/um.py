"""A user's module: today's class, whose objects attrs 22.1 pickled as bare tuples."""

import attrs


@attrs.define
class AS:
    a: int
    b: int
