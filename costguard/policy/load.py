"""From documents to the :class:`~costguard.policy.Policy` in force: merge and compile what the sources say.

Everything that is wrong anywhere in any of the documents is collected and raised together. Merging is by field: a later
document may tighten an earlier one; what would loosen it is a mistake, unless that document's ``relax`` names the path.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, get_args

import msgspec

from costguard import catalog
from costguard.document import dotted
from costguard.errors import DocumentError, Problem
from costguard.model.finding import Level
from costguard.model.resource import Checkpoint, Cloud
from costguard.policy import Example, Exemption, Policy
from costguard.policy.document import ExemptionDoc, ForbidDoc, RuleDoc, TagDoc, WhenDoc
from costguard.policy.patterns import Pattern, PatternError, glob_matches, globs_meet, pattern
from costguard.policy.rules import Rule
from costguard.policy.rules.every import EveryTag
from costguard.policy.rules.forbid import Forbid
from costguard.policy.rules.require import Require
from costguard.policy.rules.whole import MaxTags, TagsSchema
from costguard.policy.selector import Selector, Spelling, compile_when
from costguard.policy.sources import DocPath, Part, Reading, locate, shipped, shipped_folder
from costguard.policy.values import Allowed, ValueRule, allowed_by, compile_value, mistakes, one_of, schema_mistakes
from costguard.policy.values_from import read_values

__all__ = ["load", "locate", "shipped", "shipped_folder"]

_STRICTNESS = {"pass": 0, "warn": 1, "fail": 2, "ignore": 0, "info": 1, "warning": 2, "error": 3}
_CLOUDS: tuple[Cloud, ...] = get_args(Cloud)
_RESERVED: Mapping[str, tuple[str, ...]] = {cloud: limits.reserved for cloud, limits in catalog.LIMITS.items()}


def load(sources: Sequence[str | Path], *, base: Path | None = None) -> Policy:
    """The policy that the sources state together, in their order.

    A source is a file, a folder (every ``*.yaml`` in it, by name) or the name of a shipped policy; relative paths start
    from ``base``. Raises :class:`DocumentError` with every mistake in every document.
    """
    reading = Reading()
    for source in sources:
        reading.add(str(source), base or Path())
    merge = _Merge(reading.problems)
    for part in reading.parts:
        merge.add(part)
    policy = merge.policy(tuple(dict.fromkeys(part.document.file for part in reading.parts)))
    if merge.problems:
        raise DocumentError([*merge.problems, *merge.warnings])
    return policy


class _Tag(msgspec.Struct):
    """A tag as the documents so far state it. ``origins`` says for each field where it was stated.

    ``undecided``: what it allows could not be understood, so nothing can be said against its synonyms.
    """

    name: str
    origins: dict[str, Problem]
    required: bool = True
    level: Level = Level.ERROR
    description: str = ""
    keys: dict[str, str] = {}
    google_tag: str = ""
    aliases: tuple[str, ...] = ()
    values: tuple[ValueRule, ...] = ()
    stated: tuple[Any, ...] = ()  # the value schemas, for `policy show`
    synonyms: dict[str, str] = {}
    default: str = ""
    undecided: bool = False
    since: int = 0  # the number of the document that last said something of the values

    @property
    def spelling(self) -> Spelling:
        return Spelling(self.name, self.keys, self.google_tag)


class _Merge:
    """Folds documents into one policy. ``origin`` values are problems without a message: they know file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.tags: dict[str, _Tag] = {}
        self.rules: dict[str, tuple[RuleDoc, Part, int]] = {}
        self.exemptions: list[tuple[ExemptionDoc, Part, int]] = []
        self.examples: list[Example] = []
        self.unknown: dict[str, str] = {}
        self.surfaces: dict[str, str] = {}
        self.origins: dict[DocPath, Problem] = {}
        self.warnings: list[Problem] = []
        self.names: set[str] = set()
        self.rule_ids: set[str] = set()
        self.order: dict[int, int] = {}  # the number of each part, by its identity
        self.from_files: dict[tuple[str, DocPath], tuple[str, ...]] = {}  # what each values-from gave

    def add(self, part: Part) -> None:
        self.order[id(part)] = len(self.order)
        self.names |= part.names
        self.rule_ids |= part.rule_ids
        for name, doc in part.tags.items():
            path: DocPath = ("tags", name)
            tag = self.tags.setdefault(name, _Tag(name, {}))
            self._fields(tag, doc, part, path)
            tag.origins.setdefault("", part.document.problem(path, ""))
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
                self._unknown(checkpoint, action, part)
        self._surfaces(part)

    def _complain(self, part: Part, path: DocPath, message: str) -> None:
        self.problems.append(part.document.problem(path, message))

    def _loosens(self, part: Part, path: DocPath, how: str, origin: Problem) -> None:
        way_out = f"to mean it, add {dotted(path)} to this document's relax list"
        self._complain(part, path, f"{how} ({origin.file}:{origin.line}); {way_out}")

    def _unknown(self, checkpoint: str, action: str, part: Part) -> None:
        path: DocPath = ("unknown", checkpoint)
        before = self.unknown.get(checkpoint)
        if before is not None and _STRICTNESS[action] < _STRICTNESS[before] and not part.relaxes(path):
            self._loosens(part, path, f"{action} is looser than {before}", self.origins[path])
            return
        self.unknown[checkpoint] = action
        self.origins[path] = part.document.problem(path, "")

    def _surfaces(self, part: Part) -> None:
        """The last glob that matches counts, so a later document loosens wherever one of its globs meets a stricter
        one, unless it goes on to state that one anew."""
        fresh = [(surface, level) for surface, level in part.surfaces.items() if level in _STRICTNESS]
        earlier = dict(self.surfaces)
        for number, (surface, level) in enumerate(fresh):
            path: DocPath = ("surfaces", surface)
            self.surfaces.pop(surface, None)
            self.surfaces[surface] = level
            origin = part.document.problem(path, "")
            for other, before in reversed(earlier.items()):
                kept = any(
                    _STRICTNESS[to] >= _STRICTNESS[before] and glob_matches(g, other) for g, to in fresh[number:]
                )
                if not kept and globs_meet(surface, other) and _STRICTNESS[level] < _STRICTNESS[before]:
                    if not part.relaxes(path):
                        what = f"{level} is looser than {before}" + ("" if other == surface else f" for {other}")
                        self._loosens(part, path, what, self.origins["surfaces", other])
                    break
                if other == surface:
                    break  # it is already the answer wherever those before it meet it
            self.origins[path] = origin

    # --- tags

    def _fields(self, tag: _Tag, doc: TagDoc, part: Part, path: DocPath) -> None:
        """Merges one statement about a tag into what is known of it."""

        def state(field: str) -> None:
            tag.origins[field] = part.document.problem((*path, field), "")

        def may(field: str, how: str, *, looser: bool) -> bool:
            origin = tag.origins.get(field) or tag.origins.get("")
            if not looser or origin is None or part.relaxes((*path, field)):
                return True
            self._loosens(part, (*path, field), how, origin)
            return False

        if doc.required is not None:
            looser = tag.required and not doc.required
            if may("required", "false is looser than true", looser=looser):
                tag.required = doc.required
                state("required")
        if doc.level is not None:
            looser = doc.level.rank < tag.level.rank
            if may("level", f"{doc.level} is looser than {tag.level}", looser=looser):
                tag.level = doc.level
                state("level")
        if doc.description:
            tag.description = doc.description
            state("description")
        for cloud in _CLOUDS:
            key = getattr(doc.keys, cloud)
            if key is None:
                continue
            why = _illegal_key(cloud, key)
            if why:
                self._complain(part, (*path, "keys", cloud), f"{key!r} can't be a key on {cloud}: {why}")
            before = tag.keys.get(cloud)
            if may("keys", f"{key!r} is another key than {before!r}", looser=before not in (None, key)):
                tag.keys = {**tag.keys, cloud: key}
                state("keys")
        if doc.google_tag is not None:
            how = f"the Tag {doc.google_tag} does as well as the label here" + (
                f", and {tag.google_tag} there" if tag.google_tag else ", and none there"
            )
            if may("google-tag", how, looser=doc.google_tag != tag.google_tag):
                tag.google_tag = doc.google_tag
                state("google-tag")
        if doc.aliases:
            tag.aliases = tuple(dict.fromkeys((*tag.aliases, *doc.aliases)))
            state("aliases")
        self._values(tag, doc, part, path)
        for word, meant in doc.synonyms.items():
            before = tag.synonyms.get(word)
            how = f"{word} means {meant} here and {before} there"
            if may("synonyms", how, looser=before not in (None, meant)):
                tag.synonyms = {**tag.synonyms, word: meant}
                state("synonyms")
        if doc.default is not None:
            tag.default = doc.default
            state("default")

    def _values(self, tag: _Tag, doc: TagDoc, part: Part, path: DocPath) -> None:
        fresh: list[ValueRule] = []
        stated: list[Any] = []
        if doc.value is not None:
            wrong = [(("value", *where), why) for where, why in mistakes(doc.value)]
            self._report(part, path, wrong)
            tag.undecided |= bool(wrong)
            compiled = () if wrong else compile_value(doc.value)
            if compiled:
                fresh += compiled
                stated.append(doc.value)
        if doc.values_from is not None:
            try:
                allowed = read_values(doc.values_from, part.folder)
            except ValueError as error:
                self._complain(part, (*path, "values-from"), str(error))
                tag.undecided = True
            else:
                fresh.append(ValueRule(one_of(allowed), allowed))
                stated.append({"enum": list(allowed)})
                self.from_files[part.document.file, path] = allowed
        tag.undecided |= part.spoiled((*path, "value")) or part.spoiled((*path, "values-from"))
        if not fresh:
            return
        field = "value" if doc.value is not None else "values-from"
        if part.relaxes((*path, "value")):
            tag.values, tag.stated = (), ()
        elif tag.values and self.order[id(part)] >= tag.since:  # a rule may be older than what tightens its tag
            extra = [v for v in allowed_by(tuple(fresh)) or () if any(other.check(v) for other in tag.values)]
            if extra:
                shown = ", ".join(extra[:5]) + (f" and {len(extra) - 5} more" if len(extra) > 5 else "")
                verb = "is" if len(extra) == 1 else "are"
                origin = tag.origins.get("value") or tag.origins[""]
                way_out = f"to replace its values, add {dotted((*path, 'value'))} to this document's relax list"
                message = (
                    f"{shown} {verb} not allowed by what {origin.file}:{origin.line} says of {tag.name}; {way_out}"
                )
                self._complain(part, (*path, field), message)
                return
        tag.since = self.order[id(part)]
        tag.values = (*tag.values, *fresh)
        tag.stated = (*tag.stated, *stated)
        tag.origins["value"] = part.document.problem((*path, field), "")

    def _report(self, part: Part, path: DocPath, wrong: Iterable[tuple[DocPath, str]]) -> None:
        self.problems += [part.document.problem((*path, *where), why) for where, why in wrong]

    # --- rules

    def _rule(self, index: int, rule: RuleDoc, part: Part) -> None:
        path: DocPath = ("rules", index)
        before = self.rules.get(rule.id)
        if before is not None and not (before[1] is not part and part.relaxes(("rules", rule.id))):
            origin = before[1].document.problem(("rules", before[2]), "")
            hint = "" if before[1] is part else f", or add rules.{rule.id} to this document's relax list to replace it"
            message = f"{rule.id} is already the id of a rule ({origin.file}:{origin.line}); choose another{hint}"
            self._complain(part, (*path, "id"), message)
            return
        kinds = (rule.require, rule.forbid, rule.every_tag, rule.tags_schema, rule.max_tags)
        if all(kind is None for kind in kinds) and not part.spoiled(path):
            self._complain(part, path, "states nothing: it needs require, forbid, every-tag, tags-schema or max-tags")
            return
        self.rules[rule.id] = (rule, part, index)
        self.origins["rules", rule.id] = part.document.problem(path, "")

    def _compile_rule(self, rule: RuleDoc, part: Part, index: int) -> Iterable[Rule]:
        path: DocPath = ("rules", index)
        selector = compile_when(rule.when, self._spellings())
        about = rule.description or ""
        if part.spoiled((*path, "when")):
            return  # without its selector it would say something else
        for name, doc in (rule.require or {}).items():
            tag = msgspec.structs.replace(self.tags.get(name) or _Tag(name, {}), required=True, level=rule.level)
            tag.origins = {k: v for k, v in tag.origins.items() if k not in ("", "required", "level")}
            where: DocPath = (*path, "require", name)
            self._fields(tag, doc, part, where)
            if doc.default is None and not tag.undecided and any(rule.check(tag.default) for rule in tag.values):
                tag.default = ""  # The tag's own default is not for what this rule selects.
            if doc.value or doc.values_from or doc.synonyms or doc.default:
                self._check_tag(tag, part, where)
            yield _require(rule.id, tag, selector, about)
        if rule.forbid is not None:
            forbid = rule.forbid
            yield Forbid(
                id=rule.id,
                level=rule.level,
                selector=selector,
                names=self._names(),
                description=about,
                keys=tuple(forbid.keys),
                values=tuple(self._forbidden_values(forbid, part, (*path, "forbid"))),
                content=tuple(forbid.content),
            )
        if rule.every_tag is not None:
            compiled: dict[str, tuple[ValueRule, ...]] = {"key": (), "value": ()}
            if rule.every_tag.key is None and rule.every_tag.value is None and not part.spoiled((*path, "every-tag")):
                self._complain(part, (*path, "every-tag"), "states nothing: it needs key or value")
            for field, schema in (("key", rule.every_tag.key), ("value", rule.every_tag.value)):
                wrong = list(mistakes(schema or {}))
                self._report(part, (*path, "every-tag", field), wrong)
                compiled[field] = () if wrong else compile_value(schema or {})
            yield EveryTag(
                id=rule.id,
                level=rule.level,
                selector=selector,
                reserved=_RESERVED,
                names=self._names(),
                description=about,
                key_rules=compiled["key"],
                value_rules=compiled["value"],
            )
        if rule.tags_schema is not None:
            wrong = list(schema_mistakes(rule.tags_schema))
            self._report(part, (*path, "tags-schema"), wrong)
            if not wrong:
                yield TagsSchema(
                    id=rule.id,
                    level=rule.level,
                    selector=selector,
                    description=about,
                    schema=rule.tags_schema,
                )
        if rule.max_tags is not None:
            yield MaxTags(
                id=rule.id,
                level=rule.level,
                selector=selector,
                description=about,
                most=rule.max_tags,
                reserved=_RESERVED,
            )

    def _forbidden_values(self, doc: ForbidDoc, part: Part, path: DocPath) -> Iterable[Pattern]:
        if not (doc.keys or doc.values or doc.content or part.spoiled(path)):
            self._complain(part, path, "states nothing: it needs keys, values or content")
        for position, text in enumerate(doc.values):
            try:
                yield pattern(text)
            except PatternError as error:
                where = (*path, "values", position)
                self._complain(part, where, f"{text!r} is not a regular expression: {error}")

    def _spellings(self) -> dict[str, Spelling]:
        return {name: tag.spelling for name, tag in self.tags.items()}

    def _names(self) -> dict[str, dict[str, str]]:
        return {cloud: {tag.spelling.on(cloud): name for name, tag in self.tags.items()} for cloud in _CLOUDS}

    # --- meaning

    def _check_tag(self, tag: _Tag, part: Part | None, path: DocPath) -> None:
        """What is well-formed and still can't be meant. ``part`` is the document of a rule's ``require``."""

        def complain(field: str, message: str) -> None:
            if part is not None:
                self._complain(part, (*path, field), message)
            else:
                at = tag.origins.get(field) or tag.origins[""]
                self.problems.append(Problem(at.file, at.line, dotted((*path, field)), message))

        def allowed(value: str) -> bool:
            return not any(rule.check(value) for rule in tag.values)

        if tag.undecided:
            return
        if tag.default and (not tag.default.strip() or not allowed(tag.default)):
            complain("default", f"{tag.default!r} is not an allowed value")
        if tag.synonyms and not tag.values:
            complain("synonyms", "needs value or values-from: only what is not allowed can have a right form")
        elif allowed_by(tag.values) == ():
            complain("value", "no value satisfies all that is said of it")
        else:
            for word, meant in tag.synonyms.items():
                if not allowed(meant):
                    complain("synonyms", f"{word} is to mean {meant}, which is not an allowed value")
                if allowed(word):
                    complain("synonyms", f"{word} is an allowed value, so it can't be a synonym of {meant}")

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
            self.problems.append(
                Problem(", ".join(files) or "policy", 0, "", "demands nothing: it has neither tags nor rules")
            )
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
        claims: list[tuple[str, str, str, str]] = [
            (name, field, cloud, word)
            for field in ("keys", "aliases")
            for name, tag in self.tags.items()
            for cloud in _CLOUDS
            for word in ((tag.spelling.on(cloud),) if field == "keys" else tag.aliases)
        ]
        claims += [(name, "google-tag", "tag", tag.google_tag) for name, tag in self.tags.items() if tag.google_tag]
        for name, field, cloud, word in claims:
            other = owners.setdefault((cloud, word.casefold()), name)
            if other != name:
                origins = self.tags[name].origins
                at = origins.get(field) or origins[""]
                message = f"{word} already stands for the tag {other}"
                self.problems.append(Problem(at.file, at.line, dotted(("tags", name, field)), message))

    def _exemption(self, doc: ExemptionDoc, part: Part, index: int) -> Exemption:
        path: DocPath = ("exemptions", index)
        required = {name for rule, _, _ in self.rules.values() for name in rule.require or {}}
        for field, noun, named, known in (
            ("tags", "tag", doc.tags, self.names | required),
            ("rules", "rule", doc.rules, {f"tags/{name}" for name in self.names} | self.rule_ids),
        ):
            for position, name in enumerate(named or []):
                if name not in known:
                    there = f"; there are {', '.join(sorted(known))}" if known else ""
                    self._complain(part, (*path, field, position), f"no {noun} is called {name}{there}")
        if not part.spoiled((*path, "when")) and _selects_everything(doc.when):
            self._complain(part, (*path, "when"), "selects everything; say what is exempt")
        until = _day(doc.until)
        where = part.document.problem((*path, "until"), "")
        if until is None:
            message = f"{doc.until!r} is no date (YYYY-MM-DD), so the exemption does not hold"
            self.warnings.append(msgspec.structs.replace(where, message=message))
        return Exemption(
            selector=compile_when(doc.when, self._spellings()),
            tags=None if doc.tags is None else tuple(doc.tags),
            rules=None if doc.rules is None else tuple(doc.rules),
            reason=doc.reason,
            until=until,
            origin=f"{where.file}:{where.line}",
        )

    def _statement(self) -> Iterable[tuple[DocPath, Any, str]]:
        """(path, value, file:line) of everything in force, for ``policy show``."""

        def at(origin: Problem | None) -> str:
            return f"{origin.file}:{origin.line}" if origin else "the default"

        for name, tag in self.tags.items():
            path: DocPath = ("tags", name)
            if tag.description:
                yield (*path, "description"), tag.description, at(tag.origins.get("description"))
            yield (*path, "required"), tag.required, at(tag.origins.get("required"))
            yield (*path, "level"), str(tag.level), at(tag.origins.get("level"))
            for cloud, key in tag.keys.items():
                yield (*path, "keys", cloud), key, at(tag.origins.get("keys"))
            if tag.google_tag:
                yield (*path, "google-tag"), tag.google_tag, at(tag.origins.get("google-tag"))
            if tag.aliases:
                yield (*path, "aliases"), list(tag.aliases), at(tag.origins.get("aliases"))
            if tag.stated:
                value = tag.stated[0] if len(tag.stated) == 1 else {"allOf": list(tag.stated)}
                yield (*path, "value"), value, at(tag.origins.get("value"))
            if tag.synonyms:
                yield (*path, "synonyms"), tag.synonyms, at(tag.origins.get("synonyms"))
            if tag.default:
                yield (*path, "default"), tag.default, at(tag.origins.get("default"))
        for rule, part, index in self.rules.values():
            yield ("rules", rule.id), self._stated_rule(part, index), at(self.origins.get(("rules", rule.id)))
        for number, (_, part, index) in enumerate(self.exemptions):
            raw = part.document.data["exemptions"][index]
            yield ("exemptions", str(number + 1)), raw, at(part.document.problem(("exemptions", index), ""))
        for checkpoint in get_args(Checkpoint):
            path = ("unknown", checkpoint)
            yield path, self.unknown.get(checkpoint, "warn"), at(self.origins.get(path))
        for surface, level in self.surfaces.items():
            yield ("surfaces", surface), level, at(self.origins.get(("surfaces", surface)))

    def _stated_rule(self, part: Part, index: int) -> dict[str, Any]:
        """A rule as it was written, with the values in place of the file that they are kept in."""
        raw = dict(part.document.data["rules"][index])
        required = raw.get("require")
        if isinstance(required, dict):
            raw["require"] = {name: dict(tag) if isinstance(tag, dict) else tag for name, tag in required.items()}
            for name, tag in raw["require"].items():
                allowed = self.from_files.get((part.document.file, ("rules", index, "require", name)))
                if allowed is not None:
                    del tag["values-from"]
                    listed = {"enum": list(allowed)}
                    tag["value"] = {"allOf": [tag["value"], listed]} if "value" in tag else listed
        return raw


def _require(rule_id: str, tag: _Tag, selector: Selector, why: str = "") -> Require:
    allowed = allowed_by(tag.values)
    return Require(
        id=rule_id,
        level=tag.level,
        selector=selector,
        spelling=tag.spelling,
        required=tag.required,
        description=tag.description,
        why=why,
        aliases=tag.aliases,
        values=tag.values,
        allowed=Allowed(allowed) if allowed else None,
        synonyms=tag.synonyms,
        default=tag.default,
    )


def _selects_everything(when: WhenDoc) -> bool:
    """Whether nothing is said, or only what every resource satisfies (``address: "*"``)."""
    for said in (when.type, when.provider, when.address, when.module, when.account, when.region):
        globs = [said] if isinstance(said, str) else said
        if globs is not None and all(glob.strip("*") for glob in globs):
            return False
    checkpoints = [when.checkpoint] if isinstance(when.checkpoint, str) else when.checkpoint
    every_checkpoint = checkpoints is None or set(checkpoints) == set(get_args(Checkpoint))
    return every_checkpoint and not when.tags


def _day(text: str) -> date | None:
    """The date, None where it isn't one as everybody writes it (``fromisoformat`` also takes 2027-W10-1)."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _illegal_key(cloud: Cloud, key: str) -> str:
    """Why ``key`` can't be a key on ``cloud``; empty where it can."""
    limits = catalog.LIMITS[cloud]
    if len(key) > limits.key_length or (limits.octets and len(key.encode()) > limits.octets):
        return f"it is longer than {limits.key_length} characters"
    if key.casefold().startswith(limits.reserved):
        return f"keys that begin with {' or '.join(limits.reserved)} are reserved"
    if pattern(f"^(?:{limits.key_pattern})$").search(key) is None:
        return f"it does not match {limits.key_pattern}"
    return ""
