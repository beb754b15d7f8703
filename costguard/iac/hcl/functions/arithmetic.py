"""Functions of numbers."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from costguard.iac.hcl.functions.collections import whole_number
from costguard.iac.hcl.functions.signature import Function, Undecided, function
from costguard.iac.hcl.numbers import Number, negate
from costguard.iac.hcl.types import NUMBER
from costguard.iac.hcl.values import EvaluationError, Value


def _abs(number: Number) -> Value:
    if not number:
        return 0
    return negate(number) if number < 0 else number


def _floor(number: Number) -> Value:
    return int(number.to_integral_value(ROUND_FLOOR)) if isinstance(number, Decimal) and number else number


def _ceil(number: Number) -> Value:
    return int(number.to_integral_value(ROUND_CEILING)) if isinstance(number, Decimal) and number else number


def _min(*numbers: Number) -> Value:
    if not numbers:
        raise EvaluationError("at least one number is required")
    return min(numbers)


def _max(*numbers: Number) -> Value:
    if not numbers:
        raise EvaluationError("at least one number is required")
    return max(numbers)


def _signum(number: Number) -> Value:
    whole = whole_number(number, "the number")
    return (whole > 0) - (whole < 0)


def _log(*_: Number) -> Value:
    # Terraform divides two logarithms of 64 bits, whose last bit isn't the same on every machine.
    raise Undecided("a logarithm")


def _pow(number: Number, power: Number) -> Value:
    # Terraform computes in 64 bits; what is exact in them is the same everywhere.
    if isinstance(number, int) and isinstance(power, int) and 0 <= power <= 53 and abs(number) < 1 << 53:
        result = 1
        for _ in range(power):
            result *= number
        if abs(result) < 1 << 53:
            return result
    raise Undecided("a power that isn't exact in 64 bits")


FUNCTIONS: dict[str, Function] = {
    "abs": function(_abs, NUMBER),
    "ceil": function(_ceil, NUMBER),
    "floor": function(_floor, NUMBER),
    "log": function(_log, NUMBER, NUMBER),
    "max": function(_max, rest=NUMBER),
    "min": function(_min, rest=NUMBER),
    "pow": function(_pow, NUMBER, NUMBER),
    "signum": function(_signum, NUMBER),
}
