"""Terraform's numbers: binary floats of 512 bits, written as the shortest decimal that reads back as the same float.

Here such a number is an ``int`` where it is whole and otherwise the :class:`~decimal.Decimal` of that shortest text, so
that ``0.1`` stays ``0.1``. Arithmetic is done on the binary floats behind the decimals: ``1.1 * 1.1`` has 155 digits in
Terraform, and here too.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from fractions import Fraction
from typing import Literal, TypeAlias

from costguard.iac.hcl.values import EvaluationError

Number: TypeAlias = int | Decimal
Operator = Literal["+", "-", "*", "/", "%"]

_BITS = 512
_EXACT = 153
"""Every decimal of so many digits is the shortest text of its float."""
_LARGEST = 4000
"""The decimal exponent beyond which a number isn't worked with here: its text alone would be a burden."""
_LARGEST_BITS = 13_300
_CONVERSION = Context(prec=100_000, rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6), traps=[Inexact])


class TooLarge(Exception):  # noqa: N818 - not a mistake of anybody
    """A number beyond what is worked with here, which Terraform can hold."""


def arithmetic(operator: Operator, left: Number, right: Number) -> Number:
    """The result as Terraform has it. Raises :class:`TooLarge`, and EvaluationError for a division by zero."""
    if (operator == "*" and not (left and right)) or (operator == "/" and not left and right):
        return Decimal("-0") if _negative(left) != _negative(right) else 0
    if operator in ("+", "-") and not left and not right:
        return Decimal("-0") if _negative(left) and _negative(right) == (operator == "+") else 0
    if isinstance(left, int) and isinstance(right, int):
        whole = _whole(operator, left, right)
        if whole is not None:
            return whole
    a, b = _binary(left), _binary(right)
    match operator:
        case "+":
            return _shortest(a + b)
        case "-":
            return _shortest(a - b)
        case "*":
            return _shortest(a * b)
        case "/":
            if not b:
                raise EvaluationError("division by zero")
            return _shortest(a / b)
        case "%":
            if not b or (not a and b > 0):
                return left
            quotient = _rounded(a / b)
            return _shortest(a - _rounded(b * int(quotient)))


def negate(number: Number) -> Number:
    """``-number``; the negative zero is a number of its own in Terraform."""
    if isinstance(number, Decimal):
        return number.copy_negate() if number else 0
    return -number if number else Decimal("-0")


def parse(text: str) -> Number | None:
    """The number that the text writes, as Terraform converts a string; ``None`` where it is no number."""
    if not text or not text.isascii() or "_" in text or text.strip() != text:
        return None
    if len(text) > 2 * _LARGEST:
        raise TooLarge("a number too large to work with")
    mantissa, mark, power = text.partition("p" if "p" in text else "P")
    try:
        number = Decimal(mantissa)
        exponent = int(power) if mark else 0
    except (ArithmeticError, ValueError):
        return None
    if mark and ("e" in mantissa.lower() or not mantissa.strip("+-")):
        return None
    if not number.is_finite():
        return None
    if abs(exponent) > _LARGEST * 3:
        raise TooLarge("a number too large to work with")
    if exponent:
        _within(number)
        return _shortest(Fraction(number) * Fraction(2) ** exponent)
    return normal(number)


def normal(number: Number | Decimal) -> Number:
    """The number in its one form here: an ``int`` where it is whole, else the shortest decimal of its float."""
    if isinstance(number, int):
        return number if number.bit_length() <= _BITS else _shortest(_binary(number))
    if not number:
        return number if number.is_signed() else 0
    _within(number)
    if len(number.as_tuple().digits) > _EXACT:
        return _shortest(Fraction(number))
    if number == number.to_integral_value(context=_CONVERSION):
        return normal(int(number))
    return number.normalize(_CONVERSION)


def text(number: Number) -> str:
    """How Terraform writes the number in a string. Raises :class:`TooLarge`."""
    if isinstance(number, int):
        if number.bit_length() > _LARGEST_BITS:
            raise TooLarge("a number too large to work with")
        return str(number)
    if not number:
        return "-0" if number.is_signed() else "0"
    _within(number)
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def from_float(value: float) -> Number:
    """The number for the result of a calculation in 64 bits, written with as many digits as those bits hold."""
    return normal(Decimal(repr(value)))


def exactly(number: Number) -> Fraction:
    """The value of the binary float."""
    return _binary(number)


def rounded(value: Fraction) -> Number:
    """The number that is nearest to the value."""
    return _shortest(value)


def _negative(number: Number) -> bool:
    """Whether the number has a minus, which a zero may have too."""
    return number.is_signed() if isinstance(number, Decimal) else number < 0


def _whole(operator: Operator, left: int, right: int) -> int | None:
    """The result where it is whole and exact, else ``None``."""
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/":
            if not right:
                raise EvaluationError("division by zero")
            result, rest = divmod(left, right)
            if rest:
                return None
        case "%":
            if not right:
                return left
            result = abs(left) % abs(right)
            result = -result if left < 0 else result
    return result if result.bit_length() <= _BITS else None


def _within(number: Decimal) -> None:
    if abs(number.adjusted()) > _LARGEST or len(number.as_tuple().digits) > 2 * _LARGEST:
        raise TooLarge("a number too large to work with")


def _binary(number: Number) -> Fraction:
    if isinstance(number, Decimal):
        _within(number)
    elif number.bit_length() > _LARGEST_BITS:
        raise TooLarge("a number too large to work with")
    return _rounded(Fraction(number))


def _split(value: Fraction) -> tuple[int, int]:
    """The mantissa of 512 bits and the exponent of the float that is nearest to a value above zero."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length() - _BITS
    while True:
        scaled = value / Fraction(2) ** exponent
        mantissa = round(scaled)
        if mantissa.bit_length() <= _BITS:
            if mantissa.bit_length() == _BITS:
                return mantissa, exponent
            exponent -= 1
        else:
            exponent += 1


def _rounded(value: Fraction) -> Fraction:
    if not value or (value.denominator == 1 and abs(value.numerator).bit_length() <= _BITS):
        return value
    mantissa, exponent = _split(abs(value))
    magnitude = mantissa * Fraction(2) ** exponent
    return magnitude if value > 0 else -magnitude


def _shortest(value: Fraction) -> Number:
    """The float nearest to the value, as the shortest decimal that reads back as it."""
    if not value:
        return 0
    if value.denominator == 1 and abs(value.numerator).bit_length() <= _BITS:
        return int(value)
    mantissa, exponent = _split(abs(value))
    # The digits of twice the mantissa, and of the middles to both neighbours, on one scale that makes them whole.
    scale, power = (5 ** (1 - exponent), exponent - 1) if exponent <= 0 else (1 << (exponent - 1), 0)
    exact, lower, upper = (m * scale for m in (2 * mantissa, 2 * mantissa - 1, 2 * mantissa + 1))
    inclusive = mantissa % 2 == 0
    digits = _length(upper)
    if digits > _LARGEST * 3:
        raise TooLarge("a number too large to work with")
    for dropped in range(digits - 1, -1, -1):
        unit = 10**dropped
        down = exact // unit * unit
        up = down + unit
        down_fits = down >= lower if inclusive else down > lower
        up_fits = up <= upper if inclusive else up < upper
        if down_fits or up_fits:
            if down_fits and (
                not up_fits or exact - down < up - exact or ((exact - down) * 2 == unit and down // unit % 2 == 0)
            ):
                chosen = down
            else:
                chosen = up
            break
    number = Decimal(chosen).scaleb(power, _CONVERSION).normalize(_CONVERSION)
    number = number.copy_negate() if value < 0 else number
    return int(number) if number == number.to_integral_value(context=_CONVERSION) else number


def _length(number: int) -> int:
    """How many decimal digits the number has."""
    return Decimal(number).adjusted() + 1
