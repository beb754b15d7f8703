"""What a tag's value must be: a JSON Schema for a text, compiled.

The common shapes (``enum``, ``const``, ``pattern``, lengths) become plain checks; anything else goes to ``jsonschema``,
which is imported only then, because a gate run shouldn't pay 50 ms for what it doesn't use.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from costguard.policy.patterns import LONGEST_VALUE, PatternError, ecma, pattern
from costguard.policy.validate import near

_PLAIN = frozenset(("type", "enum", "const", "pattern", "minLength", "maxLength", "format"))
_ANNOTATIONS = frozenset(("title", "description", "examples", "default", "$comment", "deprecated"))
_UNSUPPORTED = frozenset(("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"))

_Path = tuple[str | int, ...]
Mistake = tuple[_Path, str]
"""(the path inside the schema, a sentence)"""

Check = Callable[[str], str | None]
"""A value → what is wrong with it (a clause that follows the quoted value: "is not one of a, b"), or None."""


class ValueRule(msgspec.Struct, frozen=True):
    """One compiled constraint. ``allowed`` is the closed list of values where there is one."""

    check: Check
    allowed: tuple[str, ...] | None = None


def mistakes(schema: Mapping[str, Any]) -> Iterable[Mistake]:
    """What is wrong with a value schema: (path inside it, sentence) for every mistake."""
    if not _plainly_valid(schema):
        yield from schema_mistakes(schema, of_text=True)
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", LONGEST_VALUE)
    if type(shortest) is type(longest) is int and shortest > longest:
        yield ("minLength",), f"{shortest} is more than maxLength, {longest}, so no value would be allowed"


def _plainly_valid(schema: Mapping[str, Any]) -> bool:
    """Whether this is valid beyond doubt, so that the meta-schema (and the import of ``jsonschema``) isn't needed."""

    def text(key: str) -> bool:
        return isinstance(schema.get(key, ""), str)

    listed = schema.get("enum", ["-"])
    if not (
        schema.keys() <= _PLAIN | {"title", "description", "$comment"}
        and isinstance(listed, list)
        and listed
        and all(isinstance(item, str) for item in listed)
        and all(type(schema.get(key, 0)) is int and schema.get(key, 0) >= 0 for key in ("minLength", "maxLength"))
        and all(map(text, ("pattern", "const", "title", "description", "$comment")))
        and schema.get("type", "string") == "string"
        and isinstance(schema.get("format", "date"), str)
        and schema.get("format", "date") in FORMATS
    ):
        return False
    try:
        pattern(schema.get("pattern", ""))
    except PatternError:
        return False
    return True


def schema_mistakes(schema: Mapping[str, Any], *, of_text: bool = False) -> Iterable[Mistake]:
    """Where a schema isn't valid JSON Schema, or says what would check nothing or can't be followed here.

    ``of_text``: it is about a tag's value or key; otherwise about the map of tags. Either way no scalar in it can be
    anything but text.
    """
    import jsonschema

    found = False
    for error in jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA).iter_errors(schema):
        found = True
        yield tuple(error.absolute_path), f"is not JSON Schema: {error.message[:200]}"
    known = frozenset(jsonschema.Draft202012Validator.VALIDATORS) | _ANNOTATIONS | {"$defs", "$schema", "then", "else"}
    for path, part in _parts(schema, ()):
        for key, value in part.items():
            for where, why in _keyword_mistakes(key, value, known, schema, of_text):
                yield (*path, *where), why
    if not found and _endless(schema):
        yield (), "$ref leads from one schema to the next without end"


def _keyword_mistakes(
    key: str, value: Any, known: frozenset[str], root: Mapping[str, Any], of_text: bool
) -> Iterable[Mistake]:
    match key, value:
        case _ if key in _UNSUPPORTED:
            yield (key,), f"{key} is not understood here; $ref to a place in the same schema is (#/$defs/…)"
        case _ if key not in known:
            yield (
                (key,),
                f"{key!r} is not a keyword of JSON Schema, so it would check nothing{near(key, sorted(known))}",
            )
        case "enum", list():
            for index, item in enumerate(value):
                if not isinstance(item, str | list | dict) or (of_text and not isinstance(item, str)):
                    yield (key, index), _not_text(item)
        case "const", _ if not isinstance(value, str | list | dict) or (of_text and not isinstance(value, str)):
            yield (key,), _not_text(value)
        case "type", _ if of_text and value != "string":
            yield (key,), f"a tag's value is text: type can only be string, not {_yaml(value)}"
        case "pattern", str():
            yield from (((key,), why) for why in _pattern_mistakes(value))
        case "patternProperties", dict():
            for text in value:
                yield from (((key, text), why) for why in _pattern_mistakes(text))
                if re.search(r"\\[pP]\{", text):
                    yield (key, text), "\\p{…} can't be used here; use propertyNames"
        case "format", str() if value not in FORMATS:
            yield (key,), f"{value!r} is not a format that is checked here ({', '.join(FORMATS)}); use pattern"
        case "$ref", str() if _target(root, value) is None:
            yield (key,), f"{value!r} is nothing in this schema; only #/… can be referred to"


def _pattern_mistakes(text: str) -> Iterable[str]:
    try:
        pattern(text)
    except PatternError as error:
        yield f"{text!r} is not a regular expression: {error}"


def _not_text(item: Any) -> str:
    return f"{_yaml(item)} is not text, and a tag's value is; put it in quotes"


_ONE = ("not", "if", "then", "else", "additionalProperties", "unevaluatedProperties", "propertyNames")
_LIST = ("allOf", "anyOf", "oneOf")
_MAP = ("properties", "patternProperties", "dependentSchemas", "$defs")


def _parts(schema: Any, path: _Path) -> Iterable[tuple[_Path, Mapping[str, Any]]]:
    """The schema and every schema in it, with its path."""
    if isinstance(schema, Mapping):
        yield path, schema
        for where, inner in _inner(schema):
            yield from _parts(inner, (*path, *where))


def _inner(schema: Mapping[str, Any]) -> Iterable[tuple[_Path, Any]]:
    """What stands directly in a schema as schemas of their own."""
    for key, inner in schema.items():
        if key in _ONE:
            yield (key,), inner
        elif key in _LIST and isinstance(inner, list):
            yield from (((key, index), item) for index, item in enumerate(inner))
        elif key in _MAP and isinstance(inner, Mapping):
            yield from (((key, name), item) for name, item in inner.items())


def _target(root: Mapping[str, Any], ref: str) -> Mapping[str, Any] | bool | None:
    """What a ``$ref`` refers to, None where that is no schema of this document."""
    head, *parts = ref.split("/")
    node: Any = root if head == "#" else None
    for part in parts:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            node = node.get(name)
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node if isinstance(node, Mapping | bool) else None


def _endless(root: Mapping[str, Any]) -> bool:
    """Whether a ``$ref`` leads back to where it stands, or from one to the next for long: neither is needed for tags,
    and following it could take for ever."""
    depths: dict[int, float] = {}  # how many references deep each part goes; infinite while it is being followed

    def depth(part: Any) -> float:
        if not isinstance(part, Mapping):
            return 0
        if id(part) not in depths:
            depths[id(part)] = math.inf
            refs = part.get("$ref")
            target = _target(root, refs) if isinstance(refs, str) else None
            depths[id(part)] = max(
                0 if target is None else 1 + depth(target),
                max((depth(inner) for _, inner in _inner(part)), default=0),
            )
        return depths[id(part)]

    try:
        return depth(root) > _DEEPEST_REF
    except RecursionError:
        return True


_DEEPEST_REF = 5


def compile_value(schema: Mapping[str, Any]) -> tuple[ValueRule, ...]:
    """The constraints that a valid value schema states; empty where it states none."""
    used = schema.keys() - _ANNOTATIONS
    if used <= {"type"}:
        return ()
    if used == {"allOf"}:
        return tuple(rule for part in schema["allOf"] if isinstance(part, Mapping) for rule in compile_value(part))
    if not used <= _PLAIN:
        return (ValueRule(_general(dict(schema))),)
    checks: list[Check] = []
    allowed: tuple[str, ...] | None = None
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    if listed is not None:
        allowed = tuple(dict.fromkeys(value for value in listed if value in schema.get("enum", listed)))
        checks.append(one_of(allowed))
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if shortest is not None or longest is not None:
        checks.append(_length(shortest or 0, longest))
    if "pattern" in schema:
        checks.append(_matches(schema["pattern"], schema.get("description")))
    if "format" in schema:
        checks.append(_formatted(schema["format"], schema.get("description")))
    return (ValueRule(_first(checks), allowed),)


def allowed_by(rules: tuple[ValueRule, ...]) -> tuple[str, ...] | None:
    """The closed list of values that satisfy all of the rules; None where none of them closes it."""
    closed = next((rule.allowed for rule in rules if rule.allowed is not None), None)
    if closed is None:
        return None
    return tuple(value for value in closed if not any(rule.check(value) for rule in rules))


def one_of(allowed: Iterable[str]) -> Check:
    """Exactly one of a closed list."""
    values = frozenset(allowed)
    shown = listing(tuple(allowed))

    def check(text: str) -> str | None:
        return None if text in values else f"is not {shown}"

    return check


def listing(values: tuple[str, ...], most: int = 8) -> str:
    """ "production, staging or dev", cut after ``most`` where there are many."""
    if not values:
        return "any value: the list of allowed values is empty"
    if len(values) == 1:
        return values[0]
    if len(values) > most:
        return f"one of {', '.join(values[:most])} and {len(values) - most} more"
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _length(shortest: int, longest: int | None) -> Check:
    def check(text: str) -> str | None:
        if len(text) < shortest:
            return f"is shorter than {shortest} characters"
        if longest is not None and len(text) > longest:
            return f"is longer than {longest} characters"
        return None

    return check


def _matches(expression: str, description: str | None) -> Check:
    compiled = pattern(expression)
    reason = f"is not {description}" if isinstance(description, str) and description else f"does not match {expression}"

    def check(text: str) -> str | None:
        if len(text) > LONGEST_VALUE:
            return f"is longer than {LONGEST_VALUE} characters, which no cloud takes"
        return None if compiled.search(text) else reason

    return check


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_ip(text: str, version: int) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(text).version == version and "%" not in text
    except ValueError:
        return False


FORMATS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "date": ("a date (YYYY-MM-DD)", _is_date),
    "email": ("an e-mail address", lambda text: bool(re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text))),
    "ipv4": ("an IPv4 address", lambda text: _is_ip(text, 4)),
    "ipv6": ("an IPv6 address", lambda text: _is_ip(text, 6)),
    "uuid": ("a UUID", lambda text: bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text))),
}
"""What ``format`` may say, and nothing else: JSON Schema lets a validator ignore a format, and that would be silent."""


def _formatted(name: str, description: str | None) -> Check:
    noun, satisfies = FORMATS[name]
    reason = f"is not {description or noun}"

    def check(text: str) -> str | None:
        return None if satisfies(text) else reason

    return check


def _first(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(text: str) -> str | None:
        for one in checks:
            if problem := one(text):
                return problem
        return None

    return check


def _general(schema: dict[str, Any]) -> Check:
    described = schema.get("description")

    @lru_cache(maxsize=1024)
    def check(text: str) -> str | None:
        if len(text) > LONGEST_VALUE:
            return f"is longer than {LONGEST_VALUE} characters, which no cloud takes"
        error = next(iter(schema_errors(schema, text)), None)
        if error is None:
            return None
        if isinstance(described, str) and described:
            return f"is not {described}"
        return f"does not satisfy the policy's schema ({error[1]})"

    return check


def schema_errors(schema: Mapping[str, Any], instance: Any) -> Iterable[tuple[_Path, str]]:
    """(path in the instance, what failed) for all that is wrong; never the instance's own values, which may be
    sensitive."""
    validator = _validator(msgspec.json.encode(schema))
    for error in sorted(
        validator.iter_errors(instance), key=lambda e: (list(map(str, e.absolute_path)), str(e.validator))
    ):
        expected = error.validator_value
        if error.validator == "required" and isinstance(error.instance, dict):
            missing = [name for name in expected if name not in error.instance]
            clause = f"{', '.join(missing)} is missing" if len(missing) == 1 else f"{', '.join(missing)} are missing"
        else:
            clause = f"{error.validator}: {msgspec.json.encode(expected).decode()}"
        yield tuple(error.absolute_path), clause if len(clause) <= 120 else str(error.validator)


@lru_cache(maxsize=128)
def _validator(encoded: bytes) -> Any:
    import jsonschema
    from referencing import Registry

    def ecma_pattern(_validator: Any, expression: str, instance: Any, _schema: Any) -> Iterable[Any]:
        if isinstance(instance, str) and not pattern(expression).search(instance):
            yield jsonschema.ValidationError(f"does not match {expression}")

    formats = jsonschema.FormatChecker(formats=())
    for name, (_, satisfies) in FORMATS.items():
        formats.checks(name)(lambda text, satisfies=satisfies: not isinstance(text, str) or satisfies(text))
    extend: Any = jsonschema.validators.extend
    ours = extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})
    # The empty registry: a $ref must never reach the network.
    return ours(_with_ecma_keys(msgspec.json.decode(encoded)), format_checker=formats, registry=Registry())


def _with_ecma_keys(schema: Any) -> Any:
    """The schema with the expressions of ``patternProperties`` as Python's: ``jsonschema`` matches those itself."""
    for _, part in _parts(schema, ()):
        properties = part.get("patternProperties")
        if isinstance(part, dict) and isinstance(properties, dict):
            part["patternProperties"] = {f"(?a:{ecma(text)})": inner for text, inner in properties.items()}
    return schema


_MOST_COMPARED = 500


class Allowed:
    """A closed list of values, and which of them a wrong one was probably meant to be."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self.values = values
        self._folded = {value.casefold(): value for value in reversed(values)}  # the first of several stays
        self._near: dict[str, str | None] = {}

    def nearest(self, value: str) -> str | None:
        """The same but for case; of a list that isn't too long for it, else one that is nearly the same."""
        folded = value.strip().casefold()
        if folded in self._folded:
            return self._folded[folded]
        if len(value) > 256 or len(self.values) > _MOST_COMPARED:
            return None
        if folded not in self._near:
            import difflib

            close = difflib.get_close_matches(folded, self.values, n=1, cutoff=0.75)
            self._near[folded] = close[0] if close else None
        return self._near[folded]


def _yaml(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | dict():
            return "a collection"
        case _:
            return str(value)
