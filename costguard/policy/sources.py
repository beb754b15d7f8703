"""Where policies come from: files, folders, the shipped ones, and what they extend.

Every document is read once and cut into its parts. What doesn't fit the format is reported and cut out, so that the
rest of the document can still be held to its meaning in the same run.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from costguard.document import Document, dotted, parse_yaml, read_text
from costguard.errors import DocumentError, Problem
from costguard.policy.document import ExampleDoc, ExemptionDoc, PolicyDoc, RuleDoc, TagDoc, UnknownDoc
from costguard.policy.validate import explained, fits, near

DocPath = tuple[str | int, ...]

_DEEPEST_EXTENDS = 50


def shipped_folder() -> Path:
    """Where the policies that come with costguard lie: in the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "policies"
    return inside if inside.is_dir() else package.parent / "policies"


def shipped() -> list[str]:
    """The names of the policies that come with costguard."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def locate(sources: Sequence[str | Path], base: Path) -> list[Path]:
    """The files that the sources stand for. Raises :class:`DocumentError` where one stands for none."""
    files: list[Path] = []
    problems: list[Problem] = []
    for source in sources:
        found, why = _policies(str(source), base)
        files += found
        if why:
            problems.append(Problem(str(base / source), 0, "", why))
    if problems:
        raise DocumentError(problems)
    return files


def _policies(source: str, base: Path) -> tuple[list[Path], str]:
    """(the policies that a source stands for, why there are none): of a folder, neither the configuration nor a file
    that another one there takes values from."""
    files, why = _locate(source, base)
    if why or (base / source) not in (file.parent for file in files):
        return files, why
    others = {file for file in files if file.name == "costguard.yaml"}
    for file in files:
        others |= {file.parent / name for name in _values_from(file)}
    policies = [file for file in files if file not in others]
    return policies, "" if policies else "holds no policy (*.yaml)"


def _values_from(file: Path) -> Iterable[str]:
    """Every file that the tags of a policy take values from; nothing of what is malformed."""
    try:
        documents = [document.data for document in parse_yaml(read_text(file), str(file))]
    except DocumentError:
        return
    for data in documents:
        if not isinstance(data, dict):
            continue
        rules = data.get("rules")
        required = [
            rule.get("require") for rule in (rules if isinstance(rules, list) else ()) if isinstance(rule, dict)
        ]
        for tags in (data.get("tags"), *required):
            for tag in tags.values() if isinstance(tags, dict) else ():
                source = tag.get("values-from") if isinstance(tag, dict) else None
                if isinstance(source, dict) and isinstance(source.get("file"), str):
                    yield source["file"]


def _locate(source: str, base: Path) -> tuple[list[Path], str]:
    """(the files that a source stands for, why there are none)."""
    if not source:
        return [], "an empty name names no policy"
    if source in shipped():  # Whatever lies in the folder that the gate happens to run in: ./baseline is a path.
        return [shipped_folder() / f"{source}.yaml"], ""
    path = base / source
    try:
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml"))
            return files, "" if files else "holds no policy (*.yaml)"
        if path.exists():
            return [path], ""
    except OSError as error:
        return [], f"can't be read: {error.strerror}"
    hint = near(source, shipped()) or f" (there are {', '.join(shipped())})"
    return [], f"is not there, and no shipped policy has that name{hint}"


def display(path: Path) -> str:
    """A path as messages write it: relative to here where that is shorter, a shipped policy by its package path."""
    try:
        resolved = path.resolve()
        if resolved.parent == shipped_folder():
            return f"costguard/policies/{resolved.name}"
        return str(resolved.relative_to(Path.cwd()))
    except (ValueError, OSError, RuntimeError):  # elsewhere; no working directory; a loop of links
        return str(path)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One document, cut into those of its parts that are well-formed; the others are among the problems already.

    ``names`` and ``rule_ids`` are all that it declares, well-formed or not. ``relax`` are dotted paths.
    """

    document: Document
    folder: Path
    names: frozenset[str]
    rule_ids: frozenset[str]
    tags: Mapping[str, TagDoc]
    rules: tuple[tuple[int, RuleDoc], ...]
    exemptions: tuple[tuple[int, ExemptionDoc], ...]
    examples: tuple[tuple[int, ExampleDoc], ...]
    unknown: UnknownDoc
    surfaces: Mapping[str, str]
    relax: tuple[str, ...]
    faulty: frozenset[DocPath]  # every path at or below which something was cut out

    def relaxes(self, path: DocPath) -> bool:
        """Whether the document says that it loosens this on purpose."""
        return dotted(path) in self.relax

    def spoiled(self, path: DocPath) -> bool:
        """Whether something at or below ``path`` was cut out, so that what is left of it proves nothing."""
        return path in self.faulty


class Reading:
    """Finds the documents, follows ``extends``, and takes each document once. ``parts`` come base first."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.problems: list[Problem] = []
        self._seen: dict[Path, bool] = {}  # True while its own `extends` is being followed

    def add(self, source: str, base: Path, asked_by: Problem | None = None) -> None:
        """Reads what a source stands for. ``asked_by`` is the place of the ``extends`` that names it."""
        files, why = _policies(source, base)
        if why:
            self._complain(asked_by, str(base / source) if asked_by is None else source, why)
        for file in files:
            self._file(file, asked_by)

    def _complain(self, asked_by: Problem | None, file: str, message: str) -> None:
        if asked_by is None:
            self.problems.append(Problem(file, 0, "", message))
        else:
            self.problems.append(Problem(asked_by.file, asked_by.line, asked_by.path, f"{file} {message}"))

    def _file(self, file: Path, asked_by: Problem | None) -> None:
        try:
            key = file.resolve()
        except (OSError, RuntimeError):  # a loop of links; reading it says so
            key = file
        if key in self._seen:
            if self._seen[key]:
                self._complain(asked_by, display(file), "extends itself: a cycle")
            return
        try:
            documents = parse_yaml(read_text(file, name=display(file)), display(file))
        except DocumentError as error:
            self.problems += error.problems
            return
        self._seen[key] = True
        if not documents:
            self.problems.append(Problem(display(file), 0, "", "is empty; a policy begins with version: 1"))
        for document in documents:
            part = self._part(document, file.parent)
            if part is not None:
                self.parts.append(part)
        self._seen[key] = False

    def _part(self, document: Document, folder: Path) -> Part | None:
        data = document.data
        if not isinstance(data, dict):
            self.problems.append(
                document.problem((), "is no policy: a mapping that begins with version: 1 is expected")
            )
            return None
        data, faulty = self._cut(document, data)
        raw = document.data
        extends = raw.get("extends")
        if extends and sum(self._seen.values()) > _DEEPEST_EXTENDS:
            message = f"is the {_DEEPEST_EXTENDS + 1}st one after another, and {_DEEPEST_EXTENDS} are allowed"
            self.problems.append(document.problem(("extends",), message))
            extends = []
        if isinstance(extends, str) and ("extends",) not in faulty:
            self.add(extends, folder, document.problem(("extends",), ""))
        for index, name in enumerate(extends if isinstance(extends, list) else ()):
            if ("extends", index) not in faulty:
                self.add(name, folder, document.problem(("extends", index), ""))
        tags = raw.get("tags")
        rules = raw.get("rules")
        return Part(
            document=document,
            folder=folder,
            names=frozenset(tags if isinstance(tags, dict) else ()),
            rule_ids=frozenset(
                rule["id"]
                for rule in (rules if isinstance(rules, list) else ())
                if isinstance(rule, dict) and isinstance(rule.get("id"), str)
            ),
            tags={name: tag for name, item in data.get("tags", {}).items() if (tag := fits(item, TagDoc)) is not None},
            rules=_well_formed(data.get("rules", []), RuleDoc),
            exemptions=_well_formed(data.get("exemptions", []), ExemptionDoc),
            examples=_well_formed(data.get("examples", []), ExampleDoc),
            unknown=fits(data.get("unknown", {}), UnknownDoc) or UnknownDoc(),
            surfaces=fits(data.get("surfaces", {}), dict[str, str]) or {},
            relax=tuple(fits(data.get("relax", []), list[str]) or ()),
            faulty=faulty,
        )

    def _cut(self, document: Document, data: dict[str, Any]) -> tuple[dict[str, Any], frozenset[DocPath]]:
        """The document without what doesn't fit the format, and where that was. Reports it."""
        version = data.get("version")
        if version != 1 or isinstance(version, bool):
            if "version" not in data:
                message = "version is missing: a policy begins with version: 1"
            else:
                message = f"this costguard understands version 1, not {version!r}"
            self.problems.append(document.problem(("version",), message))
        data = data | {"version": 1}
        if fits(data, PolicyDoc) is not None:
            return data, frozenset()
        mistakes = explained(data, "policy-v1")
        if not mistakes:  # the schema and the types should agree; if they don't, still say something
            mistakes = [((), "does not fit the format of a policy")]
        self.problems += [document.problem(path, message) for path, message in mistakes]
        paths = {path for path, _ in mistakes}
        return _without(data, paths), frozenset(path[:end] for path in paths for end in range(len(path) + 1))


_LISTS = ("rules", "exemptions", "examples")


def _without(data: Any, faulty: Iterable[DocPath]) -> dict[str, Any]:
    """A copy of the document in which what stands at each path is gone. A faulty item of a list takes the list with it
    — except for a rule, an exemption and an example, which leave None, so that the others keep their index."""
    trimmed: set[DocPath] = set()
    for path in faulty:
        whole = len(path) == 2 and path[0] in _LISTS
        while path and isinstance(path[-1], int) and not whole:
            path = path[:-1]
            whole = len(path) == 2 and path[0] in _LISTS
        trimmed.add(path)

    def copy(node: Any, path: DocPath) -> Any:
        if isinstance(node, dict):
            return {k: copy(v, (*path, k)) for k, v in node.items() if (*path, k) not in trimmed}
        if isinstance(node, list):
            return [None if (*path, i) in trimmed else copy(v, (*path, i)) for i, v in enumerate(node)]
        return node

    copied: dict[str, Any] = copy(data, ())
    return copied


def _well_formed(raw: list[Any], kind: type[Any]) -> tuple[tuple[int, Any], ...]:
    return tuple((i, part) for i, item in enumerate(raw) if (part := fits(item, kind)) is not None)
