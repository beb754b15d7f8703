"""What a tag's value must be: a JSON Schema for a text, compiled.

The common shapes (``enum``, ``const``, ``pattern``, lengths) become plain checks; anything else goes to ``jsonschema``,
which is imported only then, because a gate run shouldn't pay 50 ms for what it doesn't use.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from costguard.policy.patterns import LONGEST_VALUE, PatternError, pattern

_PLAIN = frozenset(("type", "enum", "const", "pattern", "minLength", "maxLength"))
_ANNOTATIONS = frozenset(("title", "description", "examples", "default", "$comment", "deprecated"))

Check = Callable[[str], str | None]
"""A value → what is wrong with it (a clause that follows the quoted value: "is not one of a, b"), or None."""


class ValueRule(msgspec.Struct, frozen=True):
    """One compiled constraint. ``allowed`` is the closed list of values where there is one."""

    check: Check
    allowed: tuple[str, ...] | None = None


def mistakes(schema: Mapping[str, Any]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a value schema: (path inside it, sentence) for every mistake."""
    for key in ("enum", "const"):
        listed = schema.get(key)
        items = listed if key == "enum" and isinstance(listed, list) else [listed] if key in schema else []
        for index, item in enumerate(items):
            if not isinstance(item, str):
                path: tuple[str | int, ...] = (key, index) if key == "enum" else (key,)
                yield path, f"{_yaml(item)} is not text, and a tag's value is; put it in quotes"
    if schema.get("type", "string") != "string":
        yield ("type",), f"a tag's value is text: type can only be string, not {_yaml(schema['type'])}"
    if _plainly_valid(schema):
        return
    yield from schema_mistakes(schema)
    known = _PLAIN | _ANNOTATIONS | _keywords()
    for key in schema:
        if key not in known:
            yield (key,), f"{key!r} is not a keyword of JSON Schema, so it would check nothing"


def _plainly_valid(schema: Mapping[str, Any]) -> bool:
    """Whether this is valid beyond doubt, so that the meta-schema (and the import of ``jsonschema``) isn't needed."""
    if not schema.keys() <= _PLAIN | _ANNOTATIONS:
        return False
    listed = schema.get("enum", ["-"])
    if not isinstance(listed, list) or not listed or not all(isinstance(item, str) for item in listed):
        return False
    if not all(type(schema.get(key, 0)) is int and schema.get(key, 0) >= 0 for key in ("minLength", "maxLength")):
        return False
    expression = schema.get("pattern", "")
    if (
        not isinstance(expression, str)
        or not isinstance(schema.get("const", ""), str)
        or schema.get("type", "string") != "string"
    ):
        return False
    if not all(isinstance(schema.get(key, ""), str) for key in ("title", "description", "$comment")):
        return False
    try:
        pattern(expression)
    except PatternError:
        return False
    return not schema.keys() & {"examples", "deprecated"}


def schema_mistakes(schema: Mapping[str, Any]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """Where a schema (for a value or for the map of tags) isn't valid JSON Schema, or has a pattern that no one can read."""
    import jsonschema

    for error in jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA).iter_errors(schema):
        yield tuple(error.absolute_path), f"is not JSON Schema: {error.message}"
    yield from _pattern_mistakes(schema, ())


def _pattern_mistakes(node: Any, path: tuple[str | int, ...]) -> Iterable[tuple[tuple[str | int, ...], str]]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _pattern_mistakes(item, (*path, index))
    elif isinstance(node, Mapping):
        for key, item in node.items():
            texts = (
                [item]
                if key == "pattern"
                else list(item)
                if key == "patternProperties" and isinstance(item, Mapping)
                else []
            )
            for text in texts:
                if isinstance(text, str):
                    try:
                        pattern(text)
                    except PatternError as error:
                        yield (*path, key), f"{text!r} is not a regular expression: {error}"
            if key not in ("enum", "const", "examples", "default"):
                yield from _pattern_mistakes(item, (*path, key))


@lru_cache(maxsize=1)
def _keywords() -> frozenset[str]:
    import jsonschema

    return frozenset(jsonschema.Draft202012Validator.VALIDATORS) | {
        "$defs",
        "$id",
        "$schema",
        "$anchor",
        "then",
        "else",
    }


def compile_value(schema: Mapping[str, Any]) -> ValueRule | None:
    """The constraint that a valid value schema states; None where it states none."""
    used = schema.keys() - _ANNOTATIONS
    if used <= {"type"}:
        return None
    if not used <= _PLAIN:
        return ValueRule(_general(dict(schema)))
    checks: list[Check] = []
    allowed: tuple[str, ...] | None = None
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    if listed is not None:
        both = [v for v in listed if isinstance(v, str) and v in schema.get("enum", listed)]
        allowed = tuple(dict.fromkeys(both))
        checks.append(one_of(allowed))
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if shortest is not None or longest is not None:
        checks.append(_length(shortest or 0, longest))
    if "pattern" in schema:
        checks.append(_matches(schema["pattern"], schema.get("description")))
    return ValueRule(_first(checks), allowed)


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


def schema_errors(schema: Mapping[str, Any], instance: Any) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """(path in the instance, keyword that failed) for all that is wrong; never the instance's own text, which may be
    sensitive."""
    validator = _validator(msgspec.json.encode(schema))
    for error in sorted(
        validator.iter_errors(instance), key=lambda e: (list(map(str, e.absolute_path)), str(e.validator))
    ):
        expected = error.validator_value
        clause = f"{error.validator}: {msgspec.json.encode(expected).decode()}"
        yield tuple(error.absolute_path), clause if len(clause) <= 120 else str(error.validator)


@lru_cache(maxsize=128)
def _validator(encoded: bytes) -> Any:
    import jsonschema

    def ecma_pattern(_validator: Any, expression: str, instance: Any, _schema: Any) -> Iterable[Any]:
        if isinstance(instance, str) and not pattern(expression).search(instance):
            yield jsonschema.ValidationError(f"does not match {expression}")

    extend: Any = jsonschema.validators.extend
    ours = extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})
    return ours(msgspec.json.decode(encoded), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def nearest(value: str, allowed: tuple[str, ...]) -> str | None:
    """The allowed value that ``value`` was probably meant to be: the same but for case and space, or a near spelling."""
    folded = value.strip().casefold()
    for candidate in allowed:
        if candidate.casefold() == folded:
            return candidate
    if len(value) > 256:
        return None
    import difflib

    close = difflib.get_close_matches(folded, allowed, n=1, cutoff=0.75)
    return close[0] if close else None


def _yaml(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}.get(value, repr(value))
        if not isinstance(value, list | dict)
        else "a collection"
    )
