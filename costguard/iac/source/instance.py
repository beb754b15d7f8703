"""One call of a module: what ``var``, ``local``, ``module``, ``data`` and the resources stand for in its files.

A module that is called twice, or with ``count`` or ``for_each``, has an instance for each. Everything is evaluated when
it is asked for and once; what refers to itself is Unknown, as nothing is known of it.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from costguard.iac.hcl.evaluate import Exhausted, Reference, attribute, evaluate, index
from costguard.iac.hcl.functions import Host
from costguard.iac.hcl.tree import Expression, GetAttr, Literal, Name, Object, Parentheses
from costguard.iac.hcl.types import convert, parse_type
from costguard.iac.hcl.values import (
    EvaluationError,
    Marked,
    PartialMap,
    Set,
    Unknown,
    Value,
    mark,
    reason_of,
    unmark,
)
from costguard.iac.source.lifecycle import KEPT, kept
from costguard.iac.source.module import Declared, Module
from costguard.model.resource import TagSet

AFTER_APPLY = "known only after apply"
STEPS = 3_000_000
"""Steps (elements of loops, arguments and what is in them) that one configuration may take: many times what a large
one does, and a few seconds of work."""
AN_INSTANCE = 200
"""Steps that an instance of a block counts for."""
DEEPEST = 120
"""References that may lead on to one another, through modules or not."""
LARGEST = 200_000
"""Parts that one named value may have."""
MOST_INSTANCES = 2_000
"""Instances of one block that are told apart; of more, one stands for all."""


class Each(msgspec.Struct, frozen=True):
    """What ``each`` and ``count`` are in one instance of a block. ``index`` is the part of the address: ``["a"]``,
    ``[0]``, or nothing. ``doubt``: why it isn't known which instances there are; this one then stands for any."""

    index: str = ""
    key: Value = None
    value: Value = None
    count: Value = None
    doubt: str = ""
    kind: str = ""  # "count", "for_each" or neither


ONE = Each()
UNREAD = "it may be configured in a file that could not be read"
TOO_DEEP = "it is nested too deeply"
TOO_LONG = "the configuration takes too long to be evaluated"


class Budget:
    """How much work one configuration may still be."""

    __slots__ = ("depth", "steps")

    def __init__(self) -> None:
        self.steps = STEPS
        self.depth = 0


class ProviderConfiguration(msgspec.Struct, frozen=True):
    """A provider configuration: the module instance in whose scope it stands, and its block, None where it has none.

    ``key`` is its name as a plan calls it: ``aws``, ``aws.west``, ``module.a:aws``. ``doubt``: why it isn't known.
    """

    key: str
    source: str
    where: ModuleInstance | None = None
    block: Declared | None = None
    doubt: str = ""


class Assumption(msgspec.Struct, frozen=True):
    """What somebody says of a value that comes from outside: ``reference`` as the source writes it."""

    reference: str
    value: Value


class Promised(Unknown, frozen=True):
    """A part of a resource that is known only after apply, and which resource that is."""

    origin: tuple[ModuleInstance, str, str, Each] | None = None


class World(msgspec.Struct):
    """What all module instances of one configuration share."""

    host: ModuleHost
    budget: Budget
    child: Callable[[ModuleInstance, Declared], tuple[Module | None, str]]
    """The module that a call means, or why it isn't here."""
    assume: Mapping[str, Value]
    workspace: Value
    reusable: str
    """Why the variables and providers of the root are somebody else's to give; empty where it is run as it is."""
    inputs: Callable[[ModuleInstance, str, Declared], Value | None]
    """The value of a variable of the root, None where nobody gives it one."""
    environment: Mapping[str, str] = {}
    defaults: dict[tuple[str, str, str], TagSet] = {}
    """Of each provider configuration, once it was worked out."""


class ModuleHost:
    """What functions may see of the world: the files beside the configuration, and templates."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scope: ModuleInstance | None = None

    def path(self, text: str) -> Path | None:
        """A file that the configuration reads, as Terraform finds it: from the root module's folder."""
        found = Path(os.path.normpath(self.root / text))
        try:
            top = _top(self.root)
            inside = found.resolve().is_relative_to(top)
        except (OSError, ValueError, RuntimeError):
            return None
        return found if inside else None

    def template(self, text: str, variables: Value) -> Value:
        """A template file rendered with its variables."""
        from costguard.iac.hcl import SyntaxProblem, parse_template

        plain, marked = unmark(variables)
        if isinstance(plain, Unknown | PartialMap):
            return mark(Unknown(reason_of([plain])), marked)
        if not isinstance(plain, dict):
            raise EvaluationError("the variables of a template must be a map")
        try:
            expression = parse_template(text)
        except SyntaxProblem as problem:
            raise EvaluationError(str(problem)) from problem
        assert self.scope is not None  # noqa: S101 - set before anything is evaluated
        return mark(evaluate(expression, _TemplateScope(self.scope), plain), marked)


def _top(root: Path) -> Path:
    """The folder that holds everything a configuration may read: its repository, else itself."""
    here = root.resolve()
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    return here


class _TemplateScope:
    """A template sees its variables and nothing else; the default of a variable sees nothing at all."""

    def __init__(self, outer: ModuleInstance) -> None:
        self.host: Host = outer.world.host
        self._outer = outer

    def name(self, name: str) -> Value | Reference:
        raise EvaluationError(f"there is nothing called {name!r} here")

    def spend(self, steps: int) -> None:
        self._outer.spend(steps)


class ModuleInstance:
    """One call of a module, and the scope of its files."""

    def __init__(
        self,
        world: World,
        module: Module,
        *,
        address: str = "",
        parent: ModuleInstance | None = None,
        call: Declared | None = None,
        each: Each = ONE,
        path: tuple[str, ...] = (),
    ) -> None:
        self.world = world
        self.module = module
        self.address = address
        self.parent = parent
        self.call = call
        self.each = each
        self.path = path
        self.host: Host = world.host
        self._values: dict[tuple[str, str], Value] = {}
        self._children: dict[str, Children] = {}
        self._each: dict[tuple[str, str], list[Each]] = {}
        self._counting: set[tuple[str, str]] = set()
        """The blocks whose instances are being worked out."""
        self._providers: dict[str, ProviderConfiguration] = {}
        self._passed: dict[str, Expression] | None = None
        self._elsewhere: str | None = None
        self._roots: dict[str, Reference | Value] = {
            "var": _Variables(self),
            "local": _LocalValues(self),
            "module": _Calls(self),
            "data": _DataTypes(self),
            "path": {
                "module": self._folder(),
                "root": ".",
                "cwd": str(world.host.root.absolute()),
            },
            "terraform": _Terraform(self),
            "ephemeral": Unknown("ephemeral values are never part of a configuration"),
        }

    @property
    def doubt(self) -> str:
        """Why this may stand for other instances than that of its address, or for none; empty where it doesn't."""
        instance: ModuleInstance | None = self
        while instance is not None:
            if instance.each.doubt:
                return instance.each.doubt
            instance = instance.parent
        return ""

    def _folder(self) -> str:
        relative = os.path.relpath(self.module.folder or ".", self.world.host.root)
        return relative.replace(os.sep, "/")

    # --- the scope

    def name(self, name: str) -> Value | Reference:
        found = self._roots.get(name)
        if found is None:
            found = self._roots[name] = _ResourceType(self, name)
        return found

    def spend(self, steps: int) -> None:
        self.world.budget.steps -= steps
        if self.world.budget.steps < 0:
            raise Exhausted

    def in_block(self, each: Each) -> BlockScope:
        """The scope inside one instance of a block."""
        return BlockScope(self, each)

    def assumed(self, reference: str, found: Value, *, always: bool = False) -> Value:
        """What was found, or what somebody assumes where nothing is known."""
        if self.world.assume and (always or isinstance(found, Unknown)):
            return self.world.assume.get(reference, found)
        return found

    def once(self, kind: str, name: str, compute: Callable[[], Value]) -> Value:
        """The value of something that has a name, computed once. It is Unknown while it is being computed."""
        key = (kind, name)
        if key in self._values:
            return self._values[key]
        budget = self.world.budget
        if budget.depth >= DEEPEST:
            return Unknown("the chain of references that leads there is too long to be followed")
        self._values[key] = Unknown(f"{kind}.{name} refers to itself")
        budget.depth += 1
        try:
            value = compute()
            value = value if _size(value, LARGEST) <= LARGEST else Unknown(f"{kind}.{name} is too large")
        except EvaluationError as error:
            # Terraform would stop here. What depends on it is not decided by guessing what was meant.
            value = Unknown(f"{kind}.{name} can't be evaluated: {error}")
        except (Exhausted, RecursionError):
            value = Unknown(TOO_LONG)
        finally:
            budget.depth -= 1
        self._values[key] = value
        return value

    # --- variables and locals

    def variable(self, name: str) -> Value:
        return self.once("var", name, lambda: self.assumed(f"var.{name}", self._variable(name)))

    def _variable(self, name: str) -> Value:
        declared = self.module.variables.get(name)
        if declared is None:
            return Unknown(f"var.{name} is not declared in {self.module.folder or '.'}")
        sensitive = _states(declared, "sensitive", True)
        given = self._given(name, declared)
        plain, _ = unmark(given)
        if plain is None and declared.attribute("default") is not None and _states(declared, "nullable", False):
            given = self._default(declared)
        return mark(self._converted(declared, given), sensitive)

    def _converted(self, declared: Declared, value: Value) -> Value:
        expression = declared.expression("type")
        if expression is None:
            return value
        return convert(value, parse_type(expression, lambda default: evaluate(default, self)))

    def _given(self, name: str, declared: Declared) -> Value:
        if self.parent is None:
            value = self.world.inputs(self, name, declared)
            if value is not None:
                return None if value is GIVEN_NULL else value
            if self.world.reusable:
                return Unknown(f"var.{name} is {self.world.reusable}")
            if declared.attribute("default") is None:
                return Unknown(f"var.{name} has no default, and no value here")
            required = self._required()
            if required:
                return Unknown(
                    f"var.{required} has no default and no value here, so var.{name} may be set elsewhere, too"
                )
            return self._default(declared)
        assert self.call is not None  # noqa: S101 - a child has a call
        expression = self.call.expression(name)
        if expression is None:
            if declared.attribute("default") is None:
                return Unknown(f"var.{name} is required, and {self.address} doesn't give it")
            return self._default(declared)
        return evaluate(expression, self.parent.in_block(self.each))

    def _required(self) -> str:
        """A variable of the root that nobody gives a value here, so that it comes from elsewhere; others may, too."""
        if self._elsewhere is None:
            unset = (
                name
                for name, declared in self.module.variables.items()
                if declared.attribute("default") is None and self.world.inputs(self, name, declared) is None
            )
            self._elsewhere = next(unset, "")
        return self._elsewhere

    def default_of(self, declared: Declared) -> Value:
        """The default of a variable, converted to its type; Unknown where Terraform would stop."""
        try:
            return self._converted(declared, self._default(declared))
        except EvaluationError as error:
            return Unknown(str(error))

    def _default(self, declared: Declared) -> Value:
        expression = declared.expression("default")
        return None if expression is None else evaluate(expression, _TemplateScope(self))

    def local(self, name: str) -> Value:
        return self.once("local", name, lambda: self.assumed(f"local.{name}", self._local(name)))

    def _local(self, name: str) -> Value:
        found = self.module.locals.get(name)
        if found is None:
            return Unknown(f"local.{name} is not declared in {self.module.folder or '.'}")
        return evaluate(found[1].value, self)

    def output(self, name: str) -> Value:
        return self.once("output", name, lambda: self._output(name))

    def _output(self, name: str) -> Value:
        declared = self.module.outputs.get(name)
        if declared is None:
            if self.module.gaps:
                return Unknown(f"output {name} may stand in a file that could not be read")
            raise EvaluationError(f"the module has no output {name!r}")
        expression = declared.expression("value")
        if expression is None:
            raise EvaluationError(f"output {name!r} has no value")
        return mark(evaluate(expression, self), _states(declared, "sensitive", True))

    # --- instances of blocks

    def instances(self, kind: str, name: str, declared: Declared) -> list[Each]:
        """The instances of a block with ``count`` or ``for_each``; none where there certainly are none."""
        key = (kind, name)
        found = self._each.get(key)
        if found is None:
            self._each[key] = [_any(_kind(declared), "it refers to itself")]
            self._counting.add(key)
            budget = self.world.budget
            budget.depth += 1
            try:
                found = self._instances(declared) if budget.depth <= DEEPEST else [_any(_kind(declared), TOO_DEEP)]
                self.spend(AN_INSTANCE * len(found))
            except EvaluationError as error:
                found = [_any(_kind(declared), str(error))]
            except (Exhausted, RecursionError):
                found = [_any(_kind(declared), TOO_LONG)]
            finally:
                budget.depth -= 1
                self._counting.discard(key)
            self._each[key] = found
        return found

    def _instances(self, declared: Declared) -> list[Each]:
        count = declared.expression("count")
        if count is not None:
            number, _ = unmark(evaluate(count, self))
            if isinstance(number, str) and number.isdecimal():
                number = int(number)
            if number is None:
                raise EvaluationError("count is null")
            if isinstance(number, Unknown) or not isinstance(number, int) or isinstance(number, bool):
                return [_any("count", reason_of([number]) or "its count is no number")]
            if number < 0:
                raise EvaluationError("count is negative")
            if number > MOST_INSTANCES:
                return [_any("count", f"there are {number} of it")]
            return [Each(f"[{i}]", count=i, kind="count") for i in range(number)]
        for_each = declared.expression("for_each")
        if for_each is None:
            return [ONE]
        found, secret = unmark(evaluate(for_each, self))
        if secret or (isinstance(found, Set) and any(isinstance(item, Marked) for item in found.items)):
            raise EvaluationError("for_each is sensitive")
        match found:
            case dict() | PartialMap():
                entries = found if isinstance(found, dict) else found.entries
                if len(entries) > MOST_INSTANCES:
                    return [_any("for_each", f"there are {len(entries)} of it")]
                listed = [
                    Each(_key(key), key=key, value=value, kind="for_each") for key, value in sorted(entries.items())
                ]
                if isinstance(found, PartialMap):
                    why = found.open or next(iter(found.maybe.values()))
                    listed.append(_any("for_each", why))
                return listed
            case Set(items):
                listed = [
                    Each(_key(item), key=item, value=item, kind="for_each") for item in items if isinstance(item, str)
                ]
                if len(listed) < len(items):
                    listed.append(_any("for_each", reason_of(items) or "not every key is a text"))
                return listed if len(listed) <= MOST_INSTANCES else [_any("for_each", f"there are {len(items)} of it")]
            case Unknown(reason):
                return [_any("for_each", reason)]
            case None:
                raise EvaluationError("for_each is null")
        raise EvaluationError("for_each is neither a map nor a set")

    # --- calls of modules

    def children(self, name: str) -> Children:
        """The instances of a module that this one calls."""
        declared = self.module.calls[name]
        if ("module", name) in self._counting:
            return Children(declared, f"module.{name} refers to itself", present=False)
        found = self._children.get(name)
        if found is None:
            module, why = self.world.child(self, declared)
            if module is not None and self.world.budget.steps < 0:
                module, why = None, TOO_LONG
            found = self._children[name] = Children(declared, why, module is not None)
            if module is not None:
                path = (*self.path, name)
                prefix = f"{self.address}." if self.address else ""
                found.instances += [
                    ModuleInstance(
                        self.world,
                        module,
                        address=f"{prefix}module.{name}{each.index}",
                        parent=self,
                        call=declared,
                        each=each,
                        path=path,
                    )
                    for each in self.instances("module", name, declared)
                ]
        return found

    # --- provider configurations

    def provider(self, name: str, alias: str = "") -> ProviderConfiguration:
        """The configuration that ``provider = name.alias`` means in this module."""
        key = f"{name}.{alias}" if alias else name
        found = self._providers.get(key)
        if found is None:
            found = self._providers[key] = self._provider(name, alias, key)
        return found

    def _provider(self, name: str, alias: str, key: str) -> ProviderConfiguration:
        source = self.module.required.get(name, name)
        if self.parent is not None and key in self.passed:
            outer, outer_alias = _provider_name(self.passed[key])
            if not outer:
                return ProviderConfiguration(key, source, doubt="which provider is passed to the module can't be told")
            return msgspec.structs.replace(self.parent.provider(outer, outer_alias), source=source)
        block = self.module.providers.get(key)
        prefix = f"{self.address}:" if self.address else ""
        if block is not None:
            # Also an empty one that nothing is passed to: it inherits nothing, though it was written to.
            return ProviderConfiguration(prefix + key, source, self, block)
        if self.module.unread_provider:
            return ProviderConfiguration(prefix + key, source, doubt=UNREAD)
        if self.parent is None:
            if self.world.reusable:
                return ProviderConfiguration(key, source, doubt=f"the provider is {self.world.reusable}")
            if alias:
                return ProviderConfiguration(key, source, doubt=f"there is no provider {key} here")
            return ProviderConfiguration(key, source)
        if alias:
            return ProviderConfiguration(prefix + key, source, doubt=f"nothing passes provider {key} to {self.address}")
        return msgspec.structs.replace(self.parent.inherited(_same_provider(source)), source=source)

    def inherited(self, source: str) -> ProviderConfiguration:
        """The default configuration of a provider that is here for called modules, whatever it is called here."""
        kind = source.rpartition("/")[2]
        names = {kind, *self.module.required, *self.module.providers, *self.passed}
        for name in sorted(names):
            if "." not in name and _same_provider(self.module.required.get(name, name)) == source:
                return self.provider(name)
        if self.parent is not None:
            return self.parent.inherited(source)
        # Nothing here says its name, so that nothing configures it.
        doubt = f"the provider is {self.world.reusable}" if self.world.reusable else ""
        return ProviderConfiguration(kind, source, doubt=doubt)

    @property
    def passed(self) -> Mapping[str, Expression]:
        """``providers`` of the call: the name inside → the one that the caller gives."""
        if self._passed is None:
            self._passed = {}
            expression = self.call.expression("providers") if self.call is not None else None
            if isinstance(expression, Object):
                for item in expression.items:
                    inner, alias = _provider_name(item.key)
                    self._passed[f"{inner}.{alias}" if alias else inner] = item.value
        return self._passed

    # --- resources

    def resource_provider(self, type_name: str, declared: Declared) -> ProviderConfiguration:
        """The provider configuration of a resource."""
        stated = declared.expression("provider")
        if stated is None:
            return self.provider(type_name.partition("_")[0])
        name, alias = _provider_name(stated)
        if not name:
            # Of the same kind as its type says, most likely; which configuration of it is open.
            kind = type_name.partition("_")[0]
            doubt = "which provider configuration it uses can't be told"
            return ProviderConfiguration("", self.module.required.get(kind, kind), doubt=doubt)
        return self.provider(name, alias)

    def resource_value(self, type_name: str, name: str, declared: Declared, each: Each, part: str) -> Value:
        """An argument of a resource; what its block doesn't set is :class:`Promised`."""

        def compute() -> Value:
            found = declared.attribute(part)
            if found is not None and kept(declared).has(part):
                return Unknown(f"{type_name}.{name}.{part}: {KEPT}")
            value = None if found is None else evaluate(found[1].value, self.in_block(each))
            if value is None:
                return Promised(f"{type_name}.{name}.{part} is {AFTER_APPLY}", origin=(self, type_name, name, each))
            return value

        return self.once(f"{type_name}.{name}{each.index}", part, compute)


class BlockScope:
    """A module's scope, with ``each`` and ``count`` of one instance of a block."""

    __slots__ = ("each", "host", "module")

    def __init__(self, module: ModuleInstance, each: Each) -> None:
        self.module = module
        self.each = each
        self.host = module.host

    def name(self, name: str) -> Value | Reference:
        if name == "each":
            if self.each.kind == "for_each":
                if self.each.doubt:
                    why = Unknown(self.each.doubt)
                    return {"key": why, "value": self.each.value if self.each.value is not None else why}
                return {"key": self.each.key, "value": self.each.value}
            return Unknown("each is used without for_each")
        if name == "count":
            if self.each.kind == "count":
                return {"index": Unknown(self.each.doubt) if self.each.doubt else self.each.count}
            return Unknown("count is used without count")
        return self.module.name(name)

    def spend(self, steps: int) -> None:
        self.module.spend(steps)


class Children(msgspec.Struct):
    """The instances of one module call, or why there are none to look into."""

    call: Declared
    why: str
    present: bool
    instances: list[ModuleInstance] = []


GIVEN_NULL = Set(("\0null",))
"""What ``World.inputs`` answers for a variable that is given null."""


def _kind(declared: Declared) -> str:
    """Which of the two makes the instances of a block; empty where there is one."""
    return next((name for name in ("count", "for_each") if declared.attribute(name) is not None), "")


def _any(kind: str, doubt: str) -> Each:
    return Each("", doubt=doubt, kind=kind)


def _key(key: Value) -> str:
    """A key as an address writes it."""
    import json

    text = json.dumps(str(key), ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return f"[{text}]"


def _states(declared: Declared, name: str, flag: bool) -> bool:
    """Whether a block says that a flag is on, or off; also in quotes."""
    expression = declared.expression(name)
    return isinstance(expression, Literal) and expression.value in (flag, str(flag).lower())


def _size(value: Value, limit: int) -> int:
    """How many parts a value has, counted up to just above the limit."""
    count = 0
    pending = [value]
    while pending and count <= limit:
        node = pending.pop()
        count += 1
        match node:
            case tuple():
                pending += node
            case dict():
                pending += node.values()
            case Set(items):
                pending += items
            case PartialMap(entries):
                pending += entries.values()
            case Marked(inner):
                pending.append(inner)
            case str():
                count += len(node) // 100
    return count


def _provider_name(expression: Expression) -> tuple[str, str]:
    """(name, alias) of a reference to a provider configuration; JSON and old files write it as a text."""
    match expression:
        case Name(name=name):
            return name, ""
        case GetAttr(of=Name(name=name), name=alias):
            return name, alias
        case Literal(value=str(text)):
            name, _, alias = text.partition(".")
            return name, alias
        case Parentheses(inner=inner):
            return _provider_name(inner)
    return "", ""


def _same_provider(source: str) -> str:
    """A source address without what is left out of it: ``hashicorp/aws`` of ``registry.terraform.io/hashicorp/aws``."""
    parts = source.casefold().split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else f"hashicorp/{source.casefold()}"


class _OfModule(Reference):
    """A name in the files of one module instance."""

    __slots__ = ("_instance",)

    def __init__(self, instance: ModuleInstance) -> None:
        self._instance = instance


class _Variables(_OfModule):
    __slots__ = ()

    def attribute(self, name: str) -> Value:
        return self._instance.variable(name)

    def value(self) -> Value:
        return {name: self._instance.variable(name) for name in self._instance.module.variables}


class _LocalValues(_OfModule):
    __slots__ = ()

    def attribute(self, name: str) -> Value:
        return self._instance.local(name)

    def value(self) -> Value:
        return {name: self._instance.local(name) for name in self._instance.module.locals}


class _Terraform(_OfModule):
    __slots__ = ()

    def attribute(self, name: str) -> Value:
        found: Value = Unknown(f"terraform.{name} is known only where Terraform runs")
        if name == "workspace":
            found = self._instance.world.workspace
        return self._instance.assumed(f"terraform.{name}", found)

    def value(self) -> Value:
        return {"workspace": self.attribute("workspace")}


class _Assumable(Reference):
    """Something of which nothing is known but what somebody assumes: ``reference`` is how the source writes it."""

    __slots__ = ("_instance", "_reason", "_reference")

    def __init__(self, instance: ModuleInstance, reference: str, reason: str) -> None:
        self._instance = instance
        self._reference = reference
        self._reason = reason

    def attribute(self, name: str) -> Value | Reference:
        return self._step(f"{self._reference}.{name}", lambda value: attribute(value, name))

    def index(self, key: Value) -> Value | Reference:
        shown = f'"{key}"' if isinstance(key, str) else str(key)
        return self._step(f"{self._reference}[{shown}]", lambda value: index(value, key))

    def _step(self, reference: str, into: Callable[[Value], Value]) -> Value | Reference:
        whole = self.value()
        if not isinstance(whole, Unknown):
            return into(whole)
        if self._instance.world.assume:
            return _Assumable(self._instance, reference, self._reason)
        return whole

    def elements(self) -> Sequence[Value | Reference] | Unknown | None:
        return Unknown(self._reason)

    def value(self) -> Value:
        return self._instance.assumed(self._reference, Unknown(self._reason))


class _DataTypes(_OfModule):
    __slots__ = ()

    def attribute(self, name: str) -> Reference:
        return _DataType(self._instance, name)

    def value(self) -> Value:
        return Unknown("data sources are read by Terraform")


class _DataType(Reference):
    __slots__ = ("_instance", "_type")

    def __init__(self, instance: ModuleInstance, type_name: str) -> None:
        self._instance = instance
        self._type = type_name

    def attribute(self, name: str) -> Value | Reference:
        reference = f"data.{self._type}.{name}"
        if self._type == "aws_default_tags":
            declared = self._instance.module.data.get((self._type, name))
            if declared is not None and not _kind(declared):
                from costguard.iac.source.defaults import as_value, defaults_of

                provider = self._instance.resource_provider(self._type, declared)
                return {"tags": as_value(defaults_of(provider)), "id": Unknown(f"{reference} is read by Terraform")}
        return _Assumable(self._instance, reference, f"{reference} is read by Terraform")

    def value(self) -> Value:
        return Unknown("data sources are read by Terraform")


class _Calls(_OfModule):
    __slots__ = ()

    def attribute(self, name: str) -> Reference:
        if name not in self._instance.module.calls:
            return _Assumable(self._instance, f"module.{name}", f"module.{name} is not declared here")
        return _Call(self._instance, name)

    def value(self) -> Value:
        return Unknown("module stands for all modules at once")


class _Several(Reference):
    """What ``count`` and ``for_each`` make a list or a map of: one instance, or all of them. ``what`` is its name."""

    __slots__ = ("_declared", "_what")

    def __init__(self, declared: Declared, what: str) -> None:
        self._declared = declared
        self._what = what

    @abstractmethod
    def _instances(self) -> tuple[list[Value | Reference], list[Each]]:
        """The instances, and of each what ``each`` and ``count`` are in it."""

    @property
    def _map(self) -> bool:
        return _kind(self._declared) == "for_each"

    def attribute(self, name: str) -> Value | Reference:
        found, every = self._instances()
        if len(every) == 1 and not every[0].kind:
            only = found[0]
            return only.attribute(name) if isinstance(only, Reference) else attribute(only, name)
        doubt = next((each.doubt for each in every if each.doubt), "")
        if doubt:
            return Unknown(doubt)
        raise EvaluationError(f"{self._what} has several instances: an index is needed")

    def index(self, key: Value) -> Value | Reference:
        found, every = self._instances()
        return _select(found, every, key, self._what)

    def elements(self) -> Sequence[Value | Reference] | Unknown | None:
        found, every = self._instances()
        return _listed(found, every, self._map)

    def value(self) -> Value:
        found, every = self._instances()
        return _collected(found, every, self._map)


class _Call(_Several):
    """``module.a``"""

    __slots__ = ("_instance", "_name")

    def __init__(self, instance: ModuleInstance, name: str) -> None:
        super().__init__(instance.module.calls[name], f"module.{name}")
        self._instance = instance
        self._name = name

    def _instances(self) -> tuple[list[Value | Reference], list[Each]]:
        children = self._instance.children(self._name)
        every = self._instance.instances("module", self._name, self._declared)
        if children.present:
            return [_Outputs(child, self._what) for child in children.instances], every
        absent = _Assumable(self._instance, self._what, children.why)
        return [absent for _ in every], every


class _Outputs(Reference):
    """``module.a`` with one instance: its outputs."""

    __slots__ = ("_child", "_reference")

    def __init__(self, child: ModuleInstance, reference: str) -> None:
        self._child = child
        self._reference = reference

    @property
    def doubt(self) -> str:
        return self._child.each.doubt

    def attribute(self, name: str) -> Value:
        value = self._child.output(name)
        parent = self._child.parent
        return parent.assumed(f"{self._reference}.{name}", value) if parent is not None else value

    def value(self) -> Value:
        outputs = {name: self._child.output(name) for name in self._child.module.outputs}
        return PartialMap({}, {}, "a file of the module could not be read") if self._child.module.gaps else outputs


class _ResourceType(Reference):
    __slots__ = ("_instance", "_type")

    def __init__(self, instance: ModuleInstance, type_name: str) -> None:
        self._instance = instance
        self._type = type_name

    def attribute(self, name: str) -> Reference:
        declared = self._instance.module.resources.get((self._type, name))
        if declared is None:
            reference = f"{self._type}.{name}"
            return _Assumable(self._instance, reference, f"{reference} is not declared here")
        return _Resource(self._instance, self._type, name, declared)

    def value(self) -> Value:
        return Unknown(f"{self._type} is not declared here")


class _Resource(_Several):
    """``aws_vpc.main``"""

    __slots__ = ("_instance", "_name", "_type")

    def __init__(self, instance: ModuleInstance, type_name: str, name: str, declared: Declared) -> None:
        super().__init__(declared, f"{type_name}.{name}")
        self._instance = instance
        self._type = type_name
        self._name = name

    def _instances(self) -> tuple[list[Value | Reference], list[Each]]:
        every = self._instance.instances(self._type, self._name, self._declared)
        return [_Attributes(self._instance, self._type, self._name, self._declared, each) for each in every], every


class _Attributes(Reference):
    """One instance of a resource: what its block sets is known, the rest only after apply."""

    __slots__ = ("_declared", "_each", "_instance", "_name", "_type")

    def __init__(self, instance: ModuleInstance, type_name: str, name: str, declared: Declared, each: Each) -> None:
        self._instance = instance
        self._type = type_name
        self._name = name
        self._declared = declared
        self._each = each

    @property
    def doubt(self) -> str:
        return self._each.doubt

    def attribute(self, name: str) -> Value:
        from costguard.iac.source.evidence import shown_tags

        shown = shown_tags(self._instance, self._type, self._name, self._declared, self._each, name)
        if shown is not NotTags:
            return shown
        value = self._instance.resource_value(self._type, self._name, self._declared, self._each, name)
        return self._instance.assumed(f"{self._type}.{self._name}.{name}", value)

    def value(self) -> Value:
        return Unknown(f"{self._type}.{self._name} is {AFTER_APPLY}")


NotTags = Set(("\0not tags",))
"""What ``shown_tags`` answers for an attribute that holds no tags."""


def _select(found: list[Value | Reference], every: list[Each], key: Value, what: str) -> Value | Reference:
    plain, secret = unmark(key)
    if len(every) == 1 and not every[0].kind:
        raise EvaluationError(f"{what} has one instance: there is nothing to index")
    if isinstance(plain, Unknown):
        return Unknown(plain.reason)
    if isinstance(plain, str) and plain.isdecimal() and any(each.kind == "count" for each in every):
        plain = int(plain)
    doubt = next((each.doubt for each in every if each.doubt), "")
    for item, each in zip(found, every, strict=True):
        wanted = each.count if each.kind == "count" else each.key
        if not each.doubt and wanted == plain and isinstance(plain, bool) == isinstance(wanted, bool):
            return item
    if doubt:
        only = found[-1]
        # Which instances there are isn't known, but whatever this one is, its block says what it is like.
        return only if len(every) == 1 else Unknown(doubt)
    raise EvaluationError(f"{what} has no such instance" if secret else f"{what} has no instance {plain!r}")


def _listed(
    found: list[Value | Reference], every: list[Each], mapped: bool
) -> Sequence[Value | Reference] | Unknown | None:
    if any(each.doubt for each in every):
        return Unknown(next(each.doubt for each in every if each.doubt))
    if len(every) == 1 and not every[0].kind:
        return None
    if mapped:
        return None  # A map: a splat makes a list of the one.
    return found


def _collected(found: list[Value | Reference], every: list[Each], mapped: bool) -> Value:
    values = [item.value() if isinstance(item, Reference) else item for item in found]
    doubt = next((each.doubt for each in every if each.doubt), "")
    if not doubt and len(every) == 1 and not every[0].kind:
        return values[0]
    if mapped:
        entries = {str(each.key): value for each, value in zip(every, values, strict=True) if not each.doubt}
        return PartialMap(entries, {}, doubt) if doubt else entries
    return Unknown(doubt) if doubt else tuple(values)
