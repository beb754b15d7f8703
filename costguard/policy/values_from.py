"""``values-from``: allowed values that are kept elsewhere, in the file that the organisation already maintains.

A format is one function in :data:`READERS`: text in, values out, a ``ValueError`` with a sentence where it can't.
"""

import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from costguard.document import parse_yaml, read_text
from costguard.errors import DocumentError
from costguard.policy.document import ValuesFromDoc

LARGEST = 16 * 1024 * 1024


def read_values(source: ValuesFromDoc, folder: Path) -> tuple[str, ...]:
    """The allowed values, in the file's order, each once. Raises :class:`ValueError` with what is wrong."""
    path = _inside(folder, source.file)
    chosen = source.format or _recognise(path)
    if chosen is None:
        raise ValueError(f"the format of {source.file} can't be told from its name; say format: {' or '.join(READERS)}")
    try:
        text = read_text(path, limit=LARGEST, name=source.file)
        if "\0" in text:
            raise ValueError(f"{source.file} holds NUL characters, so it is no text")
        values = [value for value in READERS[chosen](text, source) if value.strip()]
    except DocumentError as error:
        raise ValueError("; ".join(map(str, error.problems[:3]))) from error
    except RecursionError as error:
        raise ValueError(f"{source.file} is nested too deeply") from error
    if not values:
        raise ValueError(f"{source.file} gives no values, so no value would be allowed")
    return tuple(dict.fromkeys(values))


def _inside(folder: Path, file: str) -> Path:
    """Where the file lies. A policy may come from a pull request, and what can't be understood is quoted in a log, so
    it must not lead to what else the machine holds."""
    try:
        home, path = Path(os.path.realpath(folder)), Path(os.path.realpath(folder / file))
    except ValueError as error:
        raise ValueError(f"{file!r} is no name of a file") from error
    root = next((up for up in (home, *home.parents) if any((up / name).exists() for name in _ROOTS)), home.parent)
    if not path.is_relative_to(root) or any(path.is_relative_to(system) for system in _SYSTEM):
        raise ValueError(f"{file} is no file of the policy's repository ({root})")
    return folder / file


_ROOTS = (".git", "costguard.yaml")
_SYSTEM = ("/proc", "/dev")


def _brief(text: str, most: int = 40) -> str:
    """What a message quotes of a file."""
    printable = "".join(char for char in text if char.isprintable())
    return printable if len(printable) <= most else f"{printable[:most]}…"


def _recognise(path: Path) -> str | None:
    name = path.name.lower()
    if name == "codeowners":
        return "codeowners"
    if name.startswith("catalog-info") and path.suffix in (".yaml", ".yml"):
        return "backstage"
    return {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "csv"}.get(path.suffix.lower())


def _yaml(text: str, source: ValuesFromDoc) -> Iterable[str]:
    documents = parse_yaml(text, source.file)
    if len(documents) != 1:
        raise ValueError(f"{source.file} holds {len(documents)} YAML documents; one is expected")
    return _select(documents[0].data, source)


def _json(text: str, source: ValuesFromDoc) -> Iterable[str]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{source.file} is not JSON: {error}") from error
    return _select(data, source)


def _select(data: Any, source: ValuesFromDoc) -> Iterable[str]:
    if source.path is not None:
        import jmespath
        from jmespath.exceptions import JMESPathError

        try:
            data = jmespath.search(source.path, data)
        except (JMESPathError, ValueError, TypeError, AttributeError, ArithmeticError, LookupError) as error:
            # Its functions raise what Python raises when they meet data that they didn't expect.
            why = _brief(str(error) or type(error).__name__, 80)
            raise ValueError(f"path: {source.path}: {why}") from error
    if not isinstance(data, list):
        where = f"path {source.path} of {source.file}" if source.path else f"{source.file} (give a path into it)"
        raise ValueError(f"{where} gives {'nothing' if data is None else 'no list'}; a list of texts is needed")
    for index, item in enumerate(data):
        if not isinstance(item, str):
            raise ValueError(f"{source.file}: item {index + 1} is {_brief(repr(item))}, not text")
    return data


def _csv(text: str, source: ValuesFromDoc) -> Iterable[str]:
    import csv

    try:
        rows = csv.DictReader(io.StringIO(text), strict=True)
        columns = list(rows.fieldnames or [])
        column = source.path or (columns[0] if len(columns) == 1 else None)
        if column not in columns:
            shown = ", ".join(map(_brief, columns[:8])) or "none"
            raise ValueError(f"path names the column to take; {source.file} has the columns {shown}")
        return [(row[column] or "").strip() for row in rows]
    except csv.Error as error:
        raise ValueError(f"{source.file} is not CSV: {error}") from error


def _codeowners(text: str, _source: ValuesFromDoc) -> Iterable[str]:
    """``@org/team`` gives ``team``, ``@user`` gives ``user``, an address stays; sections and patterns give nothing."""
    values = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        owners = [word for word in words[1:] if "@" in word]
        values += [word.rsplit("/", 1)[-1].lstrip("@") if word.startswith("@") else word for word in owners]
    return values


def _backstage(text: str, source: ValuesFromDoc) -> Iterable[str]:
    values = []
    for document in parse_yaml(text, source.file):
        entity = document.data
        if entity is None:
            continue
        metadata = entity.get("metadata") if isinstance(entity, dict) else None
        if not isinstance(metadata, dict) or "kind" not in entity:
            raise ValueError(f"{source.file}:{document.line(())}: is no Backstage entity (kind, metadata.name)")
        if entity["kind"] == source.kind:
            name = metadata.get("name")
            if not isinstance(name, str):
                raise ValueError(f"{source.file}:{document.line(('metadata',))}: metadata.name is not text")
            values.append(name)
    return values


READERS: dict[str, Callable[[str, ValuesFromDoc], Iterable[str]]] = {
    "yaml": _yaml,
    "json": _json,
    "csv": _csv,
    "codeowners": _codeowners,
    "backstage": _backstage,
}
