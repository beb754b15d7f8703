"""From documents to the :class:`~costguard.policy.Policy` in force: read, validate, merge, compile.

Everything that is wrong anywhere in any of the documents is collected and raised together. Merging is by field: a later
document may tighten an earlier one; what would loosen it is a mistake, unless that document's ``relax`` names the path.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, get_args

import msgspec

from costguard import catalog
from costguard.document import Document, dotted, parse_yaml, read_text
from costguard.errors import DocumentError, Problem
from costguard.model.finding import Level
from costguard.model.resource import Checkpoint, Cloud
from costguard.policy import Example, Exemption, Policy
from costguard.policy.document import (
    ExampleDoc,
    ExemptionDoc,
    PolicyDoc,
    RuleDoc,
    TagDoc,
    UnknownDoc,
)
from costguard.policy.patterns import PatternError, pattern
from costguard.policy.rules import Rule
from costguard.policy.rules.forbid import Forbid
from costguard.policy.rules.require import Require
from costguard.policy.rules.whole import MaxTags, TagsSchema
from costguard.policy.selector import Selector, Spelling, compile_when
from costguard.policy.validate import explain, fits
from costguard.policy.values import ValueRule, compile_value, mistakes, one_of, schema_mistakes
from costguard.policy.values_from import read_values

_DocPath = tuple[str | int, ...]

_STRICTNESS = {"pass": 0, "warn": 1, "fail": 2, "ignore": 0, "info": 1, "warning": 2, "error": 3}


def shipped_folder() -> Path:
    """Where the policies that come with costguard lie: in the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "policies"
    return inside if inside.is_dir() else package.parent / "policies"


def shipped() -> list[str]:
    """The names of the policies that come with costguard."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def load(sources: Sequence[str | Path], *, base: Path | None = None) -> Policy:
    """The policy that the sources state together, in their order.

    A source is a file, a folder (every ``*.yaml`` in it, by name) or the name of a shipped policy; relative paths start
    from ``base``. Raises :class:`DocumentError` with every mistake in every document.
    """
    reading = _Reading()
    for source in sources:
        reading.add(str(source), base or Path())
    merge = _Merge(reading.problems)
    for part in reading.parts:
        merge.add(part)
    policy = merge.policy(tuple(dict.fromkeys(part.document.file for part in reading.parts)))
    if merge.problems:
        raise DocumentError(merge.problems)
    return policy


def locate(sources: Sequence[str | Path], base: Path) -> list[Path]:
    """The files that the sources stand for. Raises :class:`DocumentError` where one stands for none."""
    files: list[Path] = []
    problems: list[Problem] = []
    for source in sources:
        found, why = _locate(str(source), base)
        files += found
        if why:
            problems.append(Problem(str(base / source), 0, "", why))
    if problems:
        raise DocumentError(problems)
    return files


def _locate(source: str, base: Path) -> tuple[list[Path], str]:
    """(the files that a source stands for, why there are none)."""
    path = base / source
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml"))
        return files, "" if files else "holds no policy (*.yaml)"
    if path.exists():
        return [path], ""
    by_name = shipped_folder() / f"{source}.yaml"
    if "/" not in source and by_name.is_file():
        return [by_name], ""
    return [], f"is not there, and no shipped policy has that name (there are {', '.join(shipped())})"


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """One document with those of its entries that are well-formed; the others are already among the problems."""

    document: Document
    folder: Path
    names: frozenset[str]  # every tag name that it mentions as its own, well-formed or not
    tags: Mapping[str, TagDoc]
    rules: tuple[tuple[int, RuleDoc], ...]
    exemptions: tuple[tuple[int, ExemptionDoc], ...]
    examples: tuple[tuple[int, ExampleDoc], ...]
    unknown: UnknownDoc
    surfaces: Mapping[str, str]
    relax: tuple[str, ...]


class _Reading:
    """Finds the documents, follows ``extends``, and takes each document once."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.problems: list[Problem] = []
        self._seen: dict[Path, bool] = {}  # True while its own `extends` is being followed

    def add(self, source: str, base: Path, asked_by: Problem | None = None) -> None:
        files, why = _locate(source, base)
        if why:
            self._complain(asked_by, str(base / source), why)
        for file in files:
            self._file(file, asked_by)

    def _complain(self, asked_by: Problem | None, file: str, message: str) -> None:
        if asked_by is None:
            self.problems.append(Problem(file, 0, "", message))
        else:
            self.problems.append(Problem(asked_by.file, asked_by.line, asked_by.path, f"{file} {message}"))

    def _file(self, file: Path, asked_by: Problem | None) -> None:
        key = file.resolve()
        if key in self._seen:
            if self._seen[key]:
                self._complain(asked_by, display(file), "extends itself: a cycle")
            return
        try:
            documents = parse_yaml(read_text(file), display(file))
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

    def _part(self, document: Document, folder: Path) -> _Part | None:
        data = document.data
        if not isinstance(data, dict):
            self.problems.append(
                document.problem((), "is no policy: a mapping that begins with version: 1 is expected")
            )
            return None
        version = data.get("version")
        if version != 1 or isinstance(version, bool):
            if "version" not in data:
                message = "version is missing: a policy begins with version: 1"
            else:
                message = f"this costguard understands version 1, not {version!r}"
            self.problems.append(document.problem(("version",), message))
        if fits(data | {"version": 1}, PolicyDoc) is None:
            explained = [
                p for p in explain(document, "policy-v1") if p.path != "version" and p.message != "version is missing"
            ]
            self.problems += explained or [document.problem((), "does not fit the format of a policy")]
        extends = data.get("extends")
        for index, name in enumerate([extends] if isinstance(extends, str) else extends or []):
            if isinstance(name, str):
                path: _DocPath = ("extends",) if isinstance(extends, str) else ("extends", index)
                self.add(name, folder, document.problem(path, ""))
        tags = data.get("tags")
        tags = tags if isinstance(tags, dict) else {}
        return _Part(
            document=document,
            folder=folder,
            names=frozenset(tags),
            tags={name: tag for name, raw in tags.items() if (tag := fits(raw, TagDoc)) is not None},
            rules=_well_formed(data.get("rules"), RuleDoc),
            exemptions=_well_formed(data.get("exemptions"), ExemptionDoc),
            examples=_well_formed(data.get("examples"), ExampleDoc),
            unknown=fits(data.get("unknown", {}), UnknownDoc) or UnknownDoc(),
            surfaces=fits(data.get("surfaces", {}), dict[str, str]) or {},
            relax=tuple(fits(data.get("relax", []), list[str]) or ()),
        )


def _well_formed(raw: Any, kind: type[Any]) -> tuple[tuple[int, Any], ...]:
    if not isinstance(raw, list):
        return ()
    return tuple((i, part) for i, item in enumerate(raw) if (part := fits(item, kind)) is not None)


def display(path: Path) -> str:
    """A path as messages write it: relative to here where that is shorter, a shipped policy by its package path."""
    resolved = path.resolve()
    if resolved.parent == shipped_folder():
        return f"costguard/policies/{resolved.name}"
    try:
        return str(resolved.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class _Tag(msgspec.Struct):
    """A tag as the documents so far state it. ``origins`` says for each field where it was stated."""

    name: str
    origins: dict[str, Problem]
    required: bool = True
    level: Level = Level.ERROR
    description: str = ""
    keys: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    values: tuple[ValueRule, ...] = ()
    stated: tuple[Any, ...] = ()  # the value schemas, for `policy show`
    synonyms: dict[str, str] = {}

    @property
    def spelling(self) -> Spelling:
        return Spelling(self.name, self.keys)


class _Merge:
    """Folds documents into one policy. ``origin`` values are problems without a message: they know file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.tags: dict[str, _Tag] = {}
        self.rules: dict[str, tuple[RuleDoc, _Part, int]] = {}
        self.exemptions: list[tuple[ExemptionDoc, _Part, int]] = []
        self.examples: list[Example] = []
        self.unknown: dict[str, str] = {}
        self.surfaces: dict[str, str] = {}
        self.origins: dict[_DocPath, Problem] = {}
        self.warnings: list[Problem] = []
        self.names: set[str] = set()

    def add(self, part: _Part) -> None:
        self.names |= part.names
        for name, doc in part.tags.items():
            self._tag(name, doc, part)
        for index, rule in part.rules:
            self._rule(index, rule, part)
        self.exemptions += [(doc, part, index) for index, doc in part.exemptions]
        self.examples += [
            Example(msgspec.structs.replace(part.document.problem(("examples", index), ""), path=doc.name), doc)
            for index, doc in part.examples
        ]
        for checkpoint in get_args(Checkpoint):
            action = getattr(part.unknown, checkpoint)
            if action is not None:
                self._ordered(self.unknown, ("unknown", checkpoint), action, part)
        for surface, level in part.surfaces.items():
            if level in _STRICTNESS:
                self._ordered(self.surfaces, ("surfaces", surface), level, part)

    def _ordered(self, table: dict[str, str], path: tuple[str, str], value: str, part: _Part) -> None:
        """Sets an entry whose values have an order of strictness, and complains where it gets looser."""
        before = table.get(path[1])
        origin = self.origins.get(path)
        if before is not None and origin and _STRICTNESS[value] < _STRICTNESS[before] and not _relaxed(part, path):
            self._loosens(part, path, f"{value} is looser than {before}", origin)
            return
        table[path[1]] = value
        self.origins[path] = part.document.problem(path, "")

    def _loosens(self, part: _Part, path: _DocPath, how: str, origin: Problem) -> None:
        self.problems.append(
            part.document.problem(
                path,
                f"{how} ({origin.file}:{origin.line}); to mean it, add {dotted(path)} to this document's relax list",
            )
        )

    # --- tags

    def _tag(self, name: str, doc: TagDoc, part: _Part) -> None:
        path: _DocPath = ("tags", name)
        tag = self.tags.setdefault(name, _Tag(name, {}))
        self._fields(tag, doc, part, path)
        self.origins.setdefault(path, part.document.problem(path, ""))

    def _fields(self, tag: _Tag, doc: TagDoc, part: _Part, path: _DocPath) -> None:
        """Merges one statement about a tag into what is known of it."""
        document = part.document

        def state(field: str) -> None:
            tag.origins[field] = document.problem((*path, field), "")

        def may(field: str, looser: bool, how: str) -> bool:
            origin = tag.origins.get(field) or tag.origins.get("")
            if not looser or origin is None or _relaxed(part, (*path, field)):
                return True
            self._loosens(part, (*path, field), how, origin)
            return False

        if doc.required is not None and may("required", tag.required and not doc.required, "false is looser than true"):
            tag.required = doc.required
            state("required")
        if doc.level is not None and may(
            "level", doc.level.rank < tag.level.rank, f"{doc.level} is looser than {tag.level}"
        ):
            tag.level = doc.level
            state("level")
        if doc.description:
            tag.description = doc.description
            state("description")
        for cloud in get_args(Cloud):
            key = getattr(doc.keys, cloud)
            if key is None:
                continue
            if not _legal_key(cloud, key):
                self.problems.append(document.problem((*path, "keys", cloud), f"{key!r} can't be a key on {cloud}"))
            before = tag.keys.get(cloud)
            if may("keys", before not in (None, key), f"{key!r} is another key than {before!r}"):
                tag.keys = {**tag.keys, cloud: key}
                state("keys")
        if doc.aliases:
            tag.aliases = tuple(dict.fromkeys((*tag.aliases, *doc.aliases)))
            state("aliases")
        self._value(tag, doc, part, path, may, state)
        for word, meant in doc.synonyms.items():
            before = tag.synonyms.get(word)
            if may("synonyms", before not in (None, meant), f"{word} means {meant} here and {before} there"):
                tag.synonyms = {**tag.synonyms, word: meant}
                state("synonyms")
        tag.origins.setdefault("", document.problem(path, ""))

    def _value(
        self,
        tag: _Tag,
        doc: TagDoc,
        part: _Part,
        path: _DocPath,
        may: Callable[[str, bool, str], bool],
        state: Callable[[str], None],
    ) -> None:
        fresh: list[ValueRule] = []
        stated: list[Any] = []
        field = "value" if doc.value is not None else "values-from"
        if doc.value is not None:
            wrong = list(mistakes(doc.value))
            self.problems += [part.document.problem((*path, "value", *where), why) for where, why in wrong]
            rule = None if wrong else compile_value(doc.value)
            if rule is not None:
                fresh.append(rule)
                stated.append(doc.value)
        if doc.values_from is not None:
            try:
                allowed = read_values(doc.values_from, part.folder)
            except ValueError as error:
                self.problems.append(part.document.problem((*path, "values-from"), str(error)))
            else:
                fresh.append(ValueRule(one_of(allowed), allowed))
                stated.append(
                    {"values-from": {k: v for k, v in msgspec.to_builtins(doc.values_from).items() if v is not None}}
                )
        if not fresh:
            return
        if _relaxed(part, (*path, "value")):
            tag.values, tag.stated = (), ()
        for rule in fresh:
            extra = [v for v in rule.allowed or () if any(other.check(v) for other in tag.values)]
            if extra and not may(field, True, f"{', '.join(extra[:5])} is not allowed by an earlier document"):
                return
        tag.values = (*tag.values, *fresh)
        tag.stated = (*tag.stated, *stated)
        state("value")

    # --- rules

    def _rule(self, index: int, rule: RuleDoc, part: _Part) -> None:
        path: _DocPath = ("rules", index)
        before = self.rules.get(rule.id)
        if before is not None and not (before[1] is not part and _relaxed(part, ("rules", rule.id))):
            origin = before[1].document.problem(("rules", before[2]), "")
            hint = "" if before[1] is part else f", or add rules.{rule.id} to this document's relax list to replace it"
            self.problems.append(
                part.document.problem(
                    (*path, "id"),
                    f"{rule.id} is already the id of a rule ({origin.file}:{origin.line}); choose another{hint}",
                )
            )
            return
        kinds = (rule.require, rule.forbid, rule.tags_schema, rule.max_tags)
        if all(kind is None for kind in kinds):
            self.problems.append(
                part.document.problem(path, "states nothing: it needs require, forbid, tags-schema or max-tags")
            )
            return
        self.rules[rule.id] = (rule, part, index)
        self.origins["rules", rule.id] = part.document.problem(path, "")

    def _compile_rule(self, rule: RuleDoc, part: _Part, index: int) -> Iterable[Rule]:
        path: _DocPath = ("rules", index)
        selector = compile_when(rule.when, self._spellings())
        about = rule.description or ""
        for name, doc in (rule.require or {}).items():
            base = self.tags.get(name)
            tag = _Tag(name, {}) if base is None else _copy(base)
            tag.required, tag.level, tag.origins = True, rule.level, {}
            self._fields(tag, doc, part, (*path, "require", name))
            self._check_tag(tag, part.document, (*path, "require", name))
            yield _require(rule.id, tag, selector)
        if rule.forbid is not None:
            values = []
            for position, text in enumerate(rule.forbid.values):
                try:
                    values.append((text, pattern(text)))
                except PatternError as error:
                    where = (*path, "forbid", "values", position)
                    self.problems.append(part.document.problem(where, f"{text!r} is not a regular expression: {error}"))
            if not rule.forbid.keys and not rule.forbid.values:
                self.problems.append(
                    part.document.problem((*path, "forbid"), "states nothing: it needs keys or values")
                )
            yield Forbid(
                id=rule.id,
                level=rule.level,
                selector=selector,
                description=about,
                keys=tuple(rule.forbid.keys),
                values=tuple(values),
            )
        if rule.tags_schema is not None:
            wrong = list(schema_mistakes(rule.tags_schema))
            self.problems += [part.document.problem((*path, "tags-schema", *where), why) for where, why in wrong]
            if not wrong:
                yield TagsSchema(
                    id=rule.id,
                    level=rule.level,
                    selector=selector,
                    description=about,
                    schema=rule.tags_schema,
                )
        if rule.max_tags is not None:
            reserved: dict[str, tuple[str, ...]] = {cloud: limits.reserved for cloud, limits in catalog.LIMITS.items()}
            yield MaxTags(id=rule.id, level=rule.level, selector=selector, most=rule.max_tags, reserved=reserved)

    def _spellings(self) -> dict[str, Spelling]:
        return {name: tag.spelling for name, tag in self.tags.items()}

    # --- meaning

    def _check_tag(self, tag: _Tag, document: Document | None, path: _DocPath) -> None:
        """What is well-formed and still can't be meant."""
        origin = tag.origins.get("synonyms") or tag.origins.get("aliases") or tag.origins.get("")

        def complain(field: str, message: str) -> None:
            at = tag.origins.get(field) or origin
            if document is not None:
                self.problems.append(document.problem((*path, field), message))
            elif at is not None:
                self.problems.append(Problem(at.file, at.line, dotted((*path, field)), message))

        def allowed(value: str) -> bool:
            return not any(rule.check(value) for rule in tag.values)

        for word, meant in tag.synonyms.items():
            if tag.values and not allowed(meant):
                complain("synonyms", f"{word} is to mean {meant}, which is not an allowed value")
            if tag.values and allowed(word):
                complain("synonyms", f"{word} is an allowed value, so it can't be a synonym of {meant}")
            if not tag.values:
                complain(
                    "synonyms",
                    f"{word} can only be a synonym where value or values-from says what is allowed",
                )
                break
        closed = [set(rule.allowed) for rule in tag.values if rule.allowed is not None]
        if closed and not any(allowed(value) for value in set.intersection(*closed)):
            complain("value", "no value satisfies all that the documents say of it")

    def policy(self, files: tuple[str, ...]) -> Policy:
        """Compiles what was merged; adds what it finds wrong to the problems."""
        rules: list[Rule] = []
        for name, tag in self.tags.items():
            self._check_tag(tag, None, ("tags", name))
            rules.append(_require(f"tags/{name}", tag, Selector()))
        self._check_keys()
        for rule, part, index in self.rules.values():
            rules.extend(self._compile_rule(rule, part, index))
        exemptions = [self._exemption(*entry) for entry in self.exemptions]
        if not self.tags and not self.rules and not self.problems:
            self.problems.append(Problem("policy", 0, "", "demands nothing: it has neither tags nor rules"))
        return Policy(
            rules=tuple(rules),
            spellings=self._spellings(),
            exemptions=tuple(exemptions),
            unknown=dict(self.unknown),
            surfaces=tuple(self.surfaces.items()),
            examples=tuple(self.examples),
            files=files,
            warnings=tuple(self.warnings),
            statement=tuple(self._statement()),
        )

    def _check_keys(self) -> None:
        """No key may stand for two tags."""
        owners: dict[tuple[str, str], str] = {}
        for name, tag in self.tags.items():
            for cloud in get_args(Cloud):
                owners.setdefault((cloud, tag.spelling.on(cloud).casefold()), name)
        for name, tag in self.tags.items():
            for cloud in get_args(Cloud):
                for field, words in (("keys", (tag.spelling.on(cloud),)), ("aliases", tag.aliases)):
                    for word in words:
                        other = owners.setdefault((cloud, word.casefold()), name)
                        if other != name:
                            at = tag.origins.get(field) or tag.origins[""]
                            self.problems.append(
                                Problem(
                                    at.file,
                                    at.line,
                                    f"tags.{name}.{field}",
                                    f"{word} already stands for the tag {other}",
                                )
                            )

    def _exemption(self, doc: ExemptionDoc, part: _Part, index: int) -> Exemption:
        path: _DocPath = ("exemptions", index)
        known_rules = {f"tags/{name}" for name in self.names} | self.rules.keys()
        required = {name for rule, _, _ in self.rules.values() for name in rule.require or {}}
        for position, name in enumerate(doc.tags or []):
            if name not in self.names | required:
                names = ", ".join(sorted(self.names | required))
                self.problems.append(
                    part.document.problem((*path, "tags", position), f"no tag is called {name}; there are {names}")
                )
        for position, rule in enumerate(doc.rules or []):
            if rule not in known_rules:
                names = ", ".join(sorted(known_rules))
                self.problems.append(
                    part.document.problem((*path, "rules", position), f"no rule is called {rule}; there are {names}")
                )
        if not msgspec.to_builtins(doc.when, str_keys=True) or all(
            v is None for v in msgspec.structs.astuple(doc.when)
        ):
            self.problems.append(part.document.problem((*path, "when"), "selects everything; say what is exempt"))
        try:
            until = date.fromisoformat(doc.until) if len(doc.until) == 10 else None
        except ValueError:
            until = None
        where = part.document.problem((*path, "until"), "")
        if until is None:
            self.warnings.append(
                msgspec.structs.replace(
                    where, message=f"{doc.until!r} is no date (YYYY-MM-DD), so the exemption does not hold"
                )
            )
        return Exemption(
            selector=compile_when(doc.when, self._spellings()),
            tags=None if doc.tags is None else tuple(doc.tags),
            rules=None if doc.rules is None else tuple(doc.rules),
            reason=doc.reason,
            until=until,
            origin=f"{where.file}:{where.line}",
        )

    def _statement(self) -> Iterable[tuple[_DocPath, Any, str]]:
        """(path, value, file:line) of everything in force, for ``policy show``."""

        def at(origin: Problem | None) -> str:
            return f"{origin.file}:{origin.line}" if origin else "the default"

        for name, tag in self.tags.items():
            path: _DocPath = ("tags", name)
            if tag.description:
                yield (*path, "description"), tag.description, at(tag.origins.get("description"))
            yield (*path, "required"), tag.required, at(tag.origins.get("required"))
            yield (*path, "level"), str(tag.level), at(tag.origins.get("level"))
            for cloud, key in tag.keys.items():
                yield (*path, "keys", cloud), key, at(tag.origins.get("keys"))
            if tag.aliases:
                yield (*path, "aliases"), list(tag.aliases), at(tag.origins.get("aliases"))
            if tag.stated:
                value = tag.stated[0] if len(tag.stated) == 1 else {"allOf": list(tag.stated)}
                yield (*path, "value"), value, at(tag.origins.get("value"))
            if tag.synonyms:
                yield (*path, "synonyms"), tag.synonyms, at(tag.origins.get("synonyms"))
        for rule, part, index in self.rules.values():
            raw = {k: v for k, v in part.document.data["rules"][index].items() if k != "id"}
            yield ("rules", rule.id), raw, at(self.origins.get(("rules", rule.id)))
        for number, (_, part, index) in enumerate(self.exemptions):
            raw = part.document.data["exemptions"][index]
            yield ("exemptions", str(number + 1)), raw, at(part.document.problem(("exemptions", index), ""))
        for checkpoint in get_args(Checkpoint):
            path = ("unknown", checkpoint)
            yield path, self.unknown.get(checkpoint, "warn"), at(self.origins.get(path))
        for surface, level in self.surfaces.items():
            yield ("surfaces", surface), level, at(self.origins.get(("surfaces", surface)))


def _relaxed(part: _Part, path: _DocPath) -> bool:
    return dotted(path) in part.relax


def _copy(tag: _Tag) -> _Tag:
    return msgspec.structs.replace(tag)


def _require(rule_id: str, tag: _Tag, selector: Selector) -> Require:
    return Require(
        id=rule_id,
        level=tag.level,
        selector=selector,
        spelling=tag.spelling,
        required=tag.required,
        description=tag.description,
        aliases=tag.aliases,
        values=tag.values,
        synonyms=tag.synonyms,
    )


def _legal_key(cloud: Cloud, key: str) -> bool:
    limits = catalog.LIMITS[cloud]
    return (
        len(key) <= limits.key_length
        and not key.startswith(limits.reserved)
        and pattern(limits.key_pattern).search(key) is not None
    )
