"""The keys under which a state holds arguments and items of an old object."""

from __future__ import annotations


ARGUMENTS = "<arguments>"
"""The key of the positional arguments that the object was made from, a tuple."""

KEYWORDS = "<keywords>"
"""The key of its keyword arguments, a dict; it is there only if there were any."""

ITEMS = "<items>"
"""The key of the items of a container: a list, or a dict for a mapping."""

STATE = "<state>"
"""The key of a state that is not a dict, if arguments or items were stored with it."""

PARTS = {
    ARGUMENTS: "constructor arguments",
    KEYWORDS: "keyword arguments",
    ITEMS: "items",
    STATE: "state without field names",
}
