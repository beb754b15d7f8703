"""CSV files → Parquet, once for each content: all text, every cell as it stands, and what can't be read as gaps.

Account ids look like numbers and bills are written by many hands, so nothing is guessed here: Python's own reader takes
the file apart, and whatever isn't a row of the header's columns is a gap with its line. A converted file is kept by the
checksum of what it was made of; one that nobody has asked for in ninety days goes.
"""

import codecs
import contextlib
import csv
import gzip
import hashlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from costguard.errors import InputError
from costguard.model.resource import Gap

if TYPE_CHECKING:
    import _csv

_LONGEST = 1_000_000
"""Characters of a cell; more is cut, so that its text is no JSON any more, and said."""
_CUT = 1000
_BATCH = 20_000
_MOST_GAPS = 50
_KEPT = 90 * 24 * 3600.0
_COSTS = frozenset(
    {
        "billedcost",
        "cost",
        "costinbillingcurrency",
        "effectivecost",
        "line_item_unblended_cost",
        "lineitem/unblendedcost",
        "pretaxcost",
    }
)
_VERSION = "3"


class Table(msgspec.Struct, frozen=True):
    """A file as Parquet, its columns, and what of it could not be read: the place after the file's name, and why.
    ``short`` rows lack columns at their end, which are null then."""

    path: str
    columns: tuple[str, ...]
    rows: int
    gaps: tuple[tuple[str, str], ...] = ()
    short: int = 0


def table(file: Path, cache: Path) -> Table:
    """The converted file. Raises :class:`InputError` where nothing of it can be read."""
    digest = _digest(file)
    kept, said = cache / f"{digest}.parquet", cache / f"{digest}.json"
    try:
        found = msgspec.json.decode(said.read_bytes(), type=Table)
        if kept.stat().st_size and found.path == kept.name and _sound(kept, found.rows):
            os.utime(kept)
            os.utime(said)
            return msgspec.structs.replace(found, path=str(kept))
    except (OSError, msgspec.MsgspecError):
        pass
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    _tidy(cache)
    handle, name = tempfile.mkstemp(dir=cache, suffix=".part")
    os.close(handle)
    try:
        made = _convert(file, Path(name))
        os.replace(name, kept)  # noqa: PTH105 - of a name that is taken.
    finally:
        Path(name).unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(dir=cache, suffix=".part")
    with os.fdopen(handle, "wb") as out:
        out.write(msgspec.json.encode(msgspec.structs.replace(made, path=kept.name)))
    os.replace(name, said)  # noqa: PTH105 - as above.
    return msgspec.structs.replace(made, path=str(kept))


def gaps(file: str, found: Table) -> list[Gap]:
    """What could not be read of a file, with its place."""
    return [Gap(f"{file}{place}", why) for place, why in found.gaps]


def _digest(file: Path) -> str:
    digest = hashlib.sha256(_VERSION.encode())
    try:
        with file.open("rb") as raw:
            while chunk := raw.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"it can't be read: {error.strerror}") from error
    digest.update(b"gz" if file.name.endswith(".gz") else b"")
    return digest.hexdigest()


def _sound(kept: Path, rows: int) -> bool:
    """Whether a kept file is whole: Parquet ends with its description."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return bool(pq.ParquetFile(kept).metadata.num_rows == rows)
    except (pa.ArrowException, OSError):
        return False


def _tidy(cache: Path) -> None:
    """Takes away what nobody has asked for in a long time."""
    with contextlib.suppress(OSError):
        for one in cache.iterdir():
            if one.suffix in (".parquet", ".json", ".part") and time.time() - one.stat().st_mtime > _KEPT:
                one.unlink(missing_ok=True)


# ------------------------------------------------------------------ converting


class _Trouble:
    """The gaps of a file while it is read: the first of them one by one, the rest counted."""

    def __init__(self) -> None:
        self._listed: list[tuple[str, str]] = []
        self._more = 0
        self.short = 0

    def add(self, place: str, why: str) -> None:
        if len(self._listed) < _MOST_GAPS:
            self._listed.append((place, why))
        else:
            self._more += 1

    def gaps(self) -> tuple[tuple[str, str], ...]:
        more = [("", f"{self._more:,} more of its lines can't be read")] if self._more else []
        return (*self._listed, *more)


def _convert(file: Path, into: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    trouble = _Trouble()
    with _opened(file) as raw:
        text = io.TextIOWrapper(raw, encoding=_encoding(raw), errors="replace", newline="")
        limit = csv.field_size_limit(sys.maxsize)
        try:
            lines = _Counted(text)
            reader = csv.reader(lines)
            header = _header(reader, trouble)
            schema = pa.schema([(name, pa.string()) for name in header])
            count = 0
            with pq.ParquetWriter(into, schema, compression="zstd") as writer:
                for batch in _batches(reader, lines, header, trouble):
                    count += len(batch)
                    columns = [pa.array(list(column), pa.string()) for column in zip(*batch, strict=True)]
                    writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            if lines.replaced:
                many = f"{lines.replaced:,} lines hold bytes that are no text in its encoding; they are replaced"
                trouble.add("", many)
        finally:
            csv.field_size_limit(limit)
    with into.open("rb") as made:
        os.fsync(made.fileno())
    return Table(str(into), header, count, trouble.gaps(), trouble.short)


class _Counted:
    """Lines, and how many of them hold what could not be decoded."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.replaced = 0
        self.ended = True
        """Whether the latest line has an end; only the last one of a file may have none."""

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            if "�" in line:
                self.replaced += 1
            self.ended = line.endswith(("\n", "\r"))
            yield line


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        raw = file.open("rb")
    except OSError as error:
        raise InputError(f"it can't be read: {error.strerror}") from error
    with raw:
        if not file.name.casefold().endswith(".gz"):
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as packed, io.BufferedReader(packed) as unpacked:
            yield unpacked


def _encoding(raw: IO[bytes]) -> str:
    """By the byte order mark; UTF-8 without one."""
    try:
        head = raw.peek(4)[:4]  # type: ignore[attr-defined]
    except (OSError, EOFError) as error:
        raise InputError(f"it can't be unpacked: {error}") from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _header(reader: Iterator[list[str]], trouble: _Trouble) -> tuple[str, ...]:
    try:
        names = next(reader, None)
    except (csv.Error, OSError, EOFError) as error:
        raise InputError(f"it can't be read: {error}") from error
    if not names or not any(name.strip() for name in names):
        raise InputError("it is empty")
    found: dict[str, str] = {}
    header = []
    for number, name in enumerate(names, 1):
        kept = name if name and name.casefold() not in found else f"{name} (column {number})"
        if name and name.casefold() in found:
            trouble.add(":1", f"the column {name} is there twice: the first one counts")
        found[kept.casefold()] = kept
        header.append(kept)
    return tuple(header)


def _batches(
    reader: "_csv.Reader", lines: _Counted, header: Sequence[str], trouble: _Trouble
) -> Iterator[list[list[str | None]]]:
    """Rows of the header's length; all else is a gap."""
    width = len(header)
    cost = next((at for at, name in enumerate(header) if name.casefold() in _COSTS), None)
    batch: list[list[str | None]] = []
    last = reader.line_num
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except (csv.Error, OSError, EOFError) as error:
            trouble.add(f":{reader.line_num + 1}", f"from here on it can't be read: {error}")
            break
        first, last = last + 1, reader.line_num
        if not row:
            continue
        # A row without its last columns is read; one that a quote without its end has swallowed others into, or that
        # was broken off with the file, isn't.
        if cost is not None and cost < len(row) < width and first == last and lines.ended:
            trouble.short += 1
            row += [""] * (width - len(row))
        if len(row) != width:
            known = f"; its cost is {row[cost][:40]}" if cost is not None and cost < len(row) else ""
            over = f", over {last - first + 1:,} lines" if last > first else ""
            trouble.add(f":{first}", f"it has {len(row)} of {width} columns{over}, and isn't counted{known}")
            continue
        if any(len(cell) > _LONGEST for cell in row):
            trouble.add(f":{first}", f"a cell has more than {_LONGEST:,} characters; what is in it isn't read")
            row = [cell if len(cell) <= _LONGEST else f"{cell[:_CUT]}…" for cell in row]
        batch.append(list(row))
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
