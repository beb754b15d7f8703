"""Functions that encode and decode: JSON, base64, URLs, CSV, and hashes of texts."""

import json
import re
from collections.abc import Callable
from decimal import Decimal

from costguard.iac.hcl.functions.signature import LONGEST_TEXT, Function, Parameter, Undecided, function
from costguard.iac.hcl.functions.strings import composed
from costguard.iac.hcl.numbers import normal, text
from costguard.iac.hcl.types import ANY, STRING
from costguard.iac.hcl.values import EvaluationError, PartialMap, Set, Unknown, Value

_DEEPEST = 200
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def json_text(value: Value) -> str:
    """The value as JSON, as Terraform writes it. It must be known; raises Undecided where it isn't, or is too large."""
    pieces: list[str] = []
    _write(value, pieces, 0)
    written = "".join(pieces)
    if len(written) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    return written


def _json_string(value: str) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return written.translate(_HTML)


def _write(value: Value, pieces: list[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise Undecided("a value that is nested too deeply")
    match value:
        case None:
            pieces.append("null")
        case bool():
            pieces.append("true" if value else "false")
        case int() | Decimal():
            pieces.append(text(value))
        case str():
            pieces.append(_json_string(value))
        case tuple() | Set():
            items = value.items if isinstance(value, Set) else value
            pieces.append("[")
            for position, item in enumerate(items):
                if position:
                    pieces.append(",")
                _write(item, pieces, depth + 1)
            pieces.append("]")
        case dict():
            pieces.append("{")
            for position, key in enumerate(sorted(value)):
                if position:
                    pieces.append(",")
                pieces.append(_json_string(key) + ":")
                _write(value[key], pieces, depth + 1)
            pieces.append("}")
        case Unknown(reason):
            raise Undecided(reason)
        case PartialMap(_, maybe, open_):
            raise Undecided(open_ or next(iter(maybe.values()), ""))
        case _:
            _write(value.value, pieces, depth + 1)


def _jsondecode(written: str) -> Value:
    if len(written) > 10 * LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    try:
        found = json.loads(
            written, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant, object_pairs_hook=dict
        )
    except RecursionError:
        raise Undecided("a value that is nested too deeply") from None
    except ValueError as error:
        raise EvaluationError(f"this is no JSON: {error}") from error
    except ArithmeticError:
        raise Undecided("a number too large to work with") from None
    return _decoded(found, 0)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _decoded(found: object, depth: int) -> Value:
    if depth > _DEEPEST:
        raise Undecided("a value that is nested too deeply")
    match found:
        case Decimal():
            return normal(found)
        case str():
            return composed(found.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        case list():
            return tuple(_decoded(item, depth + 1) for item in found)
        case dict():
            return {composed(key): _decoded(found[key], depth + 1) for key in sorted(found)}
        case None | bool():
            return found
        case _:
            raise Undecided("a value of JSON that isn't expected")


def _base64decode(encoded: str) -> Value:
    try:
        return composed(from_base64(encoded).decode())
    except UnicodeDecodeError as error:
        raise EvaluationError("the decoded text is no UTF-8") from error


def from_base64(encoded: str) -> bytes:
    """The bytes that the text encodes."""
    import base64

    # Line ends are skipped, as Go skips them.
    try:
        plain = encoded.replace("\r", "").replace("\n", "").encode("ascii")
        return base64.b64decode(plain, validate=True)
    except ValueError as error:
        raise EvaluationError("this is no base64") from error


def to_base64(data: bytes) -> str:
    """The bytes in base64."""
    import base64

    return base64.b64encode(data).decode()


def hasher(name: str, base64: bool = False) -> Callable[[bytes], str]:
    """A function from bytes to their hash, in hexadecimal or base64."""

    def hashed(data: bytes) -> str:
        import hashlib

        digest = hashlib.new(name, data, usedforsecurity=False)
        return to_base64(digest.digest()) if base64 else digest.hexdigest()

    return hashed


def _hash_of_text(name: str, base64: bool = False) -> Function:
    hashed = hasher(name, base64)
    return function(lambda value: hashed(value.encode()), STRING)


def _uuidv5(namespace: str, name: str) -> Value:
    import uuid

    spaces = {
        "dns": uuid.NAMESPACE_DNS,
        "url": uuid.NAMESPACE_URL,
        "oid": uuid.NAMESPACE_OID,
        "x500": uuid.NAMESPACE_X500,
    }
    space = spaces.get(namespace)
    if space is None:
        if len(namespace) in (32, 38, 45):
            raise Undecided("a UUID in an unusual form")
        if not _UUID.fullmatch(namespace):
            raise EvaluationError(f'"{namespace}" is no UUID')
        space = uuid.UUID(namespace)
    return str(uuid.uuid5(space, name))


def _urlencode(value: str) -> Value:
    from urllib.parse import quote_plus

    return quote_plus(value)


def _urldecode(value: str) -> Value:
    from urllib.parse import unquote_to_bytes

    if re.search(r"%(?![0-9A-Fa-f]{2})", value):
        raise EvaluationError("a % is not followed by two hexadecimal digits")
    try:
        return composed(unquote_to_bytes(value.replace("+", " ")).decode())
    except UnicodeDecodeError:
        raise Undecided("a text that is no UTF-8") from None


FUNCTIONS: dict[str, Function] = {
    "base64decode": function(_base64decode, STRING),
    "base64encode": function(lambda value: to_base64(value.encode()), STRING),
    "base64sha256": _hash_of_text("sha256", base64=True),
    "base64sha512": _hash_of_text("sha512", base64=True),
    "jsondecode": function(_jsondecode, STRING),
    "jsonencode": function(json_text, Parameter(ANY, null=True)),
    "md5": _hash_of_text("md5"),
    "sha1": _hash_of_text("sha1"),
    "sha256": _hash_of_text("sha256"),
    "sha512": _hash_of_text("sha512"),
    "urldecode": function(_urldecode, STRING),
    "urlencode": function(_urlencode, STRING),
    "uuidv5": function(_uuidv5, STRING, STRING),
}
