"""``format`` and ``formatlist``, and how Go writes numbers and quotes texts."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from costguard.iac.hcl.functions.signature import LONGEST_TEXT, MOST_ELEMENTS, Function, Parameter, Undecided, function
from costguard.iac.hcl.functions.strings import characters, clusters, composed
from costguard.iac.hcl.numbers import Number, exactly
from costguard.iac.hcl.types import ANY, STRING, to_bool, to_number, to_text
from costguard.iac.hcl.values import EvaluationError, Set, Unknown, Value, is_known, reason_of

_VERB = re.compile(
    r"%(?:(?P<percent>%)|(?P<flags>[0#\-+ ]*)(?P<width>[1-9][0-9]*)?(?:\.(?P<precision>[0-9]*))?"
    r"(?:\[(?P<index>[1-9][0-9]*)\])?(?P<verb>[a-zA-Z]))"
)
_WIDEST = 10_000
_EXACT = Context(prec=20_000, rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6))


class _Verb(msgspec.Struct, frozen=True):
    """One ``%`` sequence; ``width`` and ``precision`` are None where they aren't given."""

    verb: str
    flags: str
    width: int | None
    precision: int | None

    def has(self, flag: str) -> bool:
        return flag in self.flags


def _format(pattern: str, *arguments: Value) -> Value:
    return _formatted(pattern, arguments)


def _formatted(pattern: str, arguments: tuple[Value, ...]) -> str:
    pieces: list[str] = []
    at = 0
    following = 1
    highest = 0
    while True:
        percent = pattern.find("%", at)
        if percent < 0:
            pieces.append(pattern[at:])
            break
        pieces.append(pattern[at:percent])
        match = _VERB.match(pattern, percent)
        if match is None:
            raise EvaluationError(f"the text after the % at {percent} is no format")
        at = match.end()
        if match["percent"]:
            pieces.append("%")
            continue
        number = _count(match["index"]) if match["index"] else following
        if number > len(arguments):
            raise EvaluationError(f"{match[0]} needs argument {number}, and there are {len(arguments)}")
        following = number + 1
        highest = max(highest, number)
        verb = _Verb(
            match["verb"],
            match["flags"],
            _count(match["width"]) if match["width"] else None,
            _count(match["precision"]) if match["precision"] is not None else None,
        )
        pieces.append(_one(verb, arguments[number - 1]))
        if sum(map(len, pieces[-3:])) > LONGEST_TEXT:
            raise Undecided("a text too long to work with")
    if highest < len(arguments):
        raise EvaluationError(f"there are {len(arguments)} arguments, and only {highest} are used")
    return composed("".join(pieces))


def _count(digits: str) -> int:
    if len(digits) > 5 or int(digits or 0) > _WIDEST:
        raise Undecided("a text too long to work with")
    return int(digits or 0)


def _one(verb: _Verb, value: Value) -> str:
    if value is None:
        # Whether Terraform writes "null", stops, or never knows turns on the type of the null.
        raise Undecided("null in a format")
    match verb.verb:
        case "v":
            return _padded(verb, _plain(verb, value))
        case "t":
            return "true" if _primitive(to_bool(value)) else "false"
        case "s" | "q":
            text = _primitive(to_text(value))
            assert isinstance(text, str)  # noqa: S101 - what to_text gives
            if verb.precision:
                text = "".join(clusters(text)[: verb.precision])
            return _padded(verb, text if verb.verb == "s" else _json(text))
        case "d" | "b" | "o" | "x" | "X":
            number = _primitive(to_number(value))
            if isinstance(number, Decimal) and not number:
                number = 0
            if not isinstance(number, int):
                raise EvaluationError(f"%{verb.verb} needs a whole number")
            return _integer(verb, number)
        case "e" | "E" | "f" | "g" | "G":
            number = _primitive(to_number(value))
            assert isinstance(number, int | Decimal)  # noqa: S101 - what to_number gives
            return _float(verb, number)
        case _:
            raise EvaluationError(f"there is no format %{verb.verb}")


def _primitive(value: Value) -> Value:
    if isinstance(value, Unknown):
        raise Undecided(value.reason)
    return value


def _plain(verb: _Verb, value: Value) -> str:
    """``%v``, and ``%#v`` that writes JSON."""
    if not verb.has("#"):
        if isinstance(value, str):
            return value
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return general(value, None)
    return _json(value)


def _json(value: Value) -> str:
    from costguard.iac.hcl.functions.encoding import json_text

    return json_text(value)


def _padded(verb: _Verb, text: str) -> str:
    missing = (verb.width or 0) - characters(text) if verb.width is not None else 0
    if missing <= 0:
        return text
    padding = ("0" if verb.has("0") else " ") * missing
    return text + padding if verb.has("-") else padding + text


def _sign(verb: _Verb, negative: bool) -> str:
    return "-" if negative else "+" if verb.has("+") else " " if verb.has(" ") else ""


def _integer(verb: _Verb, number: int) -> str:
    if number.bit_length() > 4096:
        raise Undecided("a number too large to work with")
    code = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}[verb.verb]
    digits = format(abs(number), code)
    sign = _sign(verb, number < 0)
    prefix = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(verb.verb, "") if verb.has("#") else ""
    if verb.precision is not None:
        if not number and not verb.precision:
            return ""
        digits = digits.rjust(verb.precision, "0")
    missing = (verb.width or 0) - len(sign) - len(prefix) - len(digits)
    if missing > 0:
        if verb.has("-"):
            return sign + prefix + digits + " " * missing
        if verb.has("0") and verb.precision is None:
            return sign + prefix + "0" * missing + digits
        return " " * missing + sign + prefix + digits
    return sign + prefix + digits


def _float(verb: _Verb, number: Number) -> str:
    negative = str(number)[0] == "-" if not number else number < 0
    magnitude = _magnitude(number)
    match verb.verb:
        case "f":
            text = _fixed(magnitude, 6 if verb.precision is None else verb.precision)
        case "e" | "E":
            text = _scientific(magnitude, 6 if verb.precision is None else verb.precision)
        case _:
            text = general(magnitude, verb.precision)
    if verb.verb in "EG":
        text = text.upper()
    sign = _sign(verb, negative)
    missing = (verb.width or 0) - len(sign) - len(text)
    if missing > 0:
        if verb.has("-") and verb.has("0"):
            raise Undecided("zeros on the right")  # Versions of Go differ.
        if verb.has("-"):
            return sign + text + " " * missing
        if verb.has("0"):
            return sign + "0" * missing + text
        return " " * missing + sign + text
    return sign + text


def _magnitude(number: Number) -> Number:
    """The number without its sign, also that of a zero."""
    return number.copy_abs() if isinstance(number, Decimal) else -number if number < 0 else number


def _exact_decimal(number: Number) -> Decimal:
    """Every digit of the binary float, because it is this that Go rounds."""
    value = exactly(number)
    exponent = value.denominator.bit_length() - 1
    if exponent > 10_000:
        raise Undecided("a number too small to work with")
    return Decimal(value.numerator * 5**exponent).scaleb(-exponent, _EXACT)


def _fixed(number: Number, precision: int) -> str:
    exact = _exact_decimal(number)
    if exact.adjusted() > 5_000:
        raise Undecided("a number too large to work with")
    return f"{exact.quantize(Decimal(1).scaleb(-precision, _EXACT), context=_EXACT):f}"


def _digits(number: Number, count: int | None) -> tuple[str, int]:
    """The significant digits, rounded to ``count`` (None: as many as the number is written with), without zeros at the
    end; and the exponent of the first."""
    if not number:
        return "", 0
    if count is None:
        rounded = Decimal(number)
    else:
        rounded = Context(prec=max(count, 1), rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6)).plus(
            _exact_decimal(number)
        )
    return "".join(map(str, rounded.as_tuple().digits)).rstrip("0"), rounded.adjusted()


def _scientific(number: Number, precision: int) -> str:
    digits, exponent = _digits(number, precision + 1)
    return _with_exponent(digits.ljust(precision + 1, "0"), exponent)


def _with_exponent(digits: str, exponent: int) -> str:
    mantissa = (digits[0] + "." + digits[1:]) if len(digits) > 1 else digits or "0"
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def general(number: Number, precision: int | None) -> str:
    """As ``%g`` writes a number: ``precision`` significant digits, or as many as it needs."""
    if number < 0 or (isinstance(number, Decimal) and number.is_signed()):
        return "-" + general(_magnitude(number), precision)
    if not number:
        return "0"
    digits, exponent = _digits(number, precision if precision is None else precision or 1)
    least = 6 if precision is None else precision or 1
    if precision is not None and least > len(digits) >= exponent + 1:
        least = len(digits)
    if exponent < -4 or exponent >= least:
        return _with_exponent(digits, exponent)
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def quoted(text: str) -> str:
    """As Go's ``%q`` quotes a text."""
    if text.isalnum() and text.isascii():
        return f'"{text}"'
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _formatlist(pattern: Value, *arguments: Value) -> Value:
    if isinstance(pattern, Unknown):
        return Unknown(pattern.reason)
    assert isinstance(pattern, str)  # noqa: S101 - the parameter's type
    length: int | None = None
    columns: list[tuple[Value, ...] | None] = []
    unseen = ""
    for position, argument in enumerate(arguments):
        if isinstance(argument, Unknown):
            unseen = unseen or argument.reason  # It may be a list of any length.
            columns.append(None)
            continue
        column = argument.items if isinstance(argument, Set) else argument if isinstance(argument, tuple) else None
        columns.append(column)
        if column is None:
            continue
        if length is not None and len(column) != length:
            raise EvaluationError(f"argument {position + 2} has {len(column)} elements, another list has {length}")
        length = len(column)
    if unseen:
        return Unknown(unseen)
    count = 1 if length is None else length
    if count > MOST_ELEMENTS:
        raise Undecided("a list too long to work with")
    results: list[Value] = []
    total = 0
    for row in range(count):
        chosen = tuple(
            argument if column is None else column[row] for argument, column in zip(arguments, columns, strict=True)
        )
        if is_known(chosen):
            text = _formatted(pattern, chosen)
            total += len(text)
            if total > LONGEST_TEXT:
                raise Undecided("a list too long to work with")
            results.append(text)
        else:
            results.append(Unknown(reason_of(chosen)))
    return tuple(results)


_ARGUMENT = Parameter(ANY, null=True)

FUNCTIONS: dict[str, Function] = {
    "format": function(_format, STRING, rest=_ARGUMENT),
    "formatlist": function(_formatlist, Parameter(STRING, unknown=True), rest=Parameter(ANY, null=True, unknown=True)),
}
