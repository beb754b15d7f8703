"""Where bills lie: paths, globs and folders → exports, each with its columns, its format and what DuckDB reads it by.

Files with the same columns are one export. A file that can't be read is a gap; nothing is left out quietly.
"""

from collections.abc import Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from costguard.billing import Columns, Format, FormatName, formats, literal, recognised
from costguard.errors import InputError
from costguard.model.resource import Gap

if TYPE_CHECKING:
    import duckdb

_CSV = (".csv", ".csv.gz")
_PARQUET = (".parquet",)


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one format and with the same columns. ``relation`` is what stands after FROM in DuckDB."""

    format: FormatName
    columns: Columns
    files: tuple[str, ...]
    relation: str

    def reader(self) -> Format:
        return formats()[self.format]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The exports that there are, and what could not be read."""

    exports: tuple[Export, ...]
    gaps: tuple[Gap, ...]


def find(db: "duckdb.DuckDBPyConnection", paths: Sequence[tuple[str, FormatName | None]]) -> Found:
    """The exports at these paths, each with its format where that is named.

    Raises :class:`InputError` where a path names nothing at all: it is a slip, and no empty bill.
    """
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    gaps: list[Gap] = []
    for path, named in paths:
        for file in _files(path):
            try:
                columns, loose = _columns(db, file)
            except InputError as error:
                gaps.append(Gap(file, str(error)))
                continue
            found = formats()[named] if named else recognised(Columns(columns, loose=loose))
            if found is None:
                gaps.append(Gap(file, "it is no bill that costguard knows: name its format with --bill-format"))
                continue
            groups.setdefault((found.name, tuple(columns.items())), []).append(file)
    exports = []
    for (name, columns_), files in groups.items():
        loose = not files[0].endswith(_PARQUET)
        exports.append(
            Export(
                format=name,  # type: ignore[arg-type]
                columns=Columns(dict(columns_), loose=loose),
                files=tuple(files),
                relation=_relation(files, loose=loose),
            )
        )
    return Found(exports=tuple(exports), gaps=tuple(gaps))


def _files(path: str) -> list[str]:
    place = Path(path)
    if place.is_dir():
        found = sorted(str(one) for one in place.rglob("*") if one.name.endswith((*_CSV, *_PARQUET)))
    elif has_magic(path) and not place.exists():
        found = sorted(one for one in glob(path, recursive=True) if Path(one).is_file())  # noqa: PTH207 - as a shell has it.
    else:
        found = [path] if place.is_file() else []
    if not found:
        raise InputError(f"{path}: there is no bill there")
    return found


def _relation(files: Sequence[str], *, loose: bool) -> str:
    listed = "[" + ", ".join(map(literal, files)) + "]"
    if loose:
        return f"read_csv({listed}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"
    return f"read_parquet({listed}, hive_partitioning = false)"


def _columns(db: "duckdb.DuckDBPyConnection", file: str) -> tuple[Mapping[str, str], bool]:
    import duckdb

    loose = not file.endswith(_PARQUET)
    try:
        rows = db.execute(f"DESCRIBE SELECT * FROM {_relation([file], loose=loose)}").fetchall()
    except duckdb.Error as error:
        raise InputError(f"it can't be read: {str(error).splitlines()[0]}") from error
    return {row[0]: row[1] for row in rows}, loose
