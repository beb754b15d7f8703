"""Functions of points in time that are given, never of the present."""

import re
from datetime import datetime, timedelta, timezone
from fractions import Fraction

from costguard.iac.hcl.functions.signature import Function, Undecided, function
from costguard.iac.hcl.functions.strings import composed
from costguard.iac.hcl.types import STRING
from costguard.iac.hcl.values import EvaluationError, Value

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|([+-])(\d\d):(\d\d))", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def parsed(text: str) -> tuple[datetime, int]:
    """The point in time to the second, and its nanoseconds."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise EvaluationError(f'"{text}" is no time in the form of RFC 3339')
    year, month, day, hour, minute, second = (int(match[number]) for number in range(1, 7))
    offset = 0
    if match[9]:
        if int(match[10]) > 23 or int(match[11]) > 59:
            raise EvaluationError(f'"{text}" has a wrong offset')
        offset = (int(match[10]) * 60 + int(match[11])) * (-1 if match[9] == "-" else 1)
    if not year:
        raise Undecided("the year 0")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone(timedelta(minutes=offset)))
    except ValueError as error:
        raise EvaluationError(f'"{text}" is no time: {error}') from error
    return moment, int((match[7] or ".0")[1:10].ljust(9, "0"))


def _offset(moment: datetime) -> int:
    return int((moment.utcoffset() or timedelta()).total_seconds() // 60)


def written(moment: datetime) -> str:
    """The point in time in the form of RFC 3339, without fractions of a second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + _zone(moment, ":", "Z")


def _zone(moment: datetime, colon: str, utc: str) -> str:
    minutes = _offset(moment)
    if not minutes and utc:
        return utc
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{colon}{abs(minutes) % 60:02d}"


def _duration(text: str) -> int:
    """Nanoseconds."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    at = 0
    total = Fraction(0)
    while at < len(rest) or not at:
        match = _DURATION.match(rest, at)
        if match is None or len(match[1]) > 100:
            raise EvaluationError(f'"{text}" is no duration')
        number = match[1]
        total += int(Fraction(f"0{number}" if number[0] == "." else number.rstrip(".")) * _UNITS[match[2]])
        at = match.end()
    if total >= 1 << 63:
        raise EvaluationError(f'"{text}" is too long a duration')
    return -int(total) if text[0] == "-" else int(total)


def _timeadd(time: str, duration: str) -> Value:
    moment, nanoseconds = parsed(time)
    seconds = (nanoseconds + _duration(duration)) // 10**9
    try:
        return written(moment + timedelta(seconds=seconds))
    except OverflowError:
        raise Undecided("a year before 1 or after 9999") from None


def _timecmp(left: str, right: str) -> Value:
    (one, one_rest), (other, other_rest) = parsed(left), parsed(right)
    if one != other:
        return -1 if one < other else 1
    return (one_rest > other_rest) - (one_rest < other_rest)


def _formatdate(pattern: str, time: str) -> Value:
    moment, _ = parsed(time)
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "'":
            text, at = _literal(pattern, at)
            pieces.append(text)
        elif character.isascii() and character.isalpha():
            end = at
            while pattern[end : end + 1] == character:
                end += 1
            pieces.append(_verb(character, end - at, moment))
            at = end
        else:
            pieces.append(character)
            at += 1
    return composed("".join(pieces))


def _literal(pattern: str, at: int) -> tuple[str, int]:
    """The text of the quoted part that starts here, and where it ends."""
    if pattern.startswith("''", at):
        return "'", at + 2
    end = at + 1
    while True:
        end = pattern.find("'", end)
        if end < 0:
            raise EvaluationError("a ' without its second in the format")
        if not pattern.startswith("''", end):
            return pattern[at + 1 : end].replace("''", "'"), end + 1
        end += 2


def _verb(verb: str, length: int, moment: datetime) -> str:
    half = moment.hour % 12 or 12
    forms = {
        "Y": {2: f"{moment.year % 100:02d}", 4: f"{moment.year:04d}"},
        "M": {
            1: str(moment.month),
            2: f"{moment.month:02d}",
            3: _MONTHS[moment.month - 1][:3],
            4: _MONTHS[moment.month - 1],
        },
        "D": {1: str(moment.day), 2: f"{moment.day:02d}"},
        "E": {3: _DAYS[moment.weekday()][:3], 4: _DAYS[moment.weekday()]},
        "h": {1: str(moment.hour), 2: f"{moment.hour:02d}"},
        "H": {1: str(half), 2: f"{half:02d}"},
        "A": {2: "AM" if moment.hour < 12 else "PM"},
        "a": {2: "am" if moment.hour < 12 else "pm"},
        "m": {1: str(moment.minute), 2: f"{moment.minute:02d}"},
        "s": {1: str(moment.second), 2: f"{moment.second:02d}"},
        "Z": {
            1: _zone(moment, ":", "Z"),
            3: _zone(moment, "", "UTC"),
            4: _zone(moment, "", ""),
            5: _zone(moment, ":", ""),
        },
    }
    text = forms.get(verb, {}).get(length)
    if text is None:
        raise EvaluationError(f"there is no {verb * min(length, 10)} in the format of a date")
    return text


FUNCTIONS: dict[str, Function] = {
    "formatdate": function(_formatdate, STRING, STRING),
    "timeadd": function(_timeadd, STRING, STRING),
    "timecmp": function(_timecmp, STRING, STRING),
}
