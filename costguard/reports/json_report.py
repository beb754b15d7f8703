"""``costguard/findings/v1`` as JSON: the one format that loses nothing, and that is read back."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from costguard.errors import InputError
from costguard.model.finding import FINDINGS_SCHEMA, Finding, Report, ResourceStatus
from costguard.model.spool import Spool, encoded
from costguard.reports import Style
from costguard.reports.text import ADDRESS, json_text, printable, prose

if TYPE_CHECKING:
    from mmap import mmap

_LONG: dict[str, type[Finding] | type[ResourceStatus]] = {"findings": Finding, "resources": ResourceStatus}
_BLOCK = 1_000
_LARGE = 32_000_000
"""Bytes of a report of some 30,000 findings; what is read from a larger one is spooled."""


class _Head(msgspec.Struct):
    schema: Any = None


def render(report: Report, style: Style) -> Iterator[str]:  # noqa: ARG001 - JSON has no style.
    """The fields in their order, and the rows of what may be long by the thousand."""
    before = "{\n"
    for name in Report.__struct_fields__:
        value = getattr(report, name)
        if value is msgspec.UNSET:
            continue
        yield before
        if name in _LONG and value:
            yield from _rows(name, value.blocks() if isinstance(value, Spool) else _blocks(value))
        else:
            yield _inside(name, encoded(value))
        before = ",\n"
    yield "\n}\n"


def _rows(name: str, blocks: Iterable[bytes]) -> Iterator[str]:
    """The field ``name`` with all that is in the blocks, as if they were one."""
    close = "\n  ]"
    end = ""
    for block in blocks:
        text = _inside(name, block).removesuffix(close)
        yield end + (text.partition("[")[2] if end else text)
        end = ","
    yield close


def _blocks(rows: Sequence[msgspec.Struct]) -> Iterator[bytes]:
    for start in range(0, len(rows), _BLOCK):
        yield encoded(rows[start : start + _BLOCK])


def _inside(name: str, value: bytes) -> str:
    """One field as it stands in an object."""
    laid_out = msgspec.json.format(b'{"%s":%s}' % (name.encode(), value), indent=2)
    return json_text(laid_out).removeprefix("{\n").removesuffix("\n}")


def read(raw: "bytes | mmap", name: str) -> Report:
    """See :func:`costguard.reports.read`. Fields that a later version added are passed over."""
    where = printable(name, ADDRESS)
    if len(raw) > _LARGE:
        return _read_large(raw, where)
    raw = bytes(raw).removeprefix(b"\xef\xbb\xbf")
    if not raw.strip():
        raise InputError(f"{where} is empty; a report is written with --format json --output {where}")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{where} is UTF-16, not UTF-8: have it written with --output {where}, not with the shell's >")
    try:
        _check_schema(msgspec.json.decode(raw, type=_Head).schema, where)
        return _as_written(msgspec.json.decode(raw, type=Report))
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        place = f"at {prose(path.rstrip('`'))}, " if path else ""
        raise InputError(f"{where} is not a costguard report: {place}{prose(message)}") from error
    except msgspec.DecodeError as error:
        _malformed(where, raw, error)
    except UnicodeDecodeError as error:
        line = _line(raw, _first_not_utf8(raw))
        raise InputError(f"{where} is not a costguard report: line {line} is not UTF-8") from error
    except RecursionError as error:
        raise InputError(f"{where} is not a costguard report: it is nested too deeply to read") from error


def _read_large(raw: "bytes | mmap", where: str) -> Report:
    """The same, with long rows read one by one, and not held; their mistakes are told by their place in the row."""
    text = memoryview(raw)[3 if raw[:3] == b"\xef\xbb\xbf" else 0 :]
    place = ""
    try:
        _check_schema(msgspec.json.decode(text, type=_Head).schema, where)
        frame = msgspec.json.decode(text, type=_frame())
        values = {name: getattr(frame, name) for name in Report.__struct_fields__}
        for name, kind in _LONG.items():
            if values[name] is msgspec.UNSET:
                continue
            decode = msgspec.json.Decoder(kind).decode
            spool = Spool(kind)
            for index, item in enumerate(values[name]):
                place = f"$.{name}[{index}]"
                spool.append(decode(item))
            place = ""
            values[name] = spool.sealed()
        return Report(**values)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        message, _, path = str(error).partition(" - at `$")
        if "truncated" in message and not place:
            message = "it ends in the middle; was the run that wrote it cut short?"
        path = (place or "$" if path else place) + path.rstrip("`")
        at = f"at {prose(path)}, " if path else ""
        raise InputError(f"{where} is not a costguard report: {at}{prose(message)}") from error


def _frame() -> type[msgspec.Struct]:
    """A report whose long rows are left as they are."""
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = []
    for field in msgspec.structs.fields(Report):
        kind = field.type
        if field.name in _LONG:
            kind = list[msgspec.Raw] if field.required else list[msgspec.Raw] | msgspec.UnsetType
        fields.append((field.name, kind) if field.required else (field.name, kind, field.default))
    return msgspec.defstruct("_Frame", fields, kw_only=True)


def _as_written(report: Report) -> Report:
    """The report with tuples where it had them: the decoder makes lists of what is any sequence."""
    resources = report.resources
    return msgspec.structs.replace(
        report,
        findings=tuple(report.findings),
        resources=resources if isinstance(resources, msgspec.UnsetType) else tuple(resources),
    )


def _first_not_utf8(raw: bytes) -> int:
    """The decoder counts from the start of the string that it was in."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _check_schema(schema: Any, where: str) -> None:
    if schema == FINDINGS_SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith("costguard/findings/"):
        raise InputError(
            f"{where} is a report of another version: its schema is {printable(schema)!r}, and this "
            f"costguard reads {FINDINGS_SCHEMA!r}; read it with the costguard that wrote it"
        )
    found = "it has no schema" if schema is None else f"its schema is {printable(str(schema))!r}"
    raise InputError(f"{where} is not a costguard report: {found}, where a report says {FINDINGS_SCHEMA!r}")


def _malformed(where: str, raw: bytes, error: msgspec.DecodeError) -> NoReturn:
    message = str(error)
    head, _, offset = message.partition(" (byte ")
    if offset.rstrip(")").isdigit():
        message = f"{head} on line {_line(raw, int(offset.rstrip(')')))}"
    elif "truncated" in message:
        message = f"it ends in the middle, on line {_line(raw, len(raw))}; was the run that wrote it cut short?"
    raise InputError(f"{where} is not a costguard report: {prose(message)}") from error


def _line(raw: bytes, offset: int) -> int:
    return raw.count(b"\n", 0, offset) + 1
