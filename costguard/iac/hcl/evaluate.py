"""Expressions → values, in three-valued logic.

:func:`evaluate` computes what Terraform would, and where the source doesn't show enough the result is an ``Unknown``,
or a ``PartialMap`` with what is certain. It knows the language; what a name like ``var`` or ``aws_vpc`` stands for is
the :class:`Scope`'s to say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from costguard.iac.hcl import numbers, tree
from costguard.iac.hcl.functions import Host, call
from costguard.iac.hcl.types import to_text
from costguard.iac.hcl.values import (
    EvaluationError,
    Marked,
    PartialMap,
    Set,
    Unknown,
    Value,
    doubt,
    equal,
    is_known,
    kind,
    mark,
    partial,
    reason_of,
    unmark,
    unmark_deep,
)

LONGEST_TEXT = 1_000_000
"""Characters that a computed text may have; a chain of templates that double each other reaches any length."""


class Reference(ABC):
    """Something that a reference leads through, and that is a value only when asked: ``var``, ``module.a``, a resource.

    Asking for a part must not evaluate the rest: in ``module.a.id`` the other outputs may refer back to here.
    """

    __slots__ = ()

    @property
    def doubt(self) -> str:
        """Why it isn't known whether there is such a thing at all; empty where there is."""
        return ""

    def attribute(self, name: str) -> Value | Reference:
        """What ``.name`` leads to. Raises :class:`EvaluationError` where there is no such thing."""
        return attribute(self.value(), name)

    def index(self, key: Value) -> Value | Reference:
        """What ``[key]`` leads to."""
        return index(self.value(), key)

    def elements(self) -> Sequence[Value | Reference] | Unknown | None:
        """What a splat goes through; None where this isn't a list."""
        return elements(self.value())

    @abstractmethod
    def value(self) -> Value:
        """All of it as a value."""


class Scope(Protocol):
    """What the names in an expression stand for."""

    @property
    def host(self) -> Host: ...

    def name(self, name: str) -> Value | Reference:
        """What the first word of a reference stands for."""
        ...

    def spend(self, steps: int) -> None:
        """Raises :class:`Exhausted` when a configuration has taken more steps than any sane one."""
        ...


class Exhausted(Exception):  # noqa: N818 - what is exhausted is patience
    """An evaluation that takes too long to be anything but hostile."""


Locals = Mapping[str, Value]
"""The variables of the ``for`` expressions and template directives around an expression, innermost first."""

_NONE: Locals = {}
_TRYING = "\0trying"
"""Among the variables inside ``try`` and ``can`` a map whose ``maybe`` collects why the expression may fail after all.
Outside nobody asks: there Terraform would stop."""


def _trying(names: Locals) -> tuple[Locals, dict[str, str]]:
    """The variables inside a ``try``, and what is going to say why its argument may fail."""
    doubts: dict[str, str] = {}
    return {**names, _TRYING: PartialMap({}, doubts)}, doubts


def _doubt(names: Locals, reason: str) -> None:
    """Remembers why the expression may fail, where a ``try`` around it has to know."""
    trying = names.get(_TRYING)
    if isinstance(trying, PartialMap):
        trying.maybe.setdefault(reason, reason)


def evaluate(expression: tree.Expression, scope: Scope, names: Locals = _NONE) -> Value:
    """The value of an expression. Raises :class:`EvaluationError` where Terraform would stop with an error."""
    result = resolve(expression, scope, names)
    return result.value() if isinstance(result, Reference) else result


def resolve(expression: tree.Expression, scope: Scope, names: Locals = _NONE) -> Value | Reference:
    """As :func:`evaluate`, but what is only a reference stays one."""
    return _BY_TYPE[type(expression)](expression, scope, names)


def _literal(node: tree.Literal, _scope: Scope, _names: Locals) -> Value:
    return node.value


def _name(node: tree.Name, scope: Scope, names: Locals) -> Value | Reference:
    if node.name in names:
        return names[node.name]
    return scope.name(node.name)


def _get_attribute(node: tree.GetAttr, scope: Scope, names: Locals) -> Value | Reference:
    of = resolve(node.of, scope, names)
    return of.attribute(node.name) if isinstance(of, Reference) else attribute(of, node.name)


def _index(node: tree.Index, scope: Scope, names: Locals) -> Value | Reference:
    of = resolve(node.of, scope, names)
    return _indexed(of, evaluate(node.key, scope, names), names)


def _indexed(of: Value | Reference, key: Value, names: Locals) -> Value | Reference:
    if not isinstance(of, Reference):
        return index(of, key)
    found = of.index(key)
    if isinstance(found, Reference) and found.doubt:
        _doubt(names, found.doubt)
    return found


def _splat(node: tree.Splat, scope: Scope, names: Locals) -> Value:
    return _spread(resolve(node.of, scope, names), node.steps, scope, names)


def _spread(of: Value | Reference, steps: Sequence[tree.SplatStep], scope: Scope, names: Locals) -> Value:
    marked = False
    if not isinstance(of, Reference):
        of, marked = unmark(of)
    items = of.elements() if isinstance(of, Reference) else elements(of)
    if isinstance(items, Unknown):
        return mark(items, marked)
    if items is None:
        whole = of.value() if isinstance(of, Reference) else of
        items = () if whole is None else (of,)
    return mark(tuple([_stepped(item, steps, scope, names) for item in items]), marked)


def _stepped(item: Value | Reference, steps: Sequence[tree.SplatStep], scope: Scope, names: Locals) -> Value:
    """What the steps of a splat lead to from one of its elements."""
    scope.spend(1)
    current = item
    for step in steps:
        if step.nested is not None:
            current = _spread(current, step.nested, scope, names)
        elif step.key is None:
            current = current.attribute(step.name) if isinstance(current, Reference) else attribute(current, step.name)
        else:
            current = _indexed(current, evaluate(step.key, scope, names), names)
    return current.value() if isinstance(current, Reference) else current


def _call(node: tree.Call, scope: Scope, names: Locals) -> Value:
    name = node.name.removeprefix("core::")
    if name == "try":
        return _try(node, scope, names)
    if name == "can":
        return _can(node, scope, names)
    arguments = [evaluate(argument, scope, names) for argument in node.arguments]
    marked = False
    if node.expand and arguments:
        last, marked = unmark(arguments.pop())
        if isinstance(last, Unknown):
            if name == "merge":
                return mark(_merged_with_unknown(arguments, last), marked)
            return mark(Unknown(last.reason), marked)
        if isinstance(last, Set):
            last = last.items
        if not isinstance(last, tuple):
            raise EvaluationError(f"only a list can be expanded into arguments, not a {kind(last)}")
        arguments += last
    scope.spend(1 + sum(map(_weight, arguments)))
    try:
        found = call(name, arguments, scope.host)
    except EvaluationError as error:
        if marked or any(unmark_deep(argument)[1] for argument in arguments):
            raise EvaluationError(f"{name}() fails for a sensitive value") from error
        raise
    scope.spend(_weight(found))
    return mark(found, marked)


def _weight(value: Value) -> int:
    """How much work a value is, roughly and at once."""
    match value:
        case str():
            return 1 + len(value) // 100
        case tuple() | dict():
            return 1 + len(value)
        case Set(items):
            return 1 + len(items)
        case PartialMap(entries, maybe):
            return 1 + len(entries) + len(maybe)
        case Marked(inner):
            return _weight(inner)
    return 1


def _merged_with_unknown(arguments: list[Value], rest: Unknown) -> Value:
    """``merge(a, list_of_unknown_length...)``: what is there stays there, with whatever value."""
    found: dict[str, Value] = {}
    for argument in arguments:
        plain, _ = unmark(argument)
        if isinstance(plain, dict | PartialMap):
            entries = plain if isinstance(plain, dict) else plain.entries
            found.update(dict.fromkeys(entries, Unknown(rest.reason)))
    return PartialMap(found, {}, rest.reason)


def _try(node: tree.Call, scope: Scope, names: Locals) -> Value:
    said = "try() needs an argument"
    doubtful: list[tuple[Value, str]] = []
    for argument in node.arguments:
        inner, doubts = _trying(names)
        try:
            value = evaluate(argument, scope, inner)
        except EvaluationError as error:
            said = str(error)
            if doubts:  # It fails for what is assumed, and may not for what is.
                doubtful.append((Unknown(next(iter(doubts))), next(iter(doubts))))
            continue
        reason = next(iter(doubts), "") or _may_fail(argument, value, scope, inner)
        doubtful.append((value, reason))
        if not reason:
            break
    if not doubtful:
        raise EvaluationError(f"no call in try() succeeded: {said}")
    found, reason = doubtful.pop()
    if reason:
        _doubt(names, reason)
    for value, reason in reversed(doubtful):
        found = either(value, found, reason)
    return found


def _can(node: tree.Call, scope: Scope, names: Locals) -> Value:
    if len(node.arguments) != 1:
        raise EvaluationError("can() takes one argument")
    inner, doubts = _trying(names)
    try:
        value = evaluate(node.arguments[0], scope, inner)
        reason = next(iter(doubts), "") or _may_fail(node.arguments[0], value, scope, inner)
    except EvaluationError:
        return Unknown(next(iter(doubts))) if doubts else False
    return Unknown(reason) if reason else True


def _may_fail(node: tree.Expression, value: Value, scope: Scope, names: Locals) -> str:
    """Why it isn't known whether Terraform can evaluate what gave this value; empty where it certainly can.

    What isn't known may turn out to be something that the operations on it refuse.
    """
    reason = reason_of([value])
    if not reason:
        return ""
    match node:
        case tree.Parentheses(inner=inner):
            return _may_fail(inner, value, scope, names)
        case tree.Tuple(items=items):
            return _any_may_fail(items, scope, names)
        case tree.Object(items=entries):
            return _any_may_fail([part for entry in entries for part in (entry.key, entry.value)], scope, names)
        case tree.Call(name="merge" | "tomap" | "tolist" | "concat", arguments=arguments, expand=False):
            return _shapeless(value) or _any_may_fail(arguments, scope, names)
        case tree.GetAttr() | tree.Index() | tree.Name():
            # The way there is known where it leads to anything; what lies there was made without this expression.
            return _shapeless(value)
    return reason


def _any_may_fail(nodes: Sequence[tree.Expression], scope: Scope, names: Locals) -> str:
    for node in nodes:
        reason = _may_fail(node, evaluate(node, scope, names), scope, names)
        if reason:
            return reason
    return ""


def _shapeless(value: Value) -> str:
    """Why a value as a whole isn't known; empty where at least its shape is."""
    plain, _ = unmark(value)
    return plain.reason if isinstance(plain, Unknown) else ""


def _unary(node: tree.Unary, scope: Scope, names: Locals) -> Value:
    operand, marked = unmark(evaluate(node.operand, scope, names))
    if isinstance(operand, Unknown):
        return mark(Unknown(operand.reason), marked)
    return mark(not _truth(operand) if node.operator == "!" else numbers.negate(_number(operand)), marked)


def _binary(node: tree.Binary, scope: Scope, names: Locals) -> Value:
    left, left_marked = unmark(evaluate(node.left, scope, names))
    if node.operator in ("&&", "||"):
        return _logic(node, left, left_marked, scope, names)
    right, right_marked = unmark(evaluate(node.right, scope, names))
    marked = left_marked or right_marked
    if node.operator in ("==", "!="):
        same = equality(left, right)
        return mark(same if isinstance(same, Unknown) else same == (node.operator == "=="), marked)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return mark(Unknown(reason_of((left, right))), marked)
    one, other = _number(left), _number(right)
    match node.operator:
        case "<":
            return mark(one < other, marked)
        case "<=":
            return mark(one <= other, marked)
        case ">":
            return mark(one > other, marked)
        case ">=":
            return mark(one >= other, marked)
        case "+" | "-" | "*" | "/" | "%":
            return mark(_arithmetic(node.operator, one, other), marked)
    raise AssertionError(node.operator)


def _logic(node: tree.Binary, left: Value, marked: bool, scope: Scope, names: Locals) -> Value:
    """``&&`` and ``||``: what one side decides, the other can't undo, known or not.

    Since 1.12 Terraform doesn't look at the right side then; before, it stopped where that fails.
    """
    decides = node.operator == "||"
    left_decides = not isinstance(left, Unknown) and _truth(left) is decides
    right: Value
    try:
        right, right_marked = unmark(evaluate(node.right, scope, names))
        decided = right if isinstance(right, Unknown) else _truth(right) is decides
    except EvaluationError:
        if not left_decides and not isinstance(left, Unknown):
            raise
        right_marked = False
        decided = right = Unknown(reason_of([left]) or "it depends on the version of Terraform")
    for side in (left, right):
        if isinstance(side, Unknown):
            _doubt(names, side.reason)
    if left_decides:
        return mark(decides, marked)
    marked = marked or right_marked
    if isinstance(decided, Unknown):
        return mark(Unknown(reason_of((left, decided))), marked)
    if decided:
        return mark(decides, marked)
    return mark(Unknown(left.reason) if isinstance(left, Unknown) else not decides, marked)


def _arithmetic(operator: numbers.Operator, one: numbers.Number, other: numbers.Number) -> Value:
    try:
        return numbers.arithmetic(operator, one, other)
    except numbers.TooLarge:
        return Unknown("the number is out of the range that is computed here")


def _conditional(node: tree.Conditional, scope: Scope, names: Locals) -> Value:
    condition, marked = unmark(evaluate(node.condition, scope, names))
    if isinstance(condition, Unknown):
        _doubt(names, condition.reason)
        branches: list[Value] = []
        for branch in (node.then, node.otherwise):
            try:
                branches.append(evaluate(branch, scope, names))
            except EvaluationError:
                continue  # Terraform would stop if it were chosen, so it won't be.
        if not branches:
            raise EvaluationError("both results of a condition fail")
        found = branches[0] if len(branches) == 1 else either(branches[0], branches[1], condition.reason)
        return mark(found, marked)
    chosen, other = (node.then, node.otherwise) if _truth(condition) else (node.otherwise, node.then)
    value = evaluate(chosen, scope, names)
    plain, _ = unmark(value)
    if isinstance(plain, bool | int | Decimal) and _may_be_text(other, scope, names):
        value = mark(text_of(plain), value is not plain)  # Both results get one type.
    return mark(value, marked)


def _may_be_text(node: tree.Expression, scope: Scope, names: Locals) -> bool:
    if isinstance(node, tree.Literal):
        return isinstance(node.value, str)
    try:
        return isinstance(unmark(evaluate(node, scope, names))[0], str)
    except EvaluationError:
        return False


def either(one: Value, other: Value, reason: str) -> Value:
    """What is known of a value that is one of two, for a ``reason`` that leaves open which."""
    one, one_marked = unmark(one)
    other, other_marked = unmark(other)
    if one_marked or other_marked:
        return mark(either(one, other, reason))
    if isinstance(one, Unknown) or isinstance(other, Unknown) or one is None or other is None:
        if one is None and other is None:
            return None
        nullable = any(side is None or (isinstance(side, Unknown) and side.nullable) for side in (one, other))
        return Unknown(reason, nullable)
    if isinstance(one, dict | PartialMap) and isinstance(other, dict | PartialMap):
        return _either_map(one, other, reason)
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return tuple(either(a, b, reason) for a, b in zip(one, other, strict=True))
    if is_known(one) and is_known(other) and equal(one, other):
        return one
    return Unknown(reason)


def _either_map(
    one: dict[str, Value] | PartialMap, other: dict[str, Value] | PartialMap, reason: str
) -> dict[str, Value] | PartialMap:
    sides = [side if isinstance(side, PartialMap) else PartialMap(side) for side in (one, other)]
    left, right = sides
    entries = {
        key: either(value, right.entries[key], reason) for key, value in left.entries.items() if key in right.entries
    }
    maybe = {key: reason for side in sides for key in side.entries if key not in entries}
    for side in sides:
        maybe |= {key: why for key, why in side.maybe.items() if key not in entries}
    return partial(entries, maybe, left.open or right.open)


def _tuple(node: tree.Tuple, scope: Scope, names: Locals) -> Value:
    return tuple([evaluate(item, scope, names) for item in node.items])


def _object(node: tree.Object, scope: Scope, names: Locals) -> Value:
    building = _Building()
    for item in node.items:
        key = item.key
        if type(key) is tree.Literal and type(key.value) is str:
            building.entries[key.value] = evaluate(item.value, scope, names)
        else:
            building.add(key, evaluate(key, scope, names), evaluate(item.value, scope, names), scope, names)
    return building.result()


class _Building:
    """A map in the making, some of whose keys may not be known."""

    __slots__ = ("entries", "marked", "maybe", "open")

    def __init__(self) -> None:
        self.entries: dict[str, Value] = {}
        self.maybe: dict[str, str] = {}
        self.open = ""
        self.marked = False

    def add(self, node: tree.Expression, key: Value, value: Value, scope: Scope, names: Locals) -> None:
        """One entry whose key was computed by ``node``."""
        key, marked = unmark(key)
        self.marked = self.marked or marked
        if isinstance(key, Unknown):
            prefix = _known_prefix(node, scope, names)
            if prefix:
                self.maybe[f"{prefix}*"] = key.reason
            else:
                self.open = self.open or key.reason
            # It may be one that is there already, and then has its value.
            for name in self.entries:
                if name.startswith(prefix):
                    self.entries[name] = Unknown(key.reason)
            return
        text = text_of(key)
        if isinstance(text, str):
            self.entries[text] = value
        else:
            self.open = self.open or text.reason

    def result(self) -> Value:
        ordered = dict(sorted(self.entries.items()))
        return mark(partial(ordered, self.maybe, self.open), self.marked)


def _known_prefix(node: tree.Expression, scope: Scope, names: Locals) -> str:
    """How the text certainly begins that an expression of unknown value gives: ``"kubernetes.io/cluster/${…}"``."""
    while isinstance(node, tree.Parentheses):
        node = node.inner
    if not isinstance(node, tree.Template):
        return ""
    found = ""
    for part in node.parts:
        if isinstance(part, str):
            found += part
        elif isinstance(part, tree.TemplateIf | tree.TemplateFor):
            break
        else:
            value, _ = unmark(evaluate(part, scope, names))
            if value is None or not isinstance(value, str | int | Decimal | bool):
                break
            found += str(text_of(value))
    return found


def _for(node: tree.For, scope: Scope, names: Locals) -> Value:
    collection, marked = unmark(evaluate(node.collection, scope, names))
    items: list[tuple[Value, Value]]
    rest = ""
    match collection:
        case dict():
            items = [*sorted(collection.items())]
        case PartialMap(entries, maybe, open_):
            items = [*sorted(entries.items())]
            rest = open_ or next(iter(maybe.values()), "")
        case tuple():
            items = [*enumerate(collection)]
        case Set(members):
            items = [(member, member) for member in members]
        case Unknown(reason):
            items = []
            rest = reason
        case _:
            raise EvaluationError(f"a for expression can't go through a {kind(collection)}")
    if node.result_key is None:
        return mark(_for_tuple(node, items, rest, scope, names), marked)
    return mark(_for_object(node, items, rest, collection, scope, names, marked), marked)


def _inner(node: tree.For | tree.TemplateFor, names: Locals, key: Value, value: Value) -> Locals:
    inner = dict(names)
    if node.key:
        inner[node.key] = key
    inner[node.value] = value
    return inner


def _for_tuple(node: tree.For, items: list[tuple[Value, Value]], rest: str, scope: Scope, names: Locals) -> Value:
    if rest:
        return Unknown(rest)
    results: list[Value] = []
    for key, value in items:
        scope.spend(1)
        inner = _inner(node, names, key, value)
        if node.condition is not None:
            wanted, marked = unmark(evaluate(node.condition, scope, inner))
            if isinstance(wanted, Unknown) or marked:
                return Unknown(reason_of([wanted]) or "a condition is sensitive")
            if not _truth(wanted):
                continue
        results.append(evaluate(node.result, scope, inner))
    return tuple(results)


def _for_object(
    node: tree.For,
    items: list[tuple[Value, Value]],
    rest: str,
    collection: Value,
    scope: Scope,
    names: Locals,
    secret: bool,
) -> Value:
    assert node.result_key is not None  # noqa: S101 - what makes it an object
    building = _Building()
    building.open = rest
    grouped: dict[str, tuple[Value, ...]] = {}
    for key, value in items:
        scope.spend(1)
        inner = _inner(node, names, key, value)
        doubtful = ""
        if node.condition is not None:
            wanted, _ = unmark(evaluate(node.condition, scope, inner))
            if isinstance(wanted, Unknown):
                doubtful = wanted.reason
            elif not _truth(wanted):
                continue
        name = evaluate(node.result_key, scope, inner)
        found = evaluate(node.result, scope, inner)
        plain, marked = unmark(name)
        if node.grouping:
            if isinstance(plain, Unknown) or doubtful or rest:
                return PartialMap({}, {}, doubtful or rest or reason_of([plain]))
            text = str(text_of(plain))
            grouped[text] = (*grouped.get(text, ()), found)
        elif doubtful:
            if isinstance(plain, Unknown):
                building.open = building.open or plain.reason
            else:
                building.maybe[str(text_of(plain))] = doubtful
        elif isinstance(plain, Unknown):
            prefix = _known_prefix(node.result_key, scope, inner)
            if prefix:
                building.maybe[f"{prefix}*"] = plain.reason
            else:
                building.open = building.open or plain.reason
        else:
            text = str(text_of(plain))
            if text in building.entries:
                shown = "one sensitive key" if marked or building.marked or secret else f"the key {text!r}"
                raise EvaluationError(f"two results of a for expression have {shown}")
            building.entries[text] = found
        building.marked = building.marked or marked
    if node.grouping:
        return PartialMap({}, {}, rest) if rest else dict(sorted(grouped.items()))
    if rest and isinstance(collection, PartialMap) and not collection.open and _keeps_keys(node):
        building.open = ""
        building.maybe |= {key: why for key, why in collection.maybe.items() if key not in building.entries}
    return building.result()


def _keeps_keys(node: tree.For) -> bool:
    return isinstance(node.result_key, tree.Name) and node.result_key.name == node.key


class _Text:
    """A text in the making."""

    __slots__ = ("length", "marked", "pieces", "unknown")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0
        self.marked = False
        self.unknown: Unknown | None = None

    def add(self, text: str | Unknown) -> None:
        if isinstance(text, Unknown):
            self.unknown = self.unknown or Unknown(text.reason)
        elif self.length <= LONGEST_TEXT:
            self.pieces.append(text)
            self.length += len(text)

    def result(self) -> Value:
        if self.unknown is None and self.length > LONGEST_TEXT:
            self.unknown = Unknown("the text is too long to be computed here")
        return mark(self.unknown or "".join(self.pieces), self.marked)


def _template(node: tree.Template, scope: Scope, names: Locals) -> Value:
    text = _Text()
    _render(node.parts, text, scope, names)
    return text.result()


def _render(parts: Sequence[tree.TemplatePart], text: _Text, scope: Scope, names: Locals) -> None:
    for part in parts:
        if isinstance(part, str):
            text.add(part)
        elif isinstance(part, tree.TemplateIf):
            wanted, secret = unmark(evaluate(part.condition, scope, names))
            text.marked = text.marked or secret
            if isinstance(wanted, Unknown):
                text.add(wanted)
            else:
                _render(part.then if _truth(wanted) else part.otherwise, text, scope, names)
        elif isinstance(part, tree.TemplateFor):
            collection, secret = unmark(evaluate(part.collection, scope, names))
            text.marked = text.marked or secret
            items = _items(collection)
            if isinstance(items, Unknown):
                text.add(items)
                continue
            for key, value in items:
                scope.spend(1)
                _render(part.body, text, scope, _inner(part, names, key, value))
        else:
            value, secret = unmark_deep(evaluate(part, scope, names))
            text.marked = text.marked or secret
            text.add(text_of(value))


def _items(collection: Value) -> list[tuple[Value, Value]] | Unknown:
    match collection:
        case dict():
            return [*sorted(collection.items())]
        case tuple():
            return [*enumerate(collection)]
        case Set(members):
            return [(member, member) for member in members]
        case Unknown() | PartialMap():
            return Unknown(reason_of([collection]))
    raise EvaluationError(f"a for directive can't go through a {kind(collection)}")


def _parentheses(node: tree.Parentheses, scope: Scope, names: Locals) -> Value | Reference:
    return resolve(node.inner, scope, names)


def _opaque(node: tree.Opaque, _scope: Scope, _names: Locals) -> Value:
    return Unknown(node.reason)


_BY_TYPE: dict[type, Callable[[Any, Scope, Locals], Value | Reference]] = {
    tree.Literal: _literal,
    tree.Template: _template,
    tree.Name: _name,
    tree.GetAttr: _get_attribute,
    tree.Index: _index,
    tree.Splat: _splat,
    tree.Call: _call,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Conditional: _conditional,
    tree.Tuple: _tuple,
    tree.Object: _object,
    tree.For: _for,
    tree.Parentheses: _parentheses,
    tree.Opaque: _opaque,
}


def attribute(of: Value, name: str) -> Value:
    """``of.name``"""
    match of:
        case dict():
            if name in of:
                return of[name]
            raise EvaluationError(f"there is no attribute {name!r}")
        case PartialMap(entries):
            if name in entries:
                return entries[name]
            why = doubt(of, name)
            if why:
                return Unknown(why)
            raise EvaluationError(f"there is no attribute {name!r}")
        case Unknown(reason):
            return Unknown(reason)
        case Marked(inner):
            return mark(attribute(inner, name))
    raise EvaluationError(f"a {kind(of)} has no attribute {name!r}")


def index(of: Value, key: Value) -> Value:
    """``of[key]``"""
    key, secret = unmark(key)
    of, marked = unmark(of)
    if marked or secret:
        try:
            return mark(index(of, key))
        except EvaluationError as error:
            raise EvaluationError("there is no such index, and it is sensitive") from error
    if isinstance(of, Unknown) or isinstance(key, Unknown):
        return Unknown(reason_of((of, key)))
    if isinstance(of, dict | PartialMap):
        if isinstance(key, bool | int | Decimal):
            key = str(key).lower() if isinstance(key, bool) else str(key)
        if not isinstance(key, str):
            raise EvaluationError(f"a map has no index of type {kind(key)}")
        return attribute(of, key)
    if isinstance(of, tuple):
        number = _number(key)
        if number != int(number) or not 0 <= number < len(of):
            raise EvaluationError(f"the list of {len(of)} has no index {key}")
        return of[int(number)]
    raise EvaluationError(f"a {kind(of)} has no indexes")


def elements(of: Value) -> Sequence[Value] | Unknown | None:
    """What a splat goes through: the elements of a list or a set; None where it is neither."""
    match of:
        case tuple():
            return of
        case Set(items):
            return items
        case Unknown():
            return Unknown(of.reason)
    return None


def equality(left: Value, right: Value) -> bool | Unknown:
    """Whether two values are the same in Terraform, where what is known of them says so."""
    left, _ = unmark_deep(left)
    right, _ = unmark_deep(right)
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return Unknown(reason_of((left, right)))
    if left is None or right is None:
        return left is right
    if not is_known(left) or not is_known(right):
        return Unknown(reason_of((left, right)))
    same = equal(left, right)
    if same and isinstance(left, tuple | dict | Set):
        # A list never equals a tuple, nor a map an object, whatever is in them: `var.list == []` is false.
        return Unknown("whether two collections are the same also hangs on their types")
    return same


def text_of(value: Value) -> str | Unknown:
    """A value as a text, as a template renders it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(10**15) < value < 10**15:
        return str(value)
    if value is None:
        raise EvaluationError("a text can't contain null")
    if isinstance(value, Unknown):
        return value
    text = to_text(value)
    if isinstance(text, str | Unknown):
        return text
    raise EvaluationError(f"a {kind(value)} is no text")


def truth(value: Value) -> bool | Unknown:
    """A value as a condition."""
    plain, _ = unmark(value)
    return plain if isinstance(plain, Unknown) else _truth(plain)


def _truth(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if value == "true":
        return True
    if value == "false":
        return False
    raise EvaluationError(f"a condition must be true or false, not {'null' if value is None else f'a {kind(value)}'}")


def _number(value: Value) -> numbers.Number:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    found = numbers.parse(value) if isinstance(value, str) else None
    if found is None:
        raise EvaluationError(f"a number is needed, not a {kind(value)}")
    return found
