"""Checks a document against the types of its format, and finds *every* mistake.

Conversion by ``msgspec`` is quick and stops at the first mistake; so it only decides whether there is one, and then the
published JSON Schema, which is generated from the same types, explains them all.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from costguard.document import Document
from costguard.errors import Problem

T = TypeVar("T")


def fits(data: Any, kind: type[T]) -> T | None:
    """``data`` as ``kind``, or None where it isn't one."""
    try:
        return msgspec.convert(data, kind)
    except (msgspec.ValidationError, RecursionError):
        return None


def explain(document: Document, schema: str) -> list[Problem]:
    """All that the published schema holds against the document."""
    return [document.problem(path, message) for path, message in explained(document.data, schema)]


def explained(data: Any, schema: str) -> list[tuple[tuple[str | int, ...], str]]:
    """(path, sentence) for all that the published schema holds against the data."""
    from importlib.resources import files

    import jsonschema

    rules = msgspec.json.decode((files("costguard") / "schemas" / f"{schema}.json").read_bytes())
    # JSON Schema takes 16.0 for a whole number; the types, as YAML, tell it from 16.
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict = jsonschema.validators.extend(  # type: ignore[no-untyped-call] # its stubs say nothing of it.
        jsonschema.Draft202012Validator, type_checker=types
    )
    validator = strict(rules)
    return [sentence for error in validator.iter_errors(data) for sentence in _sentences(error)]


def _sentences(error: Any) -> Iterable[tuple[tuple[str | int, ...], str]]:
    path: tuple[str | int, ...] = tuple(error.absolute_path)
    rule, wanted, found = error.validator, error.validator_value, error.instance
    if rule == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        listed = f"; known are {', '.join(known)}"
        strangers = [key for key in found if key not in known]
        for number, key in enumerate(strangers):
            hint = near(key, known) if number < _MOST_HINTS else ""
            if isinstance(found[key], dict) and found[key].keys() & set(known):
                hint = "; is it indented too far?"
            yield (*path, key), f"is not a key that belongs here{hint or listed}"
    elif rule == "required":
        for key in wanted:
            if key not in found:
                yield path, f"{key} is missing"
    elif rule == "anyOf":
        meant = [inner for number in range(len(wanted)) if (inner := _of_branch(error, number))]
        if len(meant) == 1:
            for inner in meant[0]:
                yield from _sentences(inner)
        else:
            names = [name for branch in wanted for name in _names(branch) if name != "nothing"]
            what = _describe(found, quoted="text" in names)
            yield path, f"takes {' or '.join(dict.fromkeys(names))}, not {what}{_example(path, found)}"
    elif rule == "type":
        hint = ""
        if wanted == "object" and found is None:
            hint = " (write {} where there is nothing to say)"
        elif wanted == "object" and path and path[-1] in error.schema.get("properties", {}):
            hint = "; is it indented too little?"
        elif wanted == "object":
            hint = _example(path, found)
        fraction = wanted == "integer" and isinstance(found, float)
        what = str(found) if fraction else _describe(found, quoted=wanted == "string")
        yield path, f"takes {_TYPES.get(wanted, wanted)}, not {what}{hint}"
    elif rule == "enum":
        allowed = [str(item) for item in wanted]
        yield path, f"takes {' or '.join(allowed)}, not {_describe(found)}{near(str(found), allowed)}"
    elif rule in ("minLength", "minItems", "minProperties"):
        yield path, "is empty"
    elif rule in ("maxLength", "maximum"):
        yield path, f"is more than {wanted}"
    elif rule == "minimum":
        yield path, f"is less than {wanted}"
    elif rule == "exclusiveMinimum":
        yield path, f"is not more than {wanted}"
    elif rule == "exclusiveMaximum":
        yield path, f"is not less than {wanted}"
    elif rule == "pattern":
        about = error.schema.get("description", f"Must match {wanted}.")
        yield path, f"{_describe(found)} can't stand here: {about[0].lower()}{about[1:].rstrip('.')}"
    else:
        yield path, str(error.message)[:300]


_LONGEST_TYPO = 40
_MOST_HINTS = 50
_TYPES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def _names(branch: dict[str, Any]) -> list[str]:
    if "enum" in branch:
        return [str(item) for item in branch["enum"]]
    return [_TYPES.get(branch.get("type", "object"), "a mapping")]


_EXAMPLES = {
    "value": "value: {enum: [production, dev]}",
    "values-from": "values-from: {file: teams.yaml}",
    "keys": "keys: {aws: Owner}",
    "synonyms": "synonyms: {prod: production}",
    "require": "require: {cost-center: {}}",
    "forbid": "forbid: {keys: ['*password*']}",
    "every-tag": "every-tag: {value: {maxLength: 63}}",
    "when": "when: {type: aws_s3_bucket}",
}


def _example(path: tuple[str | int, ...], found: Any) -> str:
    """How it is written where a list or a text was taken to be enough."""
    example = _EXAMPLES.get(str(path[-1])) if path else None
    return f"; for example {example}" if example and isinstance(found, list | str) else ""


def _of_branch(error: Any, number: int) -> list[Any]:
    """What one branch of an ``anyOf`` holds against the value; nothing where the value is of another kind altogether,
    since then that branch was not meant."""
    errors = [inner for inner in error.context if inner.schema_path[0] == number]
    for inner in errors:
        if not inner.path and (
            inner.validator == "type" or (inner.validator == "enum" and not isinstance(inner.instance, str))
        ):
            return []
    return errors


def _describe(value: Any, *, quoted: bool = False) -> str:
    """``quoted``: text is wanted, so what YAML took for something else may only lack its quotes."""
    hint = " (put it in quotes if text is meant)" if quoted else ""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{str(value).lower()}{hint}"
        case int() | float():
            return f"a number{hint}"
        case str():
            return repr(value) if len(value) <= 60 else f"{value[:57]!r}…"
        case list():
            return "a list"
        case _:
            return "a mapping"


def near(word: str, known: list[str]) -> str:
    """A clause that suggests the known word that ``word`` was probably meant to be; empty where none is near."""
    import difflib

    if len(word) > _LONGEST_TYPO:
        return ""

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""
