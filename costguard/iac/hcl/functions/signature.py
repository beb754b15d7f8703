"""How a function of Terraform is declared here, and how it is called.

The rules are those of Terraform's function calls: arguments are converted to the types of the parameters, null is
refused unless the parameter takes it, marks are taken off all arguments and put on the result, and an argument that
isn't known through and through makes the result unknown. A parameter may ask for its argument as it is instead.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any as Anything
from typing import Protocol

import msgspec

from costguard.iac.hcl.numbers import TooLarge
from costguard.iac.hcl.types import ANY, Any, Type, convert
from costguard.iac.hcl.values import EvaluationError, Unknown, Value, mark, reason_of, unmark, unmark_deep

LONGEST_TEXT = 1_000_000
"""No text longer than this is made."""
MOST_ELEMENTS = 100_000
"""No list longer than this is made."""


class Host(Protocol):
    """What functions need of the module that they are called in."""

    @property
    def root(self) -> Path:
        """The folder that relative paths start from, which is the root module's."""
        ...

    def path(self, text: str) -> Path | None:
        """The file that a path in the configuration means; ``None`` where it lies outside the configuration."""
        ...

    def template(self, text: str, variables: Value) -> Value:
        """What a template gives with these variables."""
        ...


class Undecided(Exception):  # noqa: N818 - not a mistake of anybody
    """What Terraform would give isn't decided here; the message is the reason of the unknown."""


class Parameter(msgspec.Struct, frozen=True):
    """``null``: takes null. ``unknown``: deals itself with what isn't known. ``marks``: gets the marks, and deals with
    them itself."""

    type: Type
    null: bool = False
    unknown: bool = False
    marks: bool = False


class Function(msgspec.Struct, frozen=True):
    """A function. ``optional`` counts the parameters at the end that may be left out; ``rest`` takes any number more;
    ``host``: it gets the host before the arguments."""

    implementation: Callable[..., Value]
    parameters: tuple[Parameter, ...]
    rest: Parameter | None = None
    optional: int = 0
    host: bool = False


def function(
    implementation: Callable[..., Value],
    *parameters: Type | Parameter,
    rest: Type | Parameter | None = None,
    optional: int = 0,
    host: bool = False,
) -> Function:
    """Declares a function; a type stands for a plain parameter of that type."""
    return Function(
        implementation,
        tuple(map(_parameter, parameters)),
        None if rest is None else _parameter(rest),
        optional,
        host,
    )


def _parameter(parameter: Type | Parameter) -> Parameter:
    return parameter if isinstance(parameter, Parameter) else Parameter(parameter)


WHOLE = Parameter(ANY, unknown=True, marks=True)
"""An argument of any type as it is, not null."""


def apply(name: str, of: Function, arguments: Sequence[Value], host: Host) -> Value:
    """The result of the call. Raises EvaluationError where Terraform would stop."""
    try:
        return _apply(name, of, arguments, host)
    except (Undecided, TooLarge) as undecided:
        return Unknown(f"{name}(): {undecided}")
    except RecursionError:
        return Unknown(f"{name}(): a value that is nested too deeply")


def _apply(name: str, of: Function, arguments: Sequence[Value], host: Host) -> Value:
    wanted = len(of.parameters)
    given = len(arguments)
    if given < wanted - of.optional or (given > wanted and of.rest is None):
        raise EvaluationError(f"{name}() takes {_arity(of)}, not {given}")
    marked = False
    unknown = ""
    converted: list[Anything] = [host] if of.host else []
    for position, argument in enumerate(arguments):
        parameter = of.parameters[position] if position < wanted else of.rest
        assert parameter is not None  # noqa: S101 - the count was checked above
        value = argument
        if not parameter.marks and type(value) is not str:
            value, secret = unmark_deep(value)
            marked = marked or secret
        if not parameter.null and unmark(value)[0] is None:
            raise EvaluationError(f"argument {position + 1} of {name}() must not be null")
        if not isinstance(parameter.type, Any):
            try:
                value = convert(value, parameter.type)
            except EvaluationError as error:
                raise EvaluationError(f"argument {position + 1} of {name}(): {error}") from error
        if not parameter.unknown and not unknown and type(value) is not str:
            unknown = reason_of((value,))
        converted.append(value)
    if unknown:
        return mark(Unknown(unknown), marked)
    try:
        result = of.implementation(*converted)
    except (Undecided, TooLarge) as undecided:
        result = Unknown(f"{name}(): {undecided}")
    except EvaluationError as error:
        raise EvaluationError(f"{name}(): {error}") from error
    return mark(result, marked)


def _arity(of: Function) -> str:
    wanted = len(of.parameters)
    least = wanted - of.optional
    if of.rest is not None:
        return f"at least {least} arguments" if least != 1 else "at least one argument"
    if of.optional:
        return f"{least} to {wanted} arguments"
    return f"{wanted} arguments" if wanted != 1 else "one argument"
