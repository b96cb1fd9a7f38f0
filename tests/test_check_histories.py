"""Projects that change at random: where the check is green, all that was ever stored loads."""

from __future__ import annotations

import ast
import copy
import itertools
import json
import multiprocessing
import os
import re
import tempfile

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from histories import KINDS, VALUES, Field, Kept, Model, Source, conversion, renamed_in, value_of
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from zygote import Zygote


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forks")

PYPROJECT = """\
[project]
name = "shop"
[tool.versionpickle]
modules = ["shop.*"]
"""
ANSWER = re.compile(r"--(rename|add|convert) (\w+)=(\w*)")
BY_HAND = re.compile(r"set version=(\d+) and write (migration\(.*\))")
INTO_STEP = re.compile(r"write ((?:add|rename|remove|convert)\(.*?\)) into (?:a|the) step")
STARTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "types": st.lists(st.sampled_from([*VALUES]), min_size=1, max_size=3),
        "has_base": st.booleans(),
        "has_other": st.booleans(),
        "is_private": st.booleans(),
    }
)
PICKS = st.integers(0, 30)


class Histories(RuleBasedStateMachine):
    """A user changes a class, and follows what the tools print."""

    zygote: Zygote

    def __init__(self):
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="history-")
        self.folder = Path(self._folder.name)
        self.kept = {}
        self.names = (f"a{n}" for n in itertools.count(1))
        self.files = itertools.count(1)
        self.pending = 0
        self.finished = set()
        self.log = []

    def teardown(self):
        try:
            if self.pending:
                self.reach_green(by_hand=False)
        finally:
            self._folder.cleanup()

    # what the user does

    @initialize(start=STARTS)
    def begin(self, start):
        kind = start["kind"]
        fields = [self.new_field(kind, one) for one in start["types"]]
        fields[0].is_private = kind == "plain" and start["is_private"]
        base = None
        if start["has_base"] and kind not in {"tuple", "enum"}:
            base = Model(kind, "Thing", "shop.roots", [self.new_field(kind, "int")])
        self.model = Model(kind, "Order", "shop.models", fields, base)
        ones = [self.model, *([base] if base else [])]
        if start["has_other"] and kind not in {"tuple", "enum", "slots", "pydantic"}:
            fields = [self.new_field(kind, one) for one in [start["types"][0], "str"]]
            ones.append(Model(kind, "Offer", "shop.parts", fields))
        self.source = Source(self.folder, ones)
        (self.folder / "shop").mkdir()
        (self.folder / "kept").mkdir()
        (self.folder / "shop" / "__init__.py").touch()
        (self.folder / "pyproject.toml").write_text(PYPROJECT)
        self.before = {}
        self.changed("begin")
        self.before = {one.number: copy.deepcopy(one) for one in ones}
        self.reach_green(by_hand=False)

    def new_field(self, kind, type_, **settings):
        if kind == "plain" and "|" in type_:
            type_ = "int"  # an object of such a class shows no more than one of its types
        name = next(self.names)
        if kind == "enum":
            return Field(name.upper(), "member", repr(name))
        return Field(name, type_, **settings)

    def living(self, pick):
        ones = [one for one in self.source.models if not one.fate]
        return ones[pick % len(ones)] if ones else None

    def changed(self, what):
        self.pending += 1
        self.log.append(what)
        self.source.write()

    can_change = precondition(lambda self: self.pending < 3 and self.living(0))

    @can_change
    @rule(pick=PICKS, type_=st.sampled_from([*VALUES]), default=st.booleans(), n=PICKS)
    def add(self, pick, type_, default, n):
        model = self.living(pick)
        one = self.new_field(model.kind, type_)
        if model.kind != "enum":
            values = VALUES[one.type]
            code = repr(values[n % len(values)])
            if default and model.kind != "plain" and (one.type != "list[int]"):
                one.default = code
            elif default and one.type == "list[int]" and model.kind not in {"plain", "tuple"}:
                one.default = "[]"
            else:
                one.added = code
        model.fields.insert(n % (len(model.fields) + 1), one)
        self.changed(f"add {one} to {model.name}")

    @can_change
    @rule(pick=PICKS, n=PICKS)
    def remove(self, pick, n):
        model = self.living(pick)
        if len(model.fields) > 1:
            one = model.fields.pop(n % len(model.fields))
            if model.kind == "enum":
                model.moved[one.number] = model.fields[n % len(model.fields)].number
            self.changed(f"remove {one.name} of {model.name}")

    @can_change
    @rule(pick=PICKS, n=PICKS)
    def rename(self, pick, n):
        model = self.living(pick)
        if model.fields:
            one = model.fields[n % len(model.fields)]
            old, new = one.name, next(self.names)
            one.name = new.upper() if model.kind == "enum" else new
            self.changed(f"rename {old} of {model.name} to {one.name}")

    @can_change
    @rule(pick=PICKS, n=PICKS, type_=st.sampled_from([*VALUES]))
    def retype(self, pick, n, type_):
        model = self.living(pick)
        if not model.fields or (model.kind == "plain" and "|" in type_):
            return
        one = model.fields[n % len(model.fields)]
        if model.kind == "enum":
            one.default = repr(f"value {n} of {one.name}")
        elif one.type != type_ and not (model.kind == "plain" and type_ in {"float", "int"}):
            one.type = type_
            if one.default is not None:
                one.default = "[]" if type_ == "list[int]" else repr(VALUES[type_][0])
                if model.kind == "tuple" and one.default == "[]":
                    one.default, one.added = None, "[]"
            elif one.added is not None:
                one.added = repr(VALUES[type_][0])
        else:
            return
        self.changed(f"retype {one.name} of {model.name} to {one.type} = {one.default}")

    @can_change
    @rule(pick=PICKS, n=PICKS)
    def reorder(self, pick, n):
        model = self.living(pick)
        if len(model.fields) > 1:
            model.fields.append(model.fields.pop(n % (len(model.fields) - 1)))
            was_green = not self.pending
            self.changed(f"reorder {model.name}")
            self.pending -= was_green
            if was_green:
                assert not self.findings(), ("a new order stops nothing", self.log, self.found)

    @can_change
    @rule(pick=PICKS)
    def move(self, pick):
        model = self.living(pick)
        if model is not getattr(self.model, "base", None):
            model.module = {"shop.models": "shop.parts"}.get(model.module, "shop.models")
            self.changed(f"move {model.name} to {model.module}")

    @can_change
    @rule(pick=PICKS)
    def rename_class(self, pick):
        model = self.living(pick)
        old, model.name = model.name, next(self.names).upper()
        for one in self.source.models:
            one.steps = [renamed_in(code, old, model.name) for code in one.steps]
        self.changed(f"rename {old} to {model.name}")

    @precondition(lambda self: not self.pending and self.may_leave())
    @rule(keep=st.booleans())
    def leave_base(self, keep):
        fields = copy.deepcopy(self.model.base.fields) if keep else []
        self.model.fields += fields
        self.model.base = None
        self.changed(f"leave the base, and {'keep' if keep else 'drop'} its fields")
        self.pending = 3  # the base does not change meanwhile

    def may_leave(self):
        """Its older objects need the steps of the base, so there must be none."""
        base = self.model.base
        return base and not self.model.fate and "version=" not in base.settings

    @can_change
    @rule(pick=PICKS)
    def retire(self, pick):
        model = self.living(pick)
        others = [one for one in self.source.models if one is not model]
        if any((one.base is model and not one.fate) or one.goal is model for one in others):
            return
        model.fate = "retired"
        self.changed(f"retire {model.name}")

    @precondition(lambda self: not self.pending and len(self.living_others()) == 1)
    @rule(n=PICKS)
    def merge(self, n):
        goal, (gone,) = self.model, self.living_others()
        free = [*goal.all_fields]
        for one in gone.all_fields:
            like = next((other for other in free if other.type == one.type), None)
            if like is not None:
                free.remove(like)
                gone.moved[one.number] = like.number
        gone.constants = {one.number: VALUES[one.type][n % len(VALUES[one.type])] for one in free}
        gone.fate, gone.goal = "merged", goal
        self.changed(f"merge {gone.name} into {goal.name}")
        self.pending = 3  # the step leads to the goal as it is: that does not change meanwhile

    def living_others(self):
        if self.model.fate or (self.model.base and "version=" in self.model.base.settings):
            return []  # the state would arrive at the first version of the base
        return [one for one in self.source.models if one.name == "Offer" and not one.fate]

    @precondition(lambda self: self.pending)
    @rule(by_hand=st.booleans(), protocol=st.integers(0, 5), n=PICKS)
    def settle(self, by_hand, protocol, n):
        self.reach_green(by_hand=by_hand, protocol=protocol, n=n)

    @precondition(lambda self: not self.pending and not self.living(0))
    @rule()
    def wait(self):
        assert not self.findings(), self.story()

    # what the tools say

    def ask(self, *arguments):
        status, output = self.zygote.ask(self.folder, "run", arguments)
        self.log.append(f"versionpickle {' '.join(arguments)}: {status}: {output}")
        assert status in {0, 1, 2}, self.story()
        return status, output

    def findings(self, new=()):
        self.looked = self.zygote.ask(self.folder, "look", dict(new))
        assert self.looked["status"] in {0, 1}, self.story()
        self.found = json.loads(self.looked["output"])
        return self.found

    def story(self):
        sources = [path.read_text() for path in sorted(self.folder.glob("shop/[mpr]*.py"))]
        return "\n".join(["", *map(str, self.log), *sources, str(self.looked)])

    looked = None

    def reach_green(self, *, by_hand, protocol=4, n=0):
        new = self.new_objects(protocol, n)
        codes = {name: (kept.model.module, kept.code(), protocol) for name, kept in new.items()}
        for _ in range(20):
            found = self.findings(codes)
            if not found:
                break
            self.log.append([(one["ref"], one["problem"], one["cure"]) for one in found])
            self.follow(found, by_hand)
        assert not found, self.story()
        self.check_loads()
        self.kept |= new

    def new_objects(self, protocol, n):
        new = {}
        for model in self.source.models:
            if model.fate:
                continue
            if model.kind == "enum":
                facts = {model.fields[n % len(model.fields)].number: None}
            else:
                facts = {
                    one.number: VALUES[one.type][n % len(VALUES[one.type])]
                    for one in model.all_fields
                }
            new[f"{next(self.files)}.pickle"] = Kept(model, facts)
        return new

    def check_loads(self):
        """All that was kept is what the model says, for both loaders."""
        models = {one.number: one for one in self.source.models}
        for kept in self.kept.values():
            kept.now(self.before, models)
        self.before = copy.deepcopy(models)
        self.pending = 0
        self.finished.clear()
        for name, loads in self.looked["loads"].items():
            expected = self.kept[name].expected()
            for found in loads:
                assert isinstance(found, dict), (found, self.story())
                assert expected == value_of(copy.copy(found)), self.story()

    # what the user then does

    def follow(self, found, by_hand):
        done = set()
        for one in found:
            cure = one["cure"]
            if cure in done:
                continue
            done.add(cure)
            if one["kind"] == "gone":
                return self.follow_gone(one, by_hand)
            hand = BY_HAND.search(cure)
            is_enum = self.model_of(one["ref"]).kind == "enum"  # whose new names may be others
            if hand and not is_enum and (by_hand or "make" not in cure):
                return self.write_step(one, int(hand.group(1)), hand.group(2))
            if "versionpickle make" in cure:
                return self.make(by_hand)
            into = INTO_STEP.search(cure)
            if into:
                return self.write_into_step(one, into.group(1))
            if cure.startswith("run 'versionpickle record'"):
                return self.ask("record")
        raise AssertionError(self.story())

    def model_of(self, ref):
        for one in self.source.models:
            past = self.before.get(one.number)
            if ref in {one.ref, past and past.ref}:
                return one
        raise AssertionError(self.story())

    def follow_gone(self, found, by_hand):
        model = self.model_of(found["ref"])
        if not model.fate:
            option = re.search(r"--renamed (\S+?=\S+?)'", found["cure"])
            ref = found["ref"]
            if option and not by_hand:
                assert option.group(1).endswith(model.name), self.story()
                others = [
                    ("renamed", option)
                    for one in self.found
                    if one["kind"] == "gone" and not self.model_of(one["ref"]).fate
                    for option in re.findall(r"--renamed (\S+?=\S+?)'", one["cure"])
                ]
                return self.make(by_hand, others)
            self.add_former(model, ref)
        elif model.fate == "retired":
            calls = re.findall(r"retire\('[^']*'\)", found["cure"])
            self.source.others.setdefault("shop.parts", []).extend(calls)
        else:
            for ref in re.findall(r"retire\('([^']*)'\)", found["cure"]):
                self.write_merge(model, ref)
        self.source.write()
        return None

    def add_former(self, model, ref):
        known = re.search(r"formerly=(\([^)]*\)|\"[^\"]*\"|'[^']*')", model.settings)
        if known is None:
            model.settings = ", ".join(filter(None, [model.settings, f"formerly={ref!r}"]))
            return
        refs = ast.literal_eval(known.group(1))
        refs = (*((refs,) if isinstance(refs, str) else refs), ref)
        model.settings = model.settings.replace(known.group(), f"formerly={refs!r}")

    def write_merge(self, gone, ref):
        goal = self.model
        version = re.search(r"version=(\d+)", gone.settings)
        codes = [
            f"rename({gone.stored(gone.field(old))!r}, {goal.stored(goal.field(new))!r})"
            for old, new in gone.moved.items()
        ]
        codes += [
            f"remove({gone.stored(one)!r})"
            for one in gone.all_fields
            if one.number not in gone.moved
        ]
        codes += [
            added(goal.stored(goal.field(n)), repr(value)) for n, value in gone.constants.items()
        ]
        at = re.search(r"version=(\d+)", goal.settings)
        codes.append(f"become({{{goal.ref!r}: {at.group(1) if at else 1}}})")
        steps = [
            re.sub(rf"migration\(\s*{gone.name},", f"migration({ref!r},", code)
            for code in gone.steps
        ]
        steps.append(
            f"migration({ref!r}, {version.group(1) if version else 1}, {', '.join(codes)})"
        )
        self.source.others.setdefault(goal.module, []).extend(steps)

    def write_step(self, found, version, code):
        model = self.model_of(found["ref"])
        call = ast.parse(code, mode="eval").body
        filled = [
            self.filled(model, two) for one in call.args[2:] for two in self.known(model, one)
        ]
        renamed = {one.args[1].value for one in filled if one.func.id == "rename"}
        call.args[2:] = [
            one for one in filled if one.func.id != "add" or one.args[0].value not in renamed
        ]
        self.finished.add(model.number)
        known = re.search(r"version=\d+", model.settings)
        if known:
            model.settings = model.settings.replace(known.group(), f"version={version}")
        else:
            model.settings = ", ".join(filter(None, [f"version={version}", model.settings]))
        model.steps.append(ast.unparse(call))
        self.source.write()

    def write_into_step(self, found, code):
        model = self.model_of(found["ref"])
        operation = self.filled(model, ast.parse(code, mode="eval").body)
        call = ast.parse(model.steps[-1], mode="eval").body
        call.args.append(operation)
        model.steps[-1] = ast.unparse(call)
        self.source.write()

    def known(self, model, operation):
        """Yield an operation; or, if a field is gone and its name was guessed, what is right."""
        old, new = (
            (one.value for one in operation.args[:2]) if operation.func.id == "rename" else (0, 0)
        )
        if not isinstance(new, str) or self.answer(model, "rename", old) == new:
            yield operation
            return
        yield ast.parse(f"remove({old!r})", mode="eval").body
        yield ast.parse(f"add({new!r}, ...)", mode="eval").body

    def filled(self, model, operation):
        """Fill in what the user alone knows."""
        if isinstance(operation.args[-1], ast.Constant) and operation.args[-1].value is ...:
            name = operation.args[0].value
            kind = operation.func.id
            value = self.answer(model, kind, name)
            if kind == "rename" and not value:
                return ast.parse(f"remove({name!r})", mode="eval").body
            code = repr(value) if kind == "rename" else value or "..."
            if kind == "add":
                return ast.parse(added(name, code), mode="eval").body
            operation.args[-1] = ast.parse(code, mode="eval").body
        return operation

    def answer(self, model, option, name):
        """Return what the user knows of a field."""
        past = self.before[model.number]
        if option == "rename":
            number = next(one.number for one in past.all_fields if past.stored(one) == name)
            while model.kind == "enum" and number in model.moved:
                number = model.moved[number]
            now = model.field(number)
            return model.stored(now) if now else ""
        now = next(one for one in model.all_fields if model.stored(one) == name)
        if option == "add":
            return now.added or now.default
        return conversion(past.field(now.number).type, now.type)

    def answers(self, model):
        """Return all that can be asked of a class."""
        past = self.before[model.number]
        is_seen = model.kind != "plain" or past.ref == model.ref  # that a type is another one
        for one in past.fields:
            now = model.field(one.number)
            if now is None or model.stored(now) != past.stored(one):
                yield "rename", past.stored(one)
            if is_seen and now in model.fields and conversion(one.type, now.type):
                yield "convert", model.stored(now)
        if model.kind == "enum":
            return
        for one in model.fields:
            if past.field(one.number) is None and one.added:
                yield "add", model.stored(one)

    def make(self, as_asked, given=()):
        """Run `make`, with all that is known at once, or with what it asks for."""
        answers = dict.fromkeys(given)
        if not as_asked:
            for model in self.source.models:
                if not model.fate and model.number not in self.finished | self.unknown(given):
                    for option, name in self.answers(model):
                        value = self.answer(model, option, name)
                        answers[option, f"{model.name}.{name}={value}"] = None
        for _ in range(12):
            options = [f"--{option}={value}" for option, value in answers]
            status, output = self.ask("make", "--no-input", *options)
            asked = {} if status == 0 else dict.fromkeys(self.asked(output))
            if "into the declaration of" in output:  # what make leaves to the user
                return self.set_formerly(output)
            if not asked.keys() - answers.keys():
                break
            answers |= asked
        assert status == 0, self.story()
        self.finished |= {one.number for one in self.source.models}
        return self.source.read()

    def unknown(self, given):
        """Return the classes of which nobody has said that they are those that are gone."""
        gone = {one["ref"] for one in self.found if one["kind"] == "gone"}
        return {
            one.number
            for one in self.source.models
            if one.number in self.before
            and self.before[one.number].ref in gone
            and not any(option.endswith(one.name) for _, option in given)
        }

    def set_formerly(self, output):
        left = [one for one in self.found if f"Error: {one['ref']}: " in output]
        hand = BY_HAND.search(left[0]["cure"]) if left else None
        if hand:
            self.write_step(left[0], int(hand.group(1)), hand.group(2))
        for ref, former in re.findall(r"Error: (\S+): .* formerly=\"(\S+)\" into", output):
            self.add_former(self.model_of(ref), former)
        self.source.write()

    def asked(self, output):
        for line in output.splitlines():
            ref = re.match(r"Error: (\S+?): ", line)
            if ref:
                model = self.model_of(ref.group(1))
                converts = re.findall(r"write (convert)\('(\w+)'()", line)
                for option, name, _ in ANSWER.findall(line) + converts:
                    yield option, f"{model.name}.{name}={self.answer(model, option, name)}"


def added(name, code):
    """Return the code of an addition."""
    how = "factory=lambda: " if code.startswith("[") else ""
    return f"add({name!r}, {how}{code})"


def histories(count):
    """Live through so many histories."""
    Histories.zygote = Zygote()
    try:
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=count,
                stateful_step_count=5,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # the story says enough, and a shorter one takes minutes
                report_multiple_bugs=False,
                suppress_health_check=[*HealthCheck],
            ),
        )
    finally:
        Histories.zygote.close()


def test_histories():
    """Whatever changes: green means that old data loads, and the printed cures lead there."""
    histories(16)


@pytest.mark.slow
def test_many_histories():
    """The same, for long."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert [None, None] == [*pool.map(histories, [1_000, 1_000])]
