"""Where in the source a tag is written, or would be: the place that a person edits, and the way that leads there."""

from collections.abc import Iterator

import msgspec

from costguard.iac.hcl.evaluate import Exhausted, Locals, evaluate, truth
from costguard.iac.hcl.tree import (
    Attribute,
    Call,
    Conditional,
    Expression,
    File,
    GetAttr,
    Index,
    Literal,
    Name,
    Object,
    ObjectItem,
    Parentheses,
)
from costguard.iac.hcl.values import EvaluationError, PartialMap, Unknown, Value, doubt, unmark
from costguard.iac.source.evidence import Evidence
from costguard.iac.source.instance import ONE, TOO_LONG, BlockScope, Each, ModuleInstance
from costguard.iac.source.module import Declared, blocks, find, location
from costguard.iac.source.tagset import THE_RESOURCE, Body
from costguard.model.finding import Finding, Verdict
from costguard.model.resource import Location, Surface

_LONGEST = 60


class Place(msgspec.Struct, frozen=True):
    """Where a person would edit. ``chain`` is the way from the outermost call to the resource and from there to the
    value, each step with its place; ``block`` is the resource's own block, ``folder`` the module that holds it."""

    location: Location
    chain: tuple[str, ...]
    block: Location
    folder: str


class Trace(msgspec.Struct, frozen=True):
    """A piece of source that a value comes from. ``node`` is what stands there: an entry of an object, or the
    expression that costguard can't look behind. ``steps`` name what it came through."""

    file: File
    node: Expression | ObjectItem
    module: ModuleInstance
    each: Each
    names: Locals
    steps: tuple[str, ...] = ()
    owner: Declared | None = None
    """The call whose ``each`` it is, for an argument of a call."""

    @property
    def location(self) -> Location:
        return location(self.file, self.node.start, self.node.end)


def editable(module: ModuleInstance) -> bool:
    """Whether the files of a module are this repository's own: not fetched, not vendored, not costguard's."""
    folder = module.module.folder.replace("\\", "/").split("/")
    return not {".terraform", ".terragrunt-cache", "vendor", "node_modules"} & set(folder) and bool(
        module.module.files and not module.module.folder.startswith("cloudposse/label/null")
    )


def place(evidence: Evidence, surface: Surface, finding: Finding) -> Place:
    """Where to edit for a finding on ``surface``: at the entry that is wrong where there is one, else where one is to
    be added."""
    calls = _calls(evidence.module)
    block = evidence.declared.location
    name = f"{evidence.type}.{evidence.name}" if evidence.type != "module" else f"module.{evidence.name}"
    written = own_expression(evidence, surface.path)
    traced: Trace | None = None
    misspelled = finding.verdict is Verdict.MISSPELLED
    wanted = finding.found if misspelled else finding.key
    if wanted is not None and wanted in surface.tags.tags:
        at = "key" if misspelled else "value"
        traced = entry(evidence, written, wanted, surface.tags.tags[wanted].source, at)
    addition = traced is None
    if traced is None and written is not None:
        traced = carrier(written)
    chain = [f"{text} at {_at(where)}" for text, where, _ in calls]
    if calls:
        chain.append(f"{name} at {_at(block)}")
    if traced is not None:
        if not addition and finding.verdict in (Verdict.INVALID, Verdict.EMPTY):
            traced = origin(traced, evidence.declared, wanted or "")
        chain += traced.steps
        if editable(traced.module):
            # To add to a map is an edit of the whole attribute; an entry has its own line.
            where = traced.location
            if addition and written is not None and traced.file is written.file and traced.node is written.node:
                where = location(traced.file, written.start, traced.node.end)
            return Place(where, tuple(chain), block, evidence.module.module.folder)
    if not editable(evidence.module):
        for _, where, instance in reversed(calls):
            if editable(instance):
                return Place(where, tuple(chain), block, evidence.module.module.folder)
    return Place(block, tuple(chain), block, evidence.module.module.folder)


def holds_on_to(evidence: Evidence, where: Place) -> Iterator[Location]:
    """Every place at which a suppression covers a finding: where it is mended, its block, the calls that lead there."""
    yield where.location
    yield where.block
    for _, call, _ in _calls(evidence.module):
        yield call


def _calls(module: ModuleInstance) -> list[tuple[str, Location, ModuleInstance]]:
    """The calls that lead to a module instance, outermost first, each with the module that it stands in."""
    found: list[tuple[str, Location, ModuleInstance]] = []
    current: ModuleInstance | None = module
    while current is not None and current.call is not None and current.parent is not None:
        name = f"module.{current.call.block.labels[0]}{current.each.index}"
        found.append((name, current.call.location, current.parent))
        current = current.parent
    return found[::-1]


def _at(where: Location) -> str:
    return f"{where.file}:{where.line}"


class Written(msgspec.Struct, frozen=True):
    """The attribute of a resource that holds the tags of a surface: its expression, and what it is evaluated with."""

    file: File
    start: int
    node: Expression
    module: ModuleInstance
    each: Each
    names: Locals


def own_expression(evidence: Evidence, surface: str) -> Written | None:
    """The attribute that a surface is read from, None where it isn't written, or is made of blocks."""
    level: list[Body] = [evidence.body]
    parts = surface_parts(surface)
    for name, label in parts[:-1]:
        deeper: list[Body] = []
        for body in level:
            children = [child for child in body.children(name)[0] if isinstance(child, Body)]
            if label is not None:
                children = [
                    child for index, child in enumerate(children) if label in (str(index), *map(str, _labels(child)))
                ]
            deeper += children
        level = deeper
    for body in level:
        found = find(body.layers, parts[-1][0])
        if found is not None:
            file, attribute = found
            return Written(file, attribute.start, attribute.value, evidence.module, evidence.each, body.names)
    return None


def surface_parts(surface: str) -> list[tuple[str, str | None]]:
    """``a[x].b`` → (a, x), (b, None)."""
    parts: list[tuple[str, str | None]] = []
    for part in _split(surface):
        name, bracket, rest = part.partition("[")
        parts.append((name, rest.removesuffix("]") if bracket else None))
    return parts


def _split(surface: str) -> Iterator[str]:
    depth, begin = 0, 0
    for index, char in enumerate(surface):
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char == "." and depth == 0:
            yield surface[begin:index]
            begin = index + 1
    yield surface[begin:]


def _labels(body: Body) -> Iterator[Value]:
    for name in ("resource_type", "location", "name", "device_name", "step_id", "rule_name"):
        value = body.value(name)
        if isinstance(value, str):
            yield value


def entry(evidence: Evidence, written: Written | None, key: str, source: str, at: str = "value") -> Trace | None:
    """Where an entry that is there is written: in the resource's own tags, or in its provider's defaults. Where it is a
    block, ``at`` says which of its attributes is meant."""
    if source == THE_RESOURCE:
        if written is not None:
            start = Trace(written.file, written.node, written.module, written.each, written.names)
            return follow(start, key) if _has(start, key) else None
        if evidence.kind is not None and evidence.kind.own is not None and evidence.kind.own.shape == "blocks":
            return _block_entry(evidence, evidence.kind.own.path[-1], key, at)
        return None
    return default_entry(evidence, key)


def _block_entry(evidence: Evidence, name: str, key: str, at: str) -> Trace | None:
    """The ``tag`` block that sets a key, at the attribute that is wrong."""
    for child in evidence.body.children(name)[0]:
        if isinstance(child, Body) and child.value("key") == key:
            found = find(child.layers, at) or find(child.layers, "key")
            if found is not None:
                return Trace(found[0], found[1].value, evidence.module, evidence.each, child.names)
    return None


def default_entry(evidence: Evidence, key: str) -> Trace | None:
    """Where a provider's defaults set the key."""
    found = default_expression(evidence)
    if found is None or not _has(found, key):
        return None
    return follow(found, key)


def default_expression(evidence: Evidence) -> Trace | None:
    """The map that a resource's provider configuration gives to all that it makes."""
    provider = evidence.provider
    if provider.block is None or provider.where is None:
        return None
    attribute = find(provider.block.layers, "default_labels")
    if attribute is None:
        for file, block in blocks(provider.block.layers, "default_tags"):
            tags = block.body.attributes.get("tags")
            if tags is not None:
                attribute = (file, tags)
                break
    if attribute is None:
        return None
    file, stated = attribute
    step = f"provider {provider.key} at {file.name}:{file.line(provider.block.block.start)}"
    return Trace(file, stated.value, provider.where, ONE, {}, (step,))


def _has(trace: Trace, key: str) -> bool:
    """Whether the value of a trace has, or may have, the key."""
    if isinstance(trace.node, ObjectItem):
        return True
    value, _ = unmark(_value(trace, trace.node))
    if isinstance(value, PartialMap):
        return key in value.entries or bool(doubt(value, key) and key in value.maybe)
    return isinstance(value, dict) and key in value


def _value(trace: Trace, node: Expression) -> Value:
    try:
        return evaluate(node, BlockScope(trace.module, trace.each), trace.names)
    except EvaluationError as error:
        return Unknown(str(error))
    except (Exhausted, RecursionError):
        return Unknown(TOO_LONG)


def _with(trace: Trace, node: Expression) -> Trace:
    return msgspec.structs.replace(trace, node=node)


def follow(trace: Trace, key: str) -> Trace:
    """The innermost piece of source that sets the key of a map: through locals, variables, merges and outputs."""
    for _ in range(_LONGEST):
        deeper = _step(trace, key)
        if deeper is None:
            return trace
        trace = deeper
        if isinstance(trace.node, ObjectItem):
            return trace
    return trace


def _step(trace: Trace, key: str) -> Trace | None:
    node = trace.node
    match node:
        case Parentheses(inner=inner):
            return _with(trace, inner)
        case Object(items=items):
            for item in reversed(items):
                name = item.key.value if isinstance(item.key, Literal) else _value(trace, item.key)
                if name == key:
                    return msgspec.structs.replace(trace, node=item)
            return None
        case Call(name="merge", arguments=arguments):
            for argument in reversed(arguments):
                if _has(_with(trace, argument), key):
                    return _with(trace, argument)
            return None
        case Call(name="try" | "coalesce" | "tomap" | "nonsensitive" | "sensitive", arguments=arguments):
            for argument in arguments:
                if _has(_with(trace, argument), key):
                    return _with(trace, argument)
            return None
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            decided: bool | Unknown = Unknown("")
            try:
                decided = truth(_value(trace, condition))
            except EvaluationError:
                decided = Unknown("")
            branches = [then, otherwise] if isinstance(decided, Unknown) else [then if decided else otherwise]
            for branch in branches:
                if _has(_with(trace, branch), key):
                    return _with(trace, branch)
            return None
    return _reference(trace)


def _reference(trace: Trace) -> Trace | None:
    """Behind a name: the local, the argument of the call, the default of a variable, an output, another resource."""
    module = trace.module
    match trace.node:
        case GetAttr(of=Name(name="local"), name=name):
            found = module.module.locals.get(name)
            return None if found is None else _behind(trace, found, module, ONE, f"local.{name}")
        case GetAttr(of=Name(name="var"), name=name):
            return _variable(trace, name)
        case GetAttr(of=GetAttr(of=Name(name="module"), name=call) as of, name=output):
            return _output(trace, of, call, output)
        case GetAttr(of=Index(of=GetAttr(of=Name(name="module"), name=call)) as of, name=output):
            return _output(trace, of, call, output)
        case GetAttr(of=GetAttr(of=Name(name=type_name), name=name), name=attribute):
            declared = module.module.resources.get((type_name, name))
            found = None if declared is None else declared.attribute(attribute)
            return None if found is None else _behind(trace, found, module, ONE, f"{type_name}.{name}")
    return None


def _variable(trace: Trace, name: str) -> Trace | None:
    module = trace.module
    declared = module.module.variables.get(name)
    if declared is None:
        return None
    step = f"var.{name} at {declared.location.file}:{declared.location.line}"
    if module.parent is not None and module.call is not None:
        given = module.call.attribute(name)
        if given is not None:
            file, attribute = given
            steps = (*trace.steps, step)
            return Trace(file, attribute.value, module.parent, module.each, {}, steps, module.call)
    default = declared.attribute("default")
    if default is None or (module.parent is None and module.world.inputs(module, name, declared) is not None):
        return None
    file, attribute = default
    return Trace(file, attribute.value, module, ONE, {}, (*trace.steps, step))


def origin(trace: Trace, owner: Declared, key: str) -> Trace:
    """Where the value of a map's entry is written: behind locals, variables, and what ``for_each`` goes through.

    The entry itself, where its value is computed.
    """
    current = trace
    for _ in range(_LONGEST):
        node = current.node.value if isinstance(current.node, ObjectItem) else current.node
        if isinstance(node, Literal):
            return current
        plain = _with(current, node)
        behind = _entry_of(plain, key) if isinstance(node, Object) else _behind_value(plain, owner, _LONGEST)
        if behind is None:
            break
        current = behind
    return trace


def _behind_value(trace: Trace, owner: Declared, deepest: int) -> Trace | None:
    """One step from an expression to what it stands for."""
    if deepest <= 0:
        return None
    match trace.node:
        case Parentheses(inner=inner):
            return _with(trace, inner)
        case GetAttr(of=Name(name="each"), name="value") if trace.each.kind == "for_each" and not trace.each.doubt:
            stated = _block_of(trace, owner).attribute("for_each")
            if stated is None or not isinstance(trace.each.key, str):
                return None
            step = f"each.value at {stated[0].name}:{stated[0].line(stated[1].start)}"
            every = Trace(stated[0], stated[1].value, trace.module, ONE, {}, (*trace.steps, step))
            return _entry_of(every, trace.each.key)
        case GetAttr(of=Name(name="local" | "var" | "module")) | GetAttr(of=GetAttr(of=Name(name="module"))):
            return _reference(trace)
        case GetAttr(of=inner, name=key) | Index(of=inner, key=Literal(value=str(key))):
            whole: Trace | None = _with(trace, inner)
            while whole is not None and not isinstance(_plain(whole.node), Object):
                deepest -= 1
                whole = _behind_value(_with(whole, _plain(whole.node)), owner, deepest)
            return None if whole is None else _entry_of(_with(whole, _plain(whole.node)), key)
    return None


def _plain(node: Expression | ObjectItem) -> Expression:
    return node.value if isinstance(node, ObjectItem) else node


def _entry_of(trace: Trace, key: str) -> Trace | None:
    found = follow(trace, key)
    return found if isinstance(found.node, ObjectItem) else None


def _block_of(trace: Trace, owner: Declared) -> Declared:
    """The block whose ``each`` it is: the resource's, or further out the call that the expression is an argument of."""
    return owner if trace.owner is None else trace.owner


def _output(trace: Trace, of: Expression, call: str, output: str) -> Trace | None:
    if call not in trace.module.module.calls:
        return None
    children = trace.module.children(call).instances
    if isinstance(of, Index):
        key = _value(trace, of.key)
        children = [child for child in children if key in (child.each.key, child.each.count)]
    if not children:
        return None
    child = children[0]
    declared = child.module.outputs.get(output)
    found = None if declared is None else declared.attribute("value")
    return None if found is None else _behind(trace, found, child, ONE, f"module.{call}.{output}")


def _behind(trace: Trace, found: tuple[File, Attribute], module: ModuleInstance, each: Each, what: str) -> Trace:
    file, attribute = found
    step = f"{what} at {file.name}:{file.line(attribute.start)}"
    return Trace(file, attribute.value, module, each, {}, (*trace.steps, step))


def carrier(written: Written) -> Trace:
    """Where an entry is to be added so that it reaches this map: where a caller gives all of it, there; else here.

    ``tags = var.tags`` is the caller's to complete; ``tags = merge(var.tags, {…})`` too, since the module asks for it.
    """
    trace = Trace(written.file, written.node, written.module, written.each, written.names)
    for _ in range(_LONGEST):
        outer = _given_by_caller(trace)
        if outer is None:
            return trace
        trace = outer
    return trace


def _given_by_caller(trace: Trace) -> Trace | None:
    """The argument of the call that a map comes from, also through locals; None where the module makes it itself."""
    pending = [trace]
    for _ in range(_LONGEST):
        if not pending:
            return None
        current = pending.pop(0)
        node = current.node
        match node:
            case Parentheses(inner=inner):
                pending.append(_with(current, inner))
            case Call(name="merge" | "try" | "coalesce" | "tomap", arguments=arguments):
                pending += [_with(current, argument) for argument in arguments]
            case Conditional(then=then, otherwise=otherwise):
                pending += [_with(current, then), _with(current, otherwise)]
            case GetAttr(of=Name(name="var"), name=name):
                outer = _variable(current, name)
                if outer is not None and outer.module is not current.module:
                    return outer
            case GetAttr(of=Name(name="local")):
                behind = _reference(current)
                if behind is not None:
                    pending.append(behind)
    return None
