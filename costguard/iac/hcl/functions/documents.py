"""Functions that read and write YAML, CSV and texts in other encodings."""

import re
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

from costguard.iac.hcl.functions.dates import written as written_time
from costguard.iac.hcl.functions.encoding import from_base64, to_base64
from costguard.iac.hcl.functions.signature import LONGEST_TEXT, MOST_ELEMENTS, Function, Parameter, Undecided, function
from costguard.iac.hcl.functions.strings import composed
from costguard.iac.hcl.numbers import parse, text
from costguard.iac.hcl.types import ANY, STRING, to_text
from costguard.iac.hcl.values import EvaluationError, Marked, PartialMap, Set, Unknown, Value

_DEEPEST = 200
_WORDS: dict[str, Value] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:"
    r"(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))|"
    r"(?: +([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.[0-9]+)?))?"
)
_LIKE_TIME = re.compile(r"[0-9]{4}-[0-9Tt:Z.+ -]*,[0-9Tt:Z.,+ -]*")
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = ("str", "bool", "int", "float", "null", "timestamp", "binary")
_CHARSETS = {
    "utf-8": "utf-8",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
}


class _Yaml:
    """Reads one document, event by event, as Terraform's YAML library does."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.anchors: dict[str, tuple[Value, int]] = {}
        self.open: list[str] = []
        self.size = 0

    def document(self) -> Value:
        next(self.events)
        self._expect("DocumentStart")
        value = self._value(next(self.events), 0)
        self._expect("DocumentEnd")
        self._expect("StreamEnd")
        return value

    def _expect(self, name: str) -> None:
        event = next(self.events)
        if type(event).__name__ != f"{name}Event":
            raise EvaluationError("the YAML must be one document")

    def _value(self, event: Any, depth: int) -> Value:
        if depth > _DEEPEST:
            raise Undecided("a value that is nested too deeply")
        self.size += 1
        before = self.size
        anchor = event.anchor
        name = type(event).__name__
        if name == "AliasEvent":
            if anchor in self.open or anchor not in self.anchors:
                raise EvaluationError(f"the YAML refers to an anchor {anchor!r} that isn't complete")
            value, size = self.anchors[anchor]
            self.size += size
            if self.size > MOST_ELEMENTS:
                raise Undecided("a document too large to work with")
            return value
        if anchor:
            self.open.append(anchor)
        match name:
            case "ScalarEvent":
                value = self._scalar(event)
            case "SequenceStartEvent":
                value = self._sequence(event, depth)
            case "MappingStartEvent":
                value = self._mapping(event, depth)
            case _:
                raise EvaluationError("the YAML has no value where one is expected")
        if anchor:
            self.open.remove(anchor)
            self.anchors[anchor] = (value, self.size - before + 1)
        if self.size > MOST_ELEMENTS:
            raise Undecided("a document too large to work with")
        return value

    def _sequence(self, event: Any, depth: int) -> Value:
        if event.tag not in (None, f"{_TAG}seq"):
            raise EvaluationError(f"a YAML sequence with the tag {event.tag}")
        items: list[Value] = []
        while type(following := next(self.events)).__name__ != "SequenceEndEvent":
            items.append(self._value(following, depth + 1))
        return tuple(items)

    def _mapping(self, event: Any, depth: int) -> Value:
        if event.tag not in (None, f"{_TAG}map"):
            raise EvaluationError(f"a YAML mapping with the tag {event.tag}")
        entries: dict[str, Value] = {}
        while type(key := next(self.events)).__name__ != "MappingEndEvent":
            if type(key).__name__ != "ScalarEvent":
                raise EvaluationError("only texts can be keys in YAML")
            if (key.tag is None and key.value == "<<") or key.tag == f"{_TAG}merge":
                if key.style in ("'", '"'):
                    raise Undecided("a quoted << in YAML")
                self._merge(self._value(next(self.events), depth + 1), entries)
                continue
            name = to_text(self._scalar(key))
            if isinstance(name, Unknown):
                raise Undecided(name.reason)
            if not isinstance(name, str):
                raise EvaluationError("a key in YAML must not be null")
            entries[name] = self._value(next(self.events), depth + 1)
        return dict(sorted(entries.items()))

    def _merge(self, value: Value, entries: dict[str, Value]) -> None:
        if isinstance(value, tuple):
            raise Undecided("a list of YAML mappings to merge")
        if not isinstance(value, dict):
            raise EvaluationError("only a mapping can be merged in YAML")
        entries.update(value)

    def _scalar(self, event: Any) -> Value:
        source: str = event.value
        tag = (event.tag or "").removeprefix(_TAG)
        if event.tag == "!":
            raise Undecided("a tag of YAML that isn't expected")
        if tag and (tag == event.tag or tag not in _PLAIN_TAGS):
            raise EvaluationError(f"a YAML scalar with the tag {event.tag}")
        if tag == "str":
            return composed(source)
        if tag:
            raise Undecided("a YAML scalar with a tag")
        if event.style in ("'", '"'):
            return composed(source)
        found = _resolved(source)
        # A block is resolved as a plain scalar is, and the result is a text all the same.
        return to_text(found) if event.style in ("|", ">") else found


def _resolved(source: str) -> Value:
    """What a scalar without quotes stands for."""
    if source in _WORDS:
        return _WORDS[source]
    if _INFINITE.fullmatch(source):
        raise Undecided("an infinite number")
    match = _TIME.fullmatch(source)
    if match:
        moment = _moment(match)
        return source if moment is None else moment
    if _LIKE_TIME.fullmatch(source):
        raise Undecided("a time in YAML")
    if _WHOLE.fullmatch(source) or _FLOAT.fullmatch(source):
        number = parse(source)
        if number is None:
            if len(source) > 18:
                raise Undecided("a number too large to work with")
            number = int(source, 0)
        return number
    if source[:1] == "." and parse(source) is not None:
        return parse(source)
    return composed(source)


def _moment(match: re.Match[str]) -> str | None:
    from datetime import datetime, timedelta, timezone

    year, month, day = (int(match[number]) for number in (1, 2, 3))
    hour, minute, second = (int(match[number] or match[number + 4] or 0) for number in (4, 5, 6))
    offset = match[7] or "Z"
    try:
        zone = UTC
        if offset != "Z":
            minutes = int(offset[1:3]) * 60 + int(offset[4:6])
            zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
        return written_time(datetime(year, month, day, hour, minute, second, tzinfo=zone))
    except ValueError:
        if not year:
            raise Undecided("the year 0") from None
        return None


def _yamldecode(source: str) -> Value:
    import yaml

    if len(source) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    try:
        return _Yaml(yaml.parse(source or "\n", Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))).document()
    except yaml.YAMLError as error:
        raise EvaluationError(f"this is no YAML: {error}") from error
    except RecursionError:
        raise Undecided("a value that is nested too deeply") from None


def _yamlencode(value: Value) -> Value:
    import yaml

    budget = [MOST_ELEMENTS]
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(value, budget, 0),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    try:
        found = yaml.emit(events, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), allow_unicode=True)
    except yaml.YAMLError:
        raise Undecided("a value that isn't written as YAML") from None
    assert isinstance(found, str)  # noqa: S101 - no stream was given
    # The writer that Terraform has marks the end of a document only where it is nothing but a plain scalar; PyYAML's
    # marks it also behind a text that ends in empty lines.
    if found.endswith("\n...\n"):
        found = found.removesuffix("...\n")
    if value is None or isinstance(value, bool | int | Decimal):
        found += "...\n"
    if len(found) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    return found


def _events(value: Value, budget: list[int], depth: int) -> Iterator[Any]:
    import yaml

    budget[0] -= 1
    if depth > _DEEPEST or budget[0] < 0:
        raise Undecided("a value too large to write")
    match value:
        case None:
            yield yaml.ScalarEvent(None, None, (True, True), "null")
        case bool():
            yield yaml.ScalarEvent(None, None, (True, True), "true" if value else "false")
        case int() | Decimal():
            yield yaml.ScalarEvent(None, None, (True, True), text(value))
        case str():
            yield yaml.ScalarEvent(None, None, (True, True), value, style="|" if "\n" in value else '"')
        case tuple() | Set():
            yield yaml.SequenceStartEvent(None, None, True, flow_style=False)
            for item in value.items if isinstance(value, Set) else value:
                yield from _events(item, budget, depth + 1)
            yield yaml.SequenceEndEvent()
        case dict():
            yield yaml.MappingStartEvent(None, None, True, flow_style=False)
            for key in sorted(value):
                yield from _events(key, budget, depth + 1)
                yield from _events(value[key], budget, depth + 1)
            yield yaml.MappingEndEvent()
        case Marked(inner):
            yield from _events(inner, budget, depth + 1)
        case Unknown(reason):
            raise Undecided(reason)
        case PartialMap(_, maybe, open_):
            raise Undecided(open_ or next(iter(maybe.values()), ""))


def _csvdecode(source: str) -> Value:
    records = _records(source)
    header = next(records, None)
    if header is None:
        raise EvaluationError("the CSV has no line of names")
    if len(set(header)) != len(header):
        raise EvaluationError("two columns of the CSV have one name")
    found: list[Value] = []
    for record in records:
        if len(record) != len(header):
            raise EvaluationError(f"a line of the CSV has {len(record)} fields, not {len(header)}")
        found.append(dict(sorted(zip(map(composed, header), map(composed, record), strict=True))))
        if len(found) * len(header) > MOST_ELEMENTS:
            raise Undecided("a list too long to work with")
    return tuple(found)


def _records(source: str) -> Iterator[list[str]]:
    """The records as Go's CSV reader finds them: a quote stands at the start of a field or not at all, and an empty
    line is none."""
    source = source.replace("\r\n", "\n")
    if len(source) > LONGEST_TEXT:
        raise Undecided("a text too long to work with")
    at = 0
    while at < len(source):
        if source[at] == "\n":
            at += 1
            continue
        fields: list[str] = []
        ended = False
        while not ended:
            if source[at : at + 1] == '"':
                field, at = _quoted_field(source, at)
            else:
                match = _FIELD.match(source, at)
                field = match[0] if match else ""
                if '"' in field:
                    raise EvaluationError("a quote within a field of the CSV")
                at += len(field)
            fields.append(field)
            ended = source[at : at + 1] != ","
            at += 1
        yield fields


_FIELD = re.compile(r"[^,\n]*")


def _quoted_field(source: str, at: int) -> tuple[str, int]:
    pieces: list[str] = []
    at += 1
    while True:
        end = source.find('"', at)
        if end < 0:
            raise EvaluationError("a quote of the CSV isn't closed")
        pieces.append(source[at:end])
        at = end + 1
        following = source[at : at + 1]
        if following == '"':
            pieces.append('"')
            at += 1
        elif following in (",", "\n", ""):
            return "".join(pieces), at
        else:
            raise EvaluationError("a quote within a field of the CSV")


def _charset(name: str) -> str:
    found = _CHARSETS.get(name.lower())
    if found is None:
        raise Undecided("an encoding that isn't known here")
    return found


def _textencodebase64(source: str, encoding: str) -> Value:
    charset = _charset(encoding)
    try:
        return to_base64(source.encode(charset))
    except UnicodeEncodeError:
        if charset == "cp1252" or charset == "latin-1":
            raise EvaluationError(f"the text can't be written in {encoding}") from None
        raise Undecided("a text that isn't encoded") from None


def _textdecodebase64(source: str, encoding: str) -> Value:
    charset = _charset(encoding)
    try:
        return composed(from_base64(source).decode(charset))
    except UnicodeDecodeError:
        raise Undecided("a text that isn't decoded") from None


FUNCTIONS: dict[str, Function] = {
    "csvdecode": function(_csvdecode, STRING),
    "textdecodebase64": function(_textdecodebase64, STRING, STRING),
    "textencodebase64": function(_textencodebase64, STRING, STRING),
    "yamldecode": function(_yamldecode, STRING),
    "yamlencode": function(_yamlencode, Parameter(ANY, null=True)),
}
