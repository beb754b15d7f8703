"""Writes expressions whose values are known beforehand.

Everything starts from the value. A :class:`Writer` is told what an expression has to come to — in each instance of the
module and of the block that it stands in — and finds one of the many ways to write that, declaring whatever it needs on
the way: locals, variables and what sets them, files, other resources, modules with their outputs. So the truth about
every tag is known without evaluating anything.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from tests.soundness.dice import Dice
from tests.soundness.hcl import Block, escape, is_identifier, native, quote
from tests.soundness.hcl import as_json as json_syntax

T = TypeVar("T")


class _Unknown:
    """A text that Terraform learns only when it applies."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
Text: TypeAlias = str | _Unknown | None
Tags: TypeAlias = dict[str, Text]


@dataclass(frozen=True)
class Open:
    """A map of which some keys are unknown. ``how`` it comes about:

    ``computed``: ``one`` and a key that is known after apply; ``either``: ``one`` or ``other``; ``filtered``: each of
    ``one`` or not; ``overlaid``: ``one``, of which an unknown map may replace any value.
    """

    how: Literal["computed", "either", "filtered", "overlaid"]
    one: Tags
    other: Tags = field(default_factory=dict)

    @property
    def certain(self) -> Tags:
        """What is there in any case."""
        if self.how == "computed":
            return self.one
        if self.how == "either":
            both = self.one.keys() & self.other.keys()
            return {key: self.one[key] if self.one[key] == self.other[key] else UNKNOWN for key in sorted(both)}
        return {} if self.how == "filtered" else dict.fromkeys(self.one, UNKNOWN)

    def may_have(self, key: str) -> bool:
        return self.how in ("computed", "overlaid") or key in self.one or key in self.other


Value: TypeAlias = Text | bool | int | tuple[str, ...] | Tags | Open
Kind: TypeAlias = Literal["text", "tags", "names", "flag", "number"]
_FILLERS: dict[Kind, Value] = {"text": "filler", "tags": {}, "names": (), "flag": True, "number": 1}

SECRET = "hush-"
"""How every sensitive text begins, and no other."""


def is_secret(value: object) -> bool:
    return isinstance(value, str) and value.startswith(SECRET)


def holds_secret(value: object) -> bool:
    return is_secret(value) or (isinstance(value, dict) and any(map(is_secret, value.values())))


@dataclass
class Iteration:
    """``count`` or ``for_each`` of a block: for each instance of its module the keys of its own."""

    counted: bool
    keys: list[list[str]]
    fields: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def union(self) -> list[str]:
        return sorted({key for keys in self.keys for key in keys}, key=int if self.counted else str)

    @property
    def width(self) -> int:
        return sum(map(len, self.keys))

    def index(self, key: str) -> str:
        return f"[{key}]" if self.counted else f"[{quote(key)}]"


@dataclass
class Call:
    block: Block
    scope: "Scope"
    start: int
    stop: int


@dataclass
class Module:
    """One folder of the configuration, with all the instances in which it is used."""

    label: str
    folder: str
    prefixes: list[str]
    providers: dict[str, list[str]]
    calls: list[Call] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    as_json: list[Block] = field(default_factory=list)
    overrides: list[Block] = field(default_factory=list)
    extra: dict[str, str] = field(default_factory=dict)
    unknown: str = ""
    style: int = 0

    @property
    def is_root(self) -> bool:
        return not self.calls

    @property
    def width(self) -> int:
        return len(self.prefixes)

    @property
    def main(self) -> str:
        """The local name of the provider that its resources use where nothing else is said."""
        return "aws" if "aws" in self.providers else "cloud"

    def files(self, root_name: str) -> dict[str, str]:
        place = f"{self.folder}/" if self.folder else ""
        name = root_name if self.is_root else "main"
        files = {f"{place}{path}": text for path, text in self.extra.items()}
        if self.blocks or not self.is_root:
            files[f"{place}{name}.tf"] = native(self.blocks, self.style)
        if self.as_json:
            files[f"{place}{name}_j.tf.json"] = json_syntax(self.as_json)
        if self.overrides:
            override = f"{root_name}_override" if self.is_root else "override"
            files[f"{place}{override}.tf"] = native(self.overrides, 0)
        return files


@dataclass(frozen=True)
class Scope:
    module: Module
    iteration: Iteration | None = None

    @property
    def width(self) -> int:
        return self.module.width if self.iteration is None else self.iteration.width

    def addresses(self, local: str) -> list[str]:
        """The addresses of all instances of a block with this local address."""
        if self.iteration is None:
            return [f"{prefix}{local}" for prefix in self.module.prefixes]
        return [
            f"{prefix}{local}{self.iteration.index(key)}"
            for prefix, keys in zip(self.module.prefixes, self.iteration.keys, strict=True)
            for key in keys
        ]

    def per_instance(self, values: Sequence[T]) -> list[T]:
        """What holds for each instance of the module, for each instance of the block."""
        if self.iteration is None:
            return list(values)
        return [value for value, keys in zip(values, self.iteration.keys, strict=True) for _ in keys]


@dataclass(frozen=True)
class Own:
    """What is written on one surface. ``inherits`` names the provider configuration whose defaults join it,
    ``doubtful`` are keys that it has or hasn't."""

    tags: Tags | Open
    inherits: str = ""
    framework: bool = False
    maybe_unwritten: bool = False
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Expected:
    """One resource and what is written on its surfaces; none on what can't be tagged."""

    address: str
    surfaces: dict[str, Own]


Setting: TypeAlias = Literal["terraform.tfvars", "json", "auto", "file", "cli"]


@dataclass(frozen=True)
class Given:
    """The value of a root variable from outside. ``raw``: an argument is the text itself, not an expression."""

    where: Setting
    name: str
    value: Value
    raw: bool


class Writer:
    """One case in the making: modules, variables, and what is expected of every resource."""

    def __init__(self, name: str, dice: Dice, slots: Sequence[str], *, pure: bool = False) -> None:
        self.name = name
        self.dice = dice
        self.pure = pure  # in a provider's block, which must not refer to resources of that provider
        self.root = Module(name, "", [""], {slot: [slot] for slot in slots})
        self.modules = [self.root]
        self.expected: list[Expected] = []
        self.settings: list[Given] = []
        self._count = 0

    # --- declaring

    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{self.name}_{stem}{self._count}"

    def expect(self, scope: Scope, local: str, surfaces: Callable[[int], dict[str, Own]]) -> None:
        for position, address in enumerate(scope.addresses(local)):
            self.expected.append(Expected(address, surfaces(position)))

    def child(self, scopes: Sequence[Scope], *, nested: bool = False, folder: str = "") -> Module:
        """A module that is called once from each scope; nothing is passed to it yet."""
        label = self.fresh("m")
        parent = scopes[0].module
        nested = nested and bool(parent.folder)
        folder = folder or (f"{parent.folder}/{label}" if nested else f"modules/{label}")
        child = Module(label, folder, [], {})
        for number, scope in enumerate(scopes):
            name = label if number == 0 else f"{label}_again{number}"
            up = "./" if nested or not parent.folder else "../" * len(parent.folder.split("/"))
            block = Block("module", (name,))
            source = f"./{label}" if nested else f"{up}{folder}"
            block.set("source", quote(source), source)
            if parent.main != "aws":
                block.set("providers", f"{{ aws = {parent.main} }}", {"aws": parent.main})
            start = child.width
            child.prefixes += [f"{address}." for address in scope.addresses(f"module.{name}")]
            child.calls.append(Call(block, scope, start, child.width))
            scope.module.blocks.append(block)
        child.providers["aws"] = [slot for s in scopes for slot in s.per_instance(s.module.providers[parent.main])]
        self.modules.append(child)
        return child

    def local(self, module: Module, text: str) -> str:
        name = self.fresh("l")
        block = Block("locals")
        block.set(name, text)
        module.blocks.append(block)
        return f"local.{name}"

    # --- expressions

    def express(self, scope: Scope, values: Sequence[Value], kind: Kind, depth: int, *, solid: bool = False) -> str:
        """An expression that has these values in the instances of the scope. ``solid``: no part of it may be unknown
        while Terraform plans."""
        if scope.iteration is not None:
            reduced = self._without_keys(scope.iteration, values, kind)
            if reduced is None:
                return self._by_key(scope.module, scope.iteration, values, kind, depth, solid)
            values = reduced
        if any(value != values[0] for value in values[1:]):
            return self._variable(scope.module, values, kind, depth, solid)
        return self.constant(scope.module, values[0] if values else _FILLERS[kind], kind, depth, solid)

    def _without_keys(self, iteration: Iteration, values: Sequence[Value], kind: Kind) -> list[Value] | None:
        reduced: list[Value] = []
        filler = values[0] if values else _FILLERS[kind]
        start = 0
        for keys in iteration.keys:
            mine = values[start : start + len(keys)]
            start += len(keys)
            if any(value != mine[0] for value in mine[1:]):
                return None
            reduced.append(mine[0] if mine else filler)
        return reduced

    def _by_key(
        self, module: Module, iteration: Iteration, values: Sequence[Value], kind: Kind, depth: int, solid: bool
    ) -> str:
        """The values differ from key to key."""
        if list(values) == [key for keys in iteration.keys for key in keys] and kind == "text":
            return self.dice.pick(["count.index", '"${count.index}"'] if iteration.counted else ["each.key"])
        texts: dict[str, str] = {}
        union = iteration.union
        table: dict[str, list[Value]] = {key: [] for key in union}
        rest = list(values)
        for keys in iteration.keys:
            mine = dict(zip(keys, rest, strict=False))
            rest = rest[len(keys) :]
            for key in union:
                table[key].append(mine.get(key, values[0]))
        for key in union:
            texts[key] = self.express(Scope(module), table[key], kind, depth - 1, solid=solid)
        if iteration.counted:
            items = ", ".join(texts.values())
            forms = [f"[{items}][count.index]"]
            if kind == "text":
                forms.append(f"element([{items}], count.index)")
                chain = texts[union[-1]]
                for key in reversed(union[:-1]):
                    chain = f"count.index == {key} ? {texts[key]} : {chain}"
                forms += [f"({chain})", f"element([{items}], count.index + {len(union)})"]
            return self.dice.pick(forms)
        form = self.dice.below(4)
        if form == 1:
            name = f"f{len(iteration.fields)}"
            iteration.fields[name] = texts
            return self.dice.pick([f"each.value.{name}", f'each.value["{name}"]', f"try(each.value.{name}, null)"])
        items = ", ".join(f"{self._key(key)} = {text}" for key, text in texts.items())
        if form == 2 and kind == "text":
            chain = texts[union[-1]]
            for key in reversed(union[:-1]):
                chain = f"each.key == {quote(key)} ? {texts[key]} : {chain}"
            return f"({chain})"
        table_text = f"{{ {items} }}"
        if form == 3:
            table_text = self.local(module, table_text)
        return f"{table_text}[each.key]"

    def each(self, scope: Scope, block: Block, depth: int) -> None:
        """Writes the ``count`` or ``for_each`` of a block, once it is known what its body needs of it."""
        iteration = scope.iteration
        if iteration is None:
            return
        outer = Scope(scope.module)
        if iteration.counted:
            block.set("count", self.express(outer, [len(keys) for keys in iteration.keys], "number", depth, solid=True))
            return
        union = iteration.union
        if iteration.fields:
            entries = []
            for key in union:
                fields = ", ".join(f"{name} = {texts[key]}" for name, texts in iteration.fields.items())
                entries.append(f"{self._key(key)} = {{ {fields} }}")
            text = f"{{ {', '.join(entries)} }}"
            if any(keys != union for keys in map(sorted, iteration.keys)):
                kept = self.express(outer, [tuple(keys) for keys in iteration.keys], "names", depth, solid=True)
                text = f"{{ for k, v in {text} : k => v if contains({kept}, k) }}"
            block.set("for_each", text)
            return
        names = self.express(outer, [tuple(keys) for keys in iteration.keys], "names", depth, solid=True)
        block.set(
            "for_each",
            self.dice.pick(
                [
                    f"toset({names})",
                    f"{{ for k in {names} : k => k }}",
                    f"{{ for i, k in {names} : k => i }}",
                    f"setunion({names}, [])",
                    f"{{ for k in {names} : k => {{ name = k }} }}",
                ]
            ),
        )

    def constant(self, module: Module, value: Value, kind: Kind, depth: int, solid: bool = False) -> str:
        if depth > 0:
            # What every kind of value can go through.
            choice = self.dice.below(14)
            if choice == 1:
                return self.local(module, self.constant(module, value, kind, depth - 1, solid))
            if choice == 2 and not (module.is_root and not _is_plain(value)):
                return self._variable(module, [value] * module.width, kind, depth, solid)
            if choice == 3:
                return self._output(module, value, kind, depth, solid)
            if choice == 4 and not solid and not (isinstance(value, dict) and None in value.values()):
                name = self.fresh("r")
                # The output of what is yet to be made is unknown, and so is any part of it.
                block = Block("resource", ("terraform_data", name))
                block.set("input", "{}")
                module.blocks.append(block)
                self.expect(Scope(module), f"terraform_data.{name}", lambda _: {})
                return f"try(terraform_data.{name}.output.nothing, {self.constant(module, value, kind, depth - 1)})"
            if choice == 5:
                fails = self.dice.pick(["{}.nothing", 'tonumber("x")', "[][0]", 'jsondecode("{")'])
                if self.dice.chance(4):
                    fails = 'file("absent")'  # which only Terraform can know
                return f"try({fails}, {self.constant(module, value, kind, depth - 1, solid)})"
        if isinstance(value, Open):
            return self._open(module, value, depth)
        if isinstance(value, dict):
            return self._tags(module, value, depth, solid)
        if isinstance(value, bool):
            return self._flag(module, value, depth)
        if isinstance(value, int):
            return self._number(module, value, depth)
        if isinstance(value, tuple):
            return self._names(module, value, depth)
        return self._text(module, value, depth, solid)

    # --- variables, outputs

    def _variable(self, module: Module, values: Sequence[Value], kind: Kind, depth: int, solid: bool) -> str:
        name = self.fresh("v")
        block = Block("variable", (name,))
        module.blocks.append(block)
        type_ = self._type(kind, values)
        if type_:
            block.set("type", type_, type_)
        if any(map(holds_secret, values)):
            block.set("sensitive", "true", True)
        if self.dice.chance(10):
            block.set("description", quote("tags = { owner = x }"))
        if kind == "text" and self.dice.chance(8):
            condition = Block("validation")
            condition.set("condition", f'var.{name} != "never"')
            condition.set("error_message", quote("Never."))
            block.body.append(condition)
        if module.is_root:
            self._set_root(block, name, type_, values[0], kind)
            return f"var.{name}"
        same = all(value == values[0] for value in values[1:])
        if same and _is_plain(values[0] if values else None) and self.dice.chance(25):
            block.set("default", literal(values[0] if values else _FILLERS[kind]))
            value = values[0] if values else _FILLERS[kind]
            if value is not None and self.dice.chance(20):
                block.set("nullable", "false", False)
                for call in module.calls:
                    call.block.set(name, "null", None)
            return f"var.{name}"
        if not type_.startswith("object") and self.dice.chance(25):
            block.set("default", literal(self._decoy(kind)))
        for call in module.calls:
            mine = values[call.start : call.stop]
            call.block.set(name, self.express(call.scope, mine, kind, depth - 1, solid=solid))
        return f"var.{name}"

    def _type(self, kind: Kind, values: Sequence[Value]) -> str:
        if kind == "text":
            return self.dice.pick(["string", "string", "", "any"])
        if kind == "tags":
            if not all(isinstance(value, dict) for value in values):
                return self.dice.pick(["map(string)", "", "any"])
            keys = {key for value in values if isinstance(value, dict) for key in value}
            whole = all(keys == value.keys() for value in values if isinstance(value, dict))
            if keys and whole and all(map(is_identifier, keys)) and self.dice.chance(25):
                fields = ", ".join(f"{key} = {self.dice.pick(['string', 'optional(string)'])}" for key in sorted(keys))
                return f"object({{ {fields} }})"
            return self.dice.pick(["map(string)", "map(string)", "", "any"])
        if kind == "names":
            return self.dice.pick(["list(string)", "", "any"])
        return self.dice.pick(["bool" if kind == "flag" else "number", "", "any"])

    def _decoy(self, kind: Kind) -> Value:
        decoys: dict[Kind, Value] = {
            "text": "decoy",
            "tags": {"owner": "decoy", "service": "decoy", "environment": "dev"},
            "names": ("decoy",),
            "flag": False,
            "number": 3,
        }
        return decoys[kind]

    def _set_root(self, block: Block, name: str, type_: str, value: Value, kind: Kind) -> None:
        """The value comes from a default, or from a file or an argument that outranks what stands below it."""
        order: list[Setting] = ["terraform.tfvars", "json", "auto", "file", "cli"]
        raw = type_ in ("", "string", "bool", "number")
        if raw and (value is None or (not type_ and kind != "text")):
            order.remove("cli")  # an argument for such a variable is always a text
        number = self.dice.below(len(order) + 2) - 2
        if number < 0:
            block.set("default", literal(value))
            return
        decoy = value if type_.startswith("object") else self._decoy(kind)
        if self.dice.chance(50):
            block.set("default", literal(decoy))
        if number > 0 and self.dice.chance(40):
            self.settings.append(Given(order[self.dice.below(number)], name, decoy, raw))
        self.settings.append(Given(order[number], name, value, raw))

    def _output(self, module: Module, value: Value, kind: Kind, depth: int, solid: bool) -> str:
        """Through the output of another module, or of one of its instances."""
        name = self.fresh("o")
        counted = self.dice.below(4)
        if counted >= 2:
            iteration = Iteration(counted == 3, [["0", "1"] if counted == 3 else ["left", "right"]] * module.width)
            scope = Scope(module, iteration)
            decoy: Value = self._decoy(kind)
            values = [item for _ in range(module.width) for item in (decoy, value)]
        else:
            scope = Scope(module)
            values = [value] * module.width
        child = self.child([scope])
        inner = self.express(Scope(child), values, kind, depth - 1, solid=solid)
        output = Block("output", (name,))
        output.set("value", inner)
        if holds_secret(value):
            output.set("sensitive", "true", True)
        child.blocks.append(output)
        self.each(scope, child.calls[0].block, 0)
        call = f"module.{child.label}"
        if counted < 2:
            return f"{call}.{name}"
        if counted == 3:
            return self.dice.pick([f"{call}[1].{name}", f"({call}[*].{name})[1]", f"{call}.*.{name}[1]"])
        return self.dice.pick(
            [
                f'{call}["right"].{name}',
                f"values({call})[1].{name}",
                f"(values({call})[*].{name})[1]",
                f"values({call}).*.{name}[1]",
            ]
        )

    # --- texts

    def unknown_text(self, module: Module) -> str:
        """Something that is known only after apply."""
        if not module.unknown:
            name = self.fresh("u")
            block = Block("resource", ("terraform_data", name))
            block.set("input", quote("x"))
            module.blocks.append(block)
            self.expect(Scope(module), f"terraform_data.{name}", lambda _: {})
            module.unknown = f"terraform_data.{name}"
        options = [f"{module.unknown}.id", f'"${{{module.unknown}.id}}-x"', f"{module.unknown}.output"]
        if not self.pure:
            # A function leaves no reference in the plan, so there a plan can't know of it.
            options += ["timestamp()", "uuid()", f"{self.helper(module, {})}.arn"]
        return self.dice.pick(options)

    def unknown_flag(self, module: Module) -> str:
        return f'{self.unknown_text(module)} == "x"'

    def helper(self, module: Module, tags: Tags, *, plain: bool = False, display: Value = None, depth: int = 0) -> str:
        """The address of a topic of its own."""
        name = self.fresh("h")
        block = Block("resource", ("aws_sns_topic", name))
        block.set("name", quote(name))
        if display is not None:
            block.set("display_name", self.constant(module, display, "text", depth, solid=True))
        if tags:
            block.set("tags", self.constant(module, tags, "tags", depth, solid=True))
        provider = module.main
        if plain:
            provider = next(key for key, slots in module.providers.items() if set(slots) <= {"aws.plain"})
        if provider != "aws":
            block.set("provider", provider, provider)
        module.blocks.append(block)
        slots = module.providers[provider]
        self.expect(Scope(module), f"aws_sns_topic.{name}", lambda at: {"tags": Own(tags, slots[at])})
        return f"aws_sns_topic.{name}"

    def _text(self, module: Module, value: Text, depth: int, solid: bool) -> str:
        if depth <= 0:
            return self._plain_text(module, value)

        def again(text: Text) -> str:
            return self.constant(module, text, "text", depth - 1, solid)

        forms: list[Callable[[], str]] = [
            lambda: self._plain_text(module, value),
            lambda: f"({self._flag(module, True, depth - 1)} ? {again(value)} : {self._stand_in(value)})",
            lambda: f"({self._flag(module, False, depth - 1)} ? {self._stand_in(value)} : {again(value)})",
            lambda: f"{{ k = {again(value)}, z = {quote('decoy')} }}.k",
            lambda: f'{{ k = {again(value)}, z = {quote("decoy")} }}["k"]',
            lambda: f"[{quote('decoy')}, {again(value)}][1]",
            lambda: f"element([{quote('decoy')}, {again(value)}], 3)",
            lambda: f"try({again(value)}, {quote('decoy')})",
            lambda: f"one([{again(value)}])",
            lambda: f"flatten([[{again(value)}], []])[0]",
            lambda: f"concat([], [{again(value)}])[0]",
            lambda: f"[for x in [{again(value)}] : x][0]",
            lambda: f"([{{ a = {again(value)} }}][*].a)[0]",
            lambda: f"[{{ a = {again(value)} }}].*.a[0]",
            lambda: f"([{{ a = [{again(value)}] }}][*].a[0])[0]",
            lambda: f"tostring({again(value)})",
            lambda: f"slice([{quote('decoy')}, {again(value)}], 1, 2)[0]",
            lambda: self._field(module, value, depth),
        ]
        if value is not None:
            forms += [
                lambda: f'"${{{again(value)}}}"',
                lambda: f'lookup({{ k = {again(value)}, z = "decoy" }}, "k", "fallback")',
                lambda: f"coalesce(null, {again(value)})" if value != "" else quote(""),
                lambda: f'format("%s", {again(value)})',
                lambda: f"values({{ a = {again(value)}, b = {quote('decoy')} }})[0]",
            ]
        if isinstance(value, str) and not is_secret(value):
            forms += self._known_text(module, value, depth, solid)
        return self.dice.pick(forms)()

    def _stand_in(self, value: Text) -> str:
        return self.dice.pick([quote("decoy"), "null"])

    def _plain_text(self, module: Module, value: Text) -> str:
        if value is None:
            return "null"
        if isinstance(value, _Unknown):
            return self.unknown_text(module)
        return f"sensitive({quote(value)})" if is_secret(value) else quote(value)

    def _field(self, module: Module, value: Text, depth: int) -> str:
        """Through an attribute of an object variable, perhaps one that is not given."""
        if not _is_plain(value) or is_secret(value):
            return self._plain_text(module, value)
        name = self.fresh("v")
        block = Block("variable", (name,))
        given = self.dice.chance(50)
        default = "" if value is None else f", {literal(value)}"
        type_ = f"object({{ a = optional(string{'' if given else default}), b = optional(number, 3) }})"
        block.set("type", type_, type_)
        text = f"{{ a = {literal(value)} }}" if given else "{}"
        module.blocks.append(block)
        if module.is_root or self.dice.chance(50):
            block.set("default", text)
        else:
            for call in module.calls:
                call.block.set(name, text)
        return f"var.{name}.a"

    def _known_text(self, module: Module, value: str, depth: int, solid: bool) -> list[Callable[[], str]]:
        def again(text: Text) -> str:
            return self.constant(module, text, "text", depth - 1, solid)

        middle = self.dice.below(len(value) + 1)
        if value[middle - 1 : middle + 1] in ("${", "%{"):
            middle += 1  # apart they would be no sequence, and together they would
        head, tail = value[:middle], value[middle:]

        def part(text: str) -> str:
            return escape(text) if self.dice.chance(50) else f"${{{again(text)}}}"

        forms: list[Callable[[], str]] = [
            lambda: f'"{part(head)}{part(tail)}"',
            lambda: f'format("%s%s", {again(head)}, {again(tail)})',
            lambda: f'join("", [{again(head)}, {again(tail)}])',
            lambda: f"jsondecode(jsonencode({again(value)}))",
            lambda: f"base64decode(base64encode({again(value)}))",
            lambda: f"nonsensitive(sensitive({again(value)}))",
            lambda: f"trimprefix({again('x-' + value)}, {quote('x-')})",
            lambda: f"trimsuffix({again(value + '-x')}, {quote('-x')})",
            lambda: f'replace({again(head + "~" + tail)}, "~", "")' if "~" not in value else quote(value),
            lambda: f"substr({again('zz' + value)}, 2, -1)",
            lambda: f"jsondecode(file({self._path(module, 'json', json.dumps({'k': value}))})).k",
            lambda: f"file({self._path(module, 'txt', value)})",
            lambda: f"templatefile({self._path(module, 'tftpl', '${a}' + escape_file(tail))}, {{ a = {again(head)} }})",
            lambda: f"yamldecode({quote('k: ' + json.dumps(value))}).k",
            lambda: f'"%{{ if {self._flag(module, True, depth - 1)} }}{escape(value)}%{{ else }}decoy%{{ endif }}"',
            lambda: f'"%{{ for x in [{again(head)}, {again(tail)}] }}${{x}}%{{ endfor }}"',
            lambda: f'regex("(?s)^x(.*)$", {again("x" + value)})[0]',
            lambda: f"strrev({quote(value[::-1])})" if value.isascii() else quote(value),
        ]
        if value == value.lower() and value.isascii():
            forms.append(lambda: f"lower({again(value.upper())})")
        if value == value.upper() and value.isascii():
            forms.append(lambda: f"upper({again(value.lower())})")
        if value == value.strip():
            forms.append(lambda: f"trimspace({again('  ' + value + ' ')})")
            forms.append(lambda: f"chomp({self._heredoc(module, value)})")
        if "," not in value:
            forms.append(lambda: f'split(",", {again("decoy," + value)})[1]')
        if value:
            forms += [
                lambda: f'coalesce("", {again(value)})',
                lambda: f'compact(["", {again(value)}])[0]',
                lambda: f"keys({{ ({again(value)}) = 1 }})[0]",
                lambda: f"distinct([{again(value)}, {again(value)}])[0]",
                lambda: f"one(toset([{again(value)}]))",
                lambda: f'formatlist("%s%s", [{again(head)}], {again(tail)})[0]',
            ]
            if not self.pure:
                forms += [
                    lambda: f"{self.helper(module, {}, display=value, depth=depth - 1)}.display_name",
                    lambda: f'{self.helper(module, {"k": value}, depth=depth - 1)}.tags["k"]',
                    lambda: f"{self.helper(module, {'k': value}, depth=depth - 1)}.tags.k",
                    lambda: self._of_many(module, value),
                ]
            if re.fullmatch("[a-z]+", value):
                forms.append(lambda: self._policy(module, value))
        if value in ("true", "5"):
            forms += [lambda: value, lambda: value]
        if value == "default":
            forms += [lambda: "terraform.workspace"] * 2
        return forms

    def _path(self, module: Module, suffix: str, content: str) -> str:
        name = f"{self.fresh('file')}.{suffix}"
        module.extra[name] = content
        return f'"${{path.module}}/{name}"'

    def _heredoc(self, module: Module, value: str) -> str:
        # The lines of an indented heredoc that are blank keep their blanks.
        mark = self.dice.pick(["<<EOT", "<<-EOT"]) if value else "<<EOT"
        indent = "    " if mark == "<<-EOT" else ""
        text = value.replace("${", "$${").replace("%{", "%%{").replace("\n", f"\n{indent}")
        return self.local(module, f"{mark}\n{indent}{text}\n{indent}EOT")

    def _of_many(self, module: Module, value: str) -> str:
        """An attribute of one of several instances of a resource."""
        name = self.fresh("h")
        block = Block("resource", ("aws_sns_topic", name))
        address = f"aws_sns_topic.{name}"
        counted = self.dice.chance(50)
        if counted:
            block.set("count", "2", 2)
            block.set("display_name", f'count.index == 1 ? {quote(value)} : "decoy"')
            text = self.dice.pick(
                [f"{address}[1].display_name", f"({address}[*].display_name)[1]", f"{address}.*.display_name[1]"]
            )
        else:
            block.set("for_each", f'{{ a = "decoy", b = {quote(value)} }}')
            block.set("display_name", "each.value")
            text = self.dice.pick(
                [
                    f'{address}["b"].display_name',
                    f"values({address})[1].display_name",
                    f"{{ for k, t in {address} : k => t.display_name }}.b",
                ]
            )
        if module.main != "aws":
            block.set("provider", module.main, module.main)
        module.blocks.append(block)
        scope = Scope(module, Iteration(counted, [["0", "1"] if counted else ["a", "b"]] * module.width))
        slots = scope.per_instance(module.providers[module.main])
        self.expect(scope, address, lambda at: {"tags": Own({}, slots[at])})
        return text

    def _policy(self, module: Module, value: str) -> str:
        name = self.fresh("d")
        block = Block("data", ("aws_iam_policy_document", name))
        block.set("policy_id", quote(value))
        if module.main != "aws":
            block.set("provider", module.main, module.main)
        module.blocks.append(block)
        return f"jsondecode(data.aws_iam_policy_document.{name}.json).Id" if not self.pure else quote(value)

    # --- maps

    def _key(self, key: str) -> str:
        forms = [quote(key), f"({quote(key)})"]
        if is_identifier(key) and key not in ("for", "null", "true", "false"):
            forms = [key, *forms]
        return self.dice.pick(forms)

    def object(self, module: Module, tags: Tags, depth: int, solid: bool = False) -> str:
        """An object constructor."""
        items = [
            f"{self._key(key)} = {self.constant(module, value, 'text', depth - 1, solid)}"
            for key, value in tags.items()
        ]
        return f"{{ {', '.join(items)} }}" if items else "{}"

    def _tags(self, module: Module, value: Tags, depth: int, solid: bool) -> str:
        def again(tags: Tags) -> str:
            return self.constant(module, tags, "tags", depth - 1, solid)

        if depth <= 0:
            return self.object(module, value, 0, solid)
        keys = list(value)
        first = dict.fromkeys(self.dice.some(keys), "decoy")
        left = {key: value[key] for key in self.dice.some(keys)}
        right = {key: item for key, item in value.items() if key not in left}
        texts = [item for item in value.values() if item is not None]
        known = all(isinstance(item, str) for item in value.values())
        secret = any(map(is_secret, texts))
        left_out = self.fresh("x")  # a key that is in no map yet
        longer: Tags = {**value, left_out: "x"}
        forms: list[Callable[[], str]] = [
            lambda: self.object(module, value, depth, solid),
            lambda: f"merge({again({**right, **first})}, {again(left)}, {again(right)})",
            lambda: f"merge({again(left)}, {self.object(module, right, depth, solid)})",
            lambda: f"merge([{again(left)}, {again(right)}]...)",
            lambda: f"merge({again(value)}, null)",
            lambda: f"merge({{}}, {again(value)})",
            lambda: f"{{ for k, v in {again(longer)} : k => v if k != {quote(left_out)} }}",
            lambda: f"{{ for k, v in {again(value)} : k => v }}",
            lambda: self._pairs(module, value, depth, solid),
            lambda: f"{{ x = {again(value)} }}[{quote('x')}]",
            lambda: f"[{again(value)}][0]",
            lambda: f"one([{again(value)}])",
            lambda: f"element([{again(value)}], 0)",
            lambda: f"try({again(value)}, {{}})",
            lambda: f"try({again(value)}.nothing, {again(value)})",
            lambda: self._zip(module, value, depth, solid),
            lambda: self._either(module, value, depth, solid),
        ]
        if all(key == key.lower() and key.isascii() for key in keys):
            forms.append(lambda: f"{{ for k, v in {again({k.upper(): v for k, v in value.items()})} : lower(k) => v }}")
        forms.append(lambda: self._prefixed(again({f"x_{key}": item for key, item in value.items()})))
        if texts:
            forms.append(lambda: f"tomap({again(value)})")
        if not secret:
            # Unknown as a whole, so that laid over another map a null in it takes away what nobody would expect it to.
            if None not in value.values() or _is_plain(value):
                forms.append(lambda: f"jsondecode(jsonencode({again(value)}))")
            if _is_plain(value):
                path = self._path
                forms += [
                    lambda: f"jsondecode(file({path(module, 'json', json.dumps(value))}))",
                    lambda: f"yamldecode(file({path(module, 'yaml', json.dumps(value))}))",
                    lambda: self._optional_map(module, value),
                ]
        if known:
            forms += [
                lambda: f"{{ for k, v in {again({**value, 'x': None})} : k => v if v != null }}",
                lambda: f"{{ for k, v in {again(value)} : k => tostring(v) }}",
            ]
            if all(isinstance(t, str) and t == t.lower() and t.isascii() for t in texts) and not secret:
                forms.append(
                    lambda: f"{{ for k, v in {again({k: str(v).upper() for k, v in value.items()})} : k => lower(v) }}"
                )
            if value and not secret and not self.pure and all(texts):
                forms.append(lambda: f"{self.helper(module, value, depth=depth - 1)}.tags")
                if any(set(slots) <= {"aws.plain"} for slots in module.providers.values()) and module.width:
                    forms.append(lambda: f"{self.helper(module, value, plain=True, depth=depth - 1)}.tags_all")
        if "" not in value.values() and all(item is None or isinstance(item, str) for item in value.values()):
            blank: Tags = {key: "" if item is None else item for key, item in value.items()}
            forms.append(lambda: f'{{ for k, v in {again(blank)} : k => v == "" ? null : v }}')
        if not value:
            forms += [lambda: "tomap({})", lambda: '{ for k in [] : k => "x" }']
        return self.dice.pick(forms)()

    def _prefixed(self, text: str) -> str:
        name = self.fresh("k")
        return f'{{ for {name}, v in {text} : trimprefix({name}, "x_") => v }}'

    def _pairs(self, module: Module, value: Tags, depth: int, solid: bool) -> str:
        items = ", ".join(
            f"{{ name = {self.constant(module, key, 'text', depth - 2, True)}, "
            f"text = {self.constant(module, item, 'text', depth - 1, solid)} }}"
            for key, item in value.items()
        )
        return f"{{ for o in [{items}] : o.name => o.text }}"

    def _zip(self, module: Module, value: Tags, depth: int, solid: bool) -> str:
        items = ", ".join(self.constant(module, item, "text", depth - 1, solid) for item in value.values())
        return f"zipmap({self.constant(module, tuple(value), 'names', depth - 1, True)}, [{items}])"

    def _either(self, module: Module, value: Tags, depth: int, solid: bool) -> str:
        """A condition with another map of the same type in its other arm."""
        if not any(item is not None for item in value.values()):
            return self.object(module, value, 0, solid)
        mine = f"tomap({self.constant(module, value, 'tags', depth - 1, solid)})"
        other = self.dice.pick(['tomap({ owner = "decoy" })', "null", 'tomap({ owner = null, x = "y" })'])
        flag = self.dice.chance(50)
        text = self._flag(module, flag, depth - 1)
        return f"({text} ? {mine} : {other})" if flag else f"({text} ? {other} : {mine})"

    def _optional_map(self, module: Module, value: Tags) -> str:
        name = self.fresh("v")
        block = Block("variable", (name,))
        given = self.dice.chance(60)
        default = "{}" if given else literal(value)
        type_ = f"object({{ tags = optional(map(string), {default}) }})"
        block.set("type", type_, type_)
        text = f"{{ tags = {literal(value)}, unasked = 1 }}" if given else "{}"
        if module.is_root:
            block.set("default", text)
        else:
            for call in module.calls:
                call.block.set(name, text)
        module.blocks.append(block)
        return f"var.{name}.tags"

    def _open(self, module: Module, value: Open, depth: int) -> str:
        one = self.constant(module, value.one, "tags", depth - 1)
        if value.how == "computed":
            return f'merge({{ ({self.unknown_text(module)}) = "x" }}, {one})'
        if value.how == "either":
            other = self.constant(module, value.other, "tags", depth - 1)
            return f"({self.unknown_flag(module)} ? tomap({one}) : tomap({other}))"
        if value.how == "filtered":
            return f"{{ for k, v in {one} : k => v if {self.unknown_flag(module)} }}"
        return f'merge({one}, {{ ({self.unknown_text(module)}) = "x" }})'

    # --- lists, flags, numbers

    def _names(self, module: Module, value: tuple[str, ...], depth: int) -> str:
        plain = f"[{', '.join(map(quote, value))}]"
        if depth <= 0:
            return plain

        def again(names: Sequence[str]) -> str:
            return self.constant(module, tuple(names), "names", depth - 1, True)

        forms: list[Callable[[], str]] = [
            lambda: plain,
            lambda: f"[{', '.join(self.constant(module, item, 'text', depth - 1, True) for item in value)}]",
            lambda: f"concat({again(value[:1])}, {again(value[1:])})",
            lambda: f"flatten([{again(value[:1])}, [{again(value[1:])}]])",
            lambda: f"[for x in {again(value)} : x]",
            lambda: f"reverse({again(value[::-1])})",
            lambda: f"jsondecode(jsonencode({again(value)}))",
            lambda: f"slice({again((*value, 'decoy'))}, 0, {len(value)})",
            lambda: (
                f"[for x in {again(('decoy', *value))} : x if x != {quote('decoy')}]" if "decoy" not in value else plain
            ),
        ]
        if value and not any("," in item for item in value):
            forms.append(lambda: f'split(",", {self.constant(module, ",".join(value), "text", depth - 1, True)})')
        if value and all(value):
            forms += [lambda: f"compact({again(('', *value))})", lambda: f"coalescelist([], {again(value)})"]
        if value and list(value) == sorted(set(value)) and all(map(str.isascii, value)):
            forms += [
                lambda: f"sort({again(value[::-1])})",
                lambda: f"tolist(toset({again(value[::-1])}))",
                lambda: f"keys({{ {', '.join(f'({quote(item)}) = 1' for item in value)} }})",
                lambda: f"distinct({again((*value, value[0]))})",
            ]
            if not self.pure:
                forms.append(lambda: f"keys({self.helper(module, dict.fromkeys(value, 'x'))}.tags)")
        return self.dice.pick(forms)()

    def _flag(self, module: Module, value: bool, depth: int) -> str:
        word = "true" if value else "false"
        if depth <= 0:
            return self.dice.pick([word, f'"a" {"==" if value else "!="} "a"'])
        forms: list[Callable[[], str]] = [
            lambda: word,
            lambda: f"!({self._flag(module, not value, depth - 1)})",
            lambda: f"length([1, 2]) {'>' if value else '<'} 1",
            lambda: f'contains(["a", "b"], {quote("b" if value else "c")})',
            lambda: f'{"can" if value else "!can"}(tonumber("1"))',
            lambda: f"can({'{ a = 1 }.a' if value else '{}.a'})",
            lambda: f'terraform.workspace {"==" if value else "!="} "default"',
            lambda: f'startswith("abc", {quote("a" if value else "b")})',
            lambda: f'({self.constant(module, "x", "text", depth - 1, True)} {"==" if value else "!="} "x")',
            lambda: f"({self.constant(module, value, 'flag', depth - 1, True)} && true)",
            lambda: f"({self.constant(module, value, 'flag', depth - 1, True)} || false)",
            lambda: f"tobool({quote(word)})",
            lambda: f"alltrue([{word}, true])",
            lambda: f"anytrue([{word}, false])",
            lambda: f"({self.constant(module, None, 'text', depth - 1, True)} {'==' if value else '!='} null)",
            lambda: f"({self.constant(module, 3, 'number', depth - 1, True)} {'>' if value else '<='} 2)",
        ]
        return f"({self.dice.pick(forms)()})"

    def _number(self, module: Module, value: int, depth: int) -> str:
        if depth <= 0:
            return str(value)
        forms: list[Callable[[], str]] = [
            lambda: str(value),
            lambda: f"length([{', '.join(['1'] * value)}])",
            lambda: f"tonumber({quote(str(value))})",
            lambda: f"({self.constant(module, value + 2, 'number', depth - 1, True)} - 2)",
            lambda: f"({self._flag(module, True, depth - 1)} ? {value} : {value + 1})",
            lambda: f"max({value}, 0)",
            lambda: f"length(range({value}))",
            lambda: f"floor({value}.5)",
            lambda: f"({value + 7} % 7)" if value < 7 else str(value),
            lambda: f"sum([{value}, 0])",
        ]
        return self.dice.pick(forms)()


def escape_file(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")


def _is_plain(value: Value) -> bool:
    """Whether the value can be written down as a constant, so that it may be a variable's default."""
    if isinstance(value, dict):
        return all(item is None or isinstance(item, str) for item in value.values())
    return not isinstance(value, _Unknown | Open)


def literal(value: Value) -> str:
    """The value as a constant, as files of variables have it."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(quote, value))}]"
    if isinstance(value, dict):
        items = ", ".join(f"{quote(key)} = {literal(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    raise TypeError(value)
