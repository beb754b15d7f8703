"""Where bills lie: paths, globs, folders and object stores → exports, each with its columns and its format.

Files with the same columns are one export. CSV files are converted (:mod:`~costguard.billing.tables`), what lies in an
object store is copied first (:mod:`~costguard.billing.stores`). A file that can't be read is a gap; nothing is left out
quietly.
"""

import os
from collections.abc import Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from costguard.billing import Columns, Format, FormatName, formats, literal, recognised
from costguard.billing.tables import gaps as gaps_of
from costguard.billing.tables import table
from costguard.errors import InputError, UsageError
from costguard.model.resource import Gap

if TYPE_CHECKING:
    import duckdb

_CSV = (".csv", ".csv.gz")
_JSON = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_PARQUET = (".parquet", ".parq")
_STORES = ("s3://", "gs://")


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one format and with the same columns. ``relation`` is what stands after FROM in DuckDB."""

    format: FormatName
    columns: Columns
    files: tuple[str, ...]
    relation: str

    def reader(self) -> Format:
        return formats()[self.format]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The exports that there are, what could not be read, and what is worth knowing of the files."""

    exports: tuple[Export, ...]
    gaps: tuple[Gap, ...]
    remarks: tuple[str, ...] = ()


def cache_folder() -> Path:
    """Where converted and copied bills are kept, unless somebody says otherwise."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "costguard" / "bills"


class _Group:
    """Files with the same columns: what they are called, and what DuckDB reads in their place."""

    def __init__(self, name: FormatName, columns: Mapping[str, str], kind: str) -> None:
        self.name, self.columns, self.kind = name, columns, kind
        self.files: list[str] = []
        self.read: list[str] = []


def find(
    db: "duckdb.DuckDBPyConnection",
    paths: Sequence[tuple[str, FormatName | None]],
    cache: Path | None = None,
    absent: bool = False,
) -> Found:
    """The exports at these paths, each with its format where that is named.

    Raises :class:`InputError` with all the paths that name nothing at all: these are slips, and no empty bills. Where
    they may be ``absent`` they are gaps.
    """
    kept = cache if cache is not None else cache_folder()
    groups: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Group] = {}
    gaps: list[Gap] = []
    remarks: list[str] = []
    contents: dict[str, str] = {}
    seen: set[str] = set()
    slips: list[str] = []
    for path, named in paths:
        try:
            files = _files(path, kept, gaps)
        except InputError as error:
            if absent:
                gaps.append(Gap(path, str(error).removeprefix(f"{path}: ")))
            else:
                slips.append(str(error))
            continue
        if slips:
            continue  # Nothing of what follows will be used.
        for file in files:
            real = os.path.realpath(file)
            if real in seen:
                continue
            seen.add(real)
            try:
                read, kind, columns = _readable(db, file, kept, gaps, remarks)
            except InputError as error:
                gaps.append(Gap(file, str(error)))
                continue
            if kind == "csv" and contents.setdefault(read, file) != file:
                remarks.append(f"{file} has the same content as {contents[read]}: is this bill counted twice?")
            found = formats()[named] if named else recognised(Columns(columns, loose=kind == "csv"))
            if found is None:
                gaps.append(Gap(file, "it is no bill that costguard knows: name its format with --bill-format"))
                continue
            key = (found.name, kind, tuple(columns.items()))
            group = groups.setdefault(key, _Group(found.name, columns, kind))
            group.files.append(file)
            group.read.append(read)
    if slips:
        raise InputError("\n".join(slips))
    exports = tuple(
        Export(
            format=group.name,
            columns=Columns(group.columns, loose=group.kind == "csv"),
            files=tuple(group.files),
            relation=_relation(group.read, group.kind),
        )
        for group in groups.values()
    )
    return Found(exports=exports, gaps=tuple(gaps), remarks=tuple(remarks))


def count(path: str) -> int:
    """How many files a path of a bill names; nothing is read or copied. Raises :class:`InputError` where there is none,
    or where a store can't be asked."""
    if path.startswith(_STORES):
        from costguard.billing import stores

        return stores.count(path, (*_CSV, *_JSON, *_PARQUET))
    return len(_files(path, Path(), []))


def _files(path: str, cache: Path, gaps: list[Gap]) -> list[str]:
    if path.startswith(_STORES):
        from costguard.billing.stores import copied

        return copied(path, cache, (*_CSV, *_JSON, *_PARQUET), gaps)
    if path.startswith("az://"):
        raise UsageError(f"{path}: costguard doesn't copy from Azure's storage: copy it, and name the folder")
    place = Path(path)
    if place.is_dir():
        known = (*_CSV, *_JSON, *_PARQUET)
        found = sorted(str(one) for one in place.rglob("*") if one.name.casefold().endswith(known) and one.is_file())
    elif has_magic(path) and not place.exists():
        found = sorted(one for one in glob(path, recursive=True) if Path(one).is_file())  # noqa: PTH207 - as a shell has it.
    else:
        found = [path] if place.is_file() else []
        if place.exists() and not found:
            raise InputError(f"{path}: it is neither a file nor a folder")
    if not found:
        raise InputError(f"{path}: there is no bill there")
    return found


def _readable(
    db: "duckdb.DuckDBPyConnection", file: str, cache: Path, gaps: list[Gap], remarks: list[str]
) -> tuple[str, str, Mapping[str, str]]:
    """What DuckDB reads in the place of a file, of which kind it is, and its columns."""
    name = file.casefold()
    if name.endswith(_PARQUET):
        return file, "parquet", _columns(db, _relation([file], "parquet"))
    if name.endswith(_JSON):
        return file, "json", _columns(db, _relation([file], "json"))
    made = table(Path(file), cache)
    gaps += gaps_of(file, made)
    if made.short:
        remarks.append(f"{made.short:,} rows of {file} lack the last of its columns: they are read without them")
    return made.path, "csv", dict.fromkeys(made.columns, "VARCHAR")


def _relation(files: Sequence[str], kind: str) -> str:
    listed = "[" + ", ".join(map(literal, files)) + "]"
    if kind == "json":
        return f"read_json({listed}, format = 'newline_delimited', maximum_object_size = 16777216)"
    return f"read_parquet({listed}, hive_partitioning = false, union_by_name = true)"


def _columns(db: "duckdb.DuckDBPyConnection", relation: str) -> Mapping[str, str]:
    import duckdb

    try:
        rows = db.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise InputError(f"it can't be read: {str(error).splitlines()[0]}") from error
    return {row[0]: row[1] for row in rows}
