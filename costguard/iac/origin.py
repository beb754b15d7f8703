"""Whether a source is the one that a plan was made from, as far as the plan's own ``configuration`` shows it.

The plan keeps which blocks there are, what each sets, what expressions refer to and what is constant. It doesn't keep
what locals hold, nor the literal parts of an expression that refers to anything: an edit of those can't be noticed.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from costguard import catalog
from costguard.iac.hcl import tree
from costguard.iac.hcl.evaluate import evaluate
from costguard.iac.hcl.functions import Host
from costguard.iac.hcl.values import EvaluationError, Value, equal, from_data, is_known, unmark_deep
from costguard.iac.plan.configuration import references
from costguard.iac.plan.format import Configuration as Planned
from costguard.iac.plan.format import Module as PlannedModule
from costguard.iac.source import Configuration
from costguard.iac.source.instance import ModuleInstance
from costguard.iac.source.module import Declared, blocks
from costguard.model.resource import without_indexes

_META = frozenset(
    {"count", "for_each", "provider", "depends_on", "lifecycle", "provisioner", "connection", "dynamic", "//"}
)
_OF_A_CALL = _META | {"source", "version", "providers"}


def difference(plan: Planned, source: Configuration) -> str:
    """The first thing found in which the source isn't what the plan was made from; empty where nothing was found."""
    return next(_differences(plan, source), "")


def _differences(plan: Planned, source: Configuration) -> Iterator[str]:
    pending = [("", plan.root_module, source.root)]
    while pending:
        address, module, instance = pending.pop()
        yield from _of_module(address, module, instance)
        prefix = f"{address}." if address else ""
        for name, call in module.module_calls.items():
            children = instance.children(name) if name in instance.module.calls else None
            if children is not None and children.instances:
                pending.append((f"{prefix}module.{name}", call.module, children.instances[0]))
    yield from _of_providers(plan, source.root)


def _of_providers(plan: Planned, root: ModuleInstance) -> Iterator[str]:
    """What the configurations of the root module say of default tags."""
    for key, provider in plan.provider_config.items():
        if ":" in key or not provider.expressions:
            continue
        declared = root.module.providers.get(key)
        if declared is None:
            if not root.module.gaps:
                yield f"provider {key}"
            continue
        if declared.file.json:
            continue
        stated = provider.expressions.get("default_tags")
        found = [block for _, block in blocks(declared.layers, "default_tags") if block.type != "dynamic"]
        inner = found[0].body.attributes.get("tags") if found else None
        first = stated[0] if isinstance(stated, list) and stated and isinstance(stated[0], dict) else {}
        if (stated is None) != (not found) or (inner is not None and _differ(first.get("tags"), inner.value, root)):
            yield f"default_tags of provider {key}"


def _of_module(address: str, plan: PlannedModule, instance: ModuleInstance) -> Iterator[str]:
    prefix = f"{address}." if address else ""
    module = instance.module
    if not module.files or module.folder.startswith("cloudposse/label/null"):
        return  # What costguard brings in place of a module isn't that module.
    planned = {(block.type, block.name): block for block in plan.resources if block.mode == "managed"}
    for pair in sorted(planned.keys() ^ module.resources.keys()):
        if pair in module.resources or not module.gaps:
            yield f"{prefix}{pair[0]}.{pair[1]}"
    for name in sorted(plan.module_calls.keys() ^ module.calls.keys()):
        if name in module.calls or not module.gaps:
            yield f"{prefix}module.{name}"
    for pair, block in planned.items():
        declared = module.resources.get(pair)
        if declared is None:
            continue
        name = f"{prefix}{pair[0]}.{pair[1]}"
        if _names(declared, _META) != set(block.expressions):
            yield name
        kind = catalog.lookup(pair[0])
        surfaces = () if kind is None else (*((kind.own,) if kind.own is not None else ()), *kind.created)
        for attribute in sorted({surface.path[0] for surface in surfaces} & block.expressions.keys()):
            found = declared.attribute(attribute)
            if found is not None and not found[0].json:
                stated = msgspec.json.decode(block.expressions[attribute])
                if _differ(stated, found[1].value, instance):
                    yield f"{attribute} of {name}"
        yield from _repeated(name, declared, block.count_expression, block.for_each_expression, instance)
    for name, call in plan.module_calls.items():
        declared = module.calls.get(name)
        if declared is None:
            continue
        if _names(declared, _OF_A_CALL) != set(call.expressions):
            yield f"{prefix}module.{name}"
        for argument, stated in call.expressions.items():
            found = declared.attribute(argument)
            if found is not None and not found[0].json and _differ(stated, found[1].value, instance):
                yield f"{argument} of {prefix}module.{name}"
        yield from _repeated(
            f"{prefix}module.{name}", declared, call.count_expression, call.for_each_expression, instance
        )
    for name, output in plan.outputs.items():
        declared = module.outputs.get(name)
        found = None if declared is None else declared.attribute("value")
        if found is not None and not found[0].json and _differ(output.expression, found[1].value, instance):
            yield f"output {name} of {address or 'the root module'}"
    for name, variable in plan.variables.items():
        declared = module.variables.get(name)
        if declared is not None and variable.default is not None:
            value, _ = unmark_deep(instance.default_of(declared))
            if is_known(value) and not equal(_plain(value), from_data(variable.default)):
                yield f"the default of var.{name} of {address or 'the root module'}"


def _names(declared: Declared, meta: frozenset[str]) -> set[str]:
    return {name for layer in declared.layers for name in (*layer.body.attributes, *layer.body.block_types())} - meta


def _repeated(name: str, declared: Declared, count: Any, for_each: Any, instance: ModuleInstance) -> Iterator[str]:
    for attribute, stated in (("count", count), ("for_each", for_each)):
        found = declared.attribute(attribute)
        if found is None:
            if stated is not None:
                yield f"{attribute} of {name}"
        elif not found[0].json and _differ(stated or {}, found[1].value, instance):
            yield f"{attribute} of {name}"


def _differ(stated: Any, node: tree.Expression, instance: ModuleInstance) -> bool:
    """Whether an expression refers to something else than the plan says, or is another constant."""
    if not isinstance(stated, dict):
        return False
    if "constant_value" not in stated:
        referred = _short(_referred(node, frozenset()))
        # Of what functions make of constants the plan says nothing.
        return _short(references(stated)) != referred or not (referred or _calls(node))
    try:
        value, _ = unmark_deep(evaluate(node, _Nothing(instance)))
    except EvaluationError:
        return True  # It refers to something.
    return is_known(value) and not equal(_plain(value), from_data(stated["constant_value"]))


class _Nothing:
    """A scope without names."""

    def __init__(self, instance: ModuleInstance) -> None:
        self.host: Host = instance.host

    def name(self, name: str) -> Value:
        raise EvaluationError(f"{name} is a reference")

    def spend(self, steps: int) -> None:
        pass


def _plain(value: Value) -> Value:
    """A value as JSON has it: sets are lists there."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case tuple():
            return tuple(map(_plain, value))
    return value


def _short(names: Iterable[str]) -> set[str]:
    """References by the first parts, which name something: ``aws_vpc.a`` of ``aws_vpc.a.tags["x"]``. A plan lists a
    reference with all that it begins with, so what another one begins with is left out."""
    found: set[str] = set()
    for name in names:
        parts = without_indexes(name).split(".")
        found.add(".".join(parts[: 3 if parts[0] in ("data", "module") else 2]))
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def _referred(node: Any, inner: frozenset[str]) -> Iterator[str]:
    """Every name that an expression refers to, but those of the loops around it."""
    pending: list[tuple[Any, frozenset[str]]] = [(node, inner)]
    while pending:
        node, inner = pending.pop()
        match node:
            case tree.Name(name=name):
                if name not in inner:
                    yield name
            case tree.GetAttr() | tree.Index() | tree.Splat():
                names: list[str] = []
                step: Any = node
                while not isinstance(step, tree.Name):
                    match step:
                        case tree.GetAttr(of=of, name=name):
                            names.append(name)
                        case tree.Index(of=of, key=key):
                            pending.append((key, inner))
                        case tree.Splat(of=of, steps=steps):
                            names = []
                            pending.append((steps, inner))
                        case _:
                            pending.append((step, inner))
                            break
                    step = of
                else:
                    if step.name not in inner:
                        yield ".".join((step.name, *reversed(names)))
            case (
                tree.For(key=key, value=value, collection=collection)
                | tree.TemplateFor(key=key, value=value, collection=collection)
            ):
                pending.append((collection, inner))
                deeper = inner | {key, value}
                pending += [
                    (getattr(node, field), deeper)
                    for field in ("result_key", "result", "condition", "body")
                    if hasattr(node, field)
                ]
            case tuple():
                pending += [(part, inner) for part in node]
            case msgspec.Struct():
                pending += [(getattr(node, field), inner) for field in node.__struct_fields__]


def _calls(node: Any) -> bool:
    """Whether a function is called anywhere in an expression."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, tree.Call):
            return True
        if isinstance(node, tuple):
            pending += node
        elif isinstance(node, msgspec.Struct):
            pending += [getattr(node, field) for field in node.__struct_fields__]
    return False
