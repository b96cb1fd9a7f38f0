"""The contents of a pickle as a tree, without building any object."""

from __future__ import annotations

import contextlib

from collections.abc import Iterator
from typing import Any

import attrs

from versionpickle._pickles.path import (
    ARGS,
    FUNCTION,
    INDEX,
    KEY,
    MEMBER,
    NEW_ARGS,
    STATE,
    PathStep,
    name_of_root,
    path_of,
)
from versionpickle._wire.refs import look_up
from versionpickle._wire.stamp import Claim

from .machine import Machine
from .source import Source
from .stack import Stack


@attrs.define(eq=False, repr=False)
class TreeNode:
    """
    Represent one object of a pickle.

    Tuples, strings, numbers and the like represent themselves.
    """

    ref: str = ""
    """What a name refers to, and the class or function that made an object."""

    function: Any = None
    args: tuple[Any, ...] = ()
    items: list[Any] = attrs.field(factory=list)
    members: list[Any] = attrs.field(factory=list)
    pairs: list[tuple[Any, Any]] = attrs.field(factory=list)
    states: list[Any] = attrs.field(factory=list)
    takes: str = ARGS
    """Whether the arguments are those of a call, or of ``__new__``."""

    def __getattr__(self, name: str) -> Any:
        if name == "claim" and self.ref == "versionpickle:_revive" and len(self.args) == 5:
            _, ref, version, fields, bases = self.args
            return Claim(ref, version, fields if type(fields) is tuple else None, bases)
        raise AttributeError(name)

    @property
    def is_name(self) -> bool:
        """Whether this is a class, function or stamp, and no object of it."""
        return (self.function is None and ":" in self.ref) or hasattr(self, "claim")

    @property
    def is_made_of_class(self) -> bool:
        """Whether this is an object that only a class can make."""
        is_new = self.takes == NEW_ARGS and type(self.function) is TreeNode
        return is_new or self.ref in _MAKE_OF_A_CLASS

    @property
    def made_of(self) -> str:
        """The ref of the class of the object."""
        if hasattr(self, "claim"):
            return self.claim.ref if type(self.claim.ref) is str else ""
        if self.ref in _TAKE_A_CLASS and self.args and type(self.args[0]) is TreeNode:
            return self.args[0].made_of
        return self.function.made_of if type(self.function) is TreeNode else self.ref


_MAKE_OF_A_CLASS = {
    f"{module}:{name}"
    for module in ("copyreg", "copy_reg")
    for name in ("_reconstructor", "__newobj__", "__newobj_ex__")
}
_TAKE_A_CLASS = {
    "versionpickle:_make",
    "versionpickle:_member",
    "versionpickle:_state",
    *_MAKE_OF_A_CLASS,
}


def parts(node: Any) -> Iterator[PathStep]:
    """Yield the steps from *node* to what it directly consists of, in the order of the bytes."""
    if type(node) is tuple:
        yield from (PathStep(INDEX, number, item) for number, item in enumerate(node))
    if type(node) is not TreeNode:
        return
    if node.function is not None:
        yield PathStep(FUNCTION, None, node.function)
    if node.args:
        yield PathStep(node.takes, _referred(node.function), node.args)
    yield from (PathStep(INDEX, number, item) for number, item in enumerate(node.items))
    yield from (PathStep(MEMBER, number, item) for number, item in enumerate(node.members))
    for number, (key, value) in enumerate(node.pairs):
        yield PathStep(MEMBER, number, key)
        yield PathStep(KEY, key, value)
    yield from (PathStep(STATE, None, state) for state in node.states)


def _referred(function: Any) -> Any:
    """Return the class that *function* refers to, if it is known without importing it."""
    if type(function) is not TreeNode or hasattr(function, "claim"):
        return function
    try:
        return look_up(function.ref)
    except LookupError:
        return function


class TreeReader:
    """Read a pickle into nodes; note which one each opcode was about."""

    packs_plainly = True

    def __init__(self, data: bytes, *, encoding: str = "ASCII", errors: str = "strict") -> None:
        self._source = Source(data, encoding=encoding, errors=errors)
        self._stack = Stack(self._source)
        self.about: dict[int, Any] = {}
        """By index of an opcode: the node that it made or changed."""

    @property
    def memo(self) -> dict[int, Any]:
        return self._stack.memo

    def read(self) -> Any:
        """Return the root; None where the bytes turn bad later on."""
        with contextlib.suppress(Exception):
            return Machine(self._source, self, self._stack).run()

    def _about(self, node: Any) -> Any:
        self.about[self._source.at] = node
        return node

    def find(self, module: str, name: str) -> Any:
        return self._about(TreeNode(f"{module}:{name}"))

    def find_persistent(self, key: Any) -> Any:
        return self._about(TreeNode("persistent id", args=(key,)))

    def find_extension(self, code: int) -> Any:
        return self._about(TreeNode("extension", args=(code,)))

    def next_buffer(self) -> Any:
        return self._about(TreeNode("buffer"))

    def read_only(self, buffer: Any) -> Any:
        return buffer

    def pack(self, items: list[Any]) -> Any:
        return tuple(items)

    def dropped(self) -> None:
        """Keep what was made of it: it may be part of something else."""

    def call(self, function: Any, args: Any) -> Any:
        made = self._about(TreeNode(_ref(function), function, args))
        if self._are_of_setter(args):
            self.build(*args)
        return made

    def _are_of_setter(self, args: Any) -> bool:
        """Return whether a call with these arguments gives the object before it its state."""
        before = self._stack.items[-1:]
        return type(args) is tuple and len(args) == 2 and bool(before) and before[0] is args[0]

    def new(self, cls: Any, args: Any, kwargs: Any) -> Any:
        return self._about(TreeNode(_ref(cls), cls, args, takes=NEW_ARGS))

    def build(self, obj: Any, state: Any) -> Any:
        if type(obj) is TreeNode:
            obj.states.append(state)
        return self._about(obj)

    def new_list(self, items: list[Any]) -> Any:
        return TreeNode("builtins:list", items=items)

    def new_dict(self, pairs: list[tuple[Any, Any]]) -> Any:
        return TreeNode("builtins:dict", pairs=pairs)

    def new_set(self) -> Any:
        return TreeNode("builtins:set")

    def new_frozenset(self, items: list[Any]) -> Any:
        return self._about(TreeNode("builtins:frozenset", members=items))

    def extend(self, obj: Any, items: list[Any]) -> None:
        self._about(obj).items.extend(items)

    def update(self, obj: Any, pairs: list[tuple[Any, Any]]) -> None:
        self._about(obj).pairs.extend(pairs)

    def add(self, obj: Any, items: list[Any]) -> None:
        self._about(obj).members.extend(items)


def _ref(function: Any) -> str:
    return function.ref if type(function) is TreeNode else ""


class PathMap:
    """Find the paths of the parts of a pickle."""

    def __init__(self, reader: TreeReader) -> None:
        self._about = reader.about
        self._root = reader.read()
        self._steps: dict[int, tuple[int, PathStep] | None] = {}
        self._walk()

    def _walk(self) -> None:
        """Note the way to each node where it is first in the bytes."""
        todo: list[tuple[Any, tuple[int, PathStep] | None]] = [(self._root, None)]
        while todo:
            node, place = todo.pop()
            if id(node) in self._steps:
                continue
            self._steps[id(node)] = place
            steps = [step for step in parts(node) if _is_composite(step.child)]
            todo += [(step.child, (id(node), step)) for step in reversed(steps)]

    def node(self, at: int) -> Any:
        """Return what the opcode in this place was about."""
        return self._about.get(at)

    def path(self, node: Any) -> str | None:
        """Return the way to *node*; None for the root, and where none is known."""
        steps = []
        place = self._steps.get(id(node))
        while place is not None:
            parent, step = place
            steps.append(step)
            place = self._steps[parent]
        if type(node) is TreeNode and node.is_name and len(steps) > 1 and steps[1].kind == ARGS:
            del steps[:2]  # a class has the path of the object that is made of it
        return path_of(self._name, steps[::-1])

    @property
    def _name(self) -> str:
        made_of = self._root.made_of if type(self._root) is TreeNode else ""
        return name_of_root(made_of.rpartition(":")[2].rpartition(".")[2])


def _is_composite(node: Any) -> bool:
    return type(node) is TreeNode or (type(node) is tuple and bool(node))
