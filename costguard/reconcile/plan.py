"""What a scan saw → a change set: for each resource at fault what is to be done about it, and why nothing else is.

Nothing here asks a cloud. A value is written only where the evidence for it is sure enough, where nothing else manages
the resource, and where writing adds to what is there; everything else is a patch to somebody's source, or is flagged
with what was found out. The order in which that is decided is the order of :func:`_Planner._decided`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from costguard import __version__, catalog
from costguard.catalog.encoding import encode, legal
from costguard.clouds.writing import Target
from costguard.config import ExcludeDoc, ReconcileDoc
from costguard.engine import Judged, remarks, stream
from costguard.errors import UsageError
from costguard.iac.markers import CLAIMS
from costguard.model.change import CHANGE_SET_SCHEMA, Change, ChangeSet, Decision, Held, Patch, Value, sealed
from costguard.model.finding import Finding, Tool, Verdict
from costguard.model.resource import Gap, Known, Manager, Resource, TagSet
from costguard.policy.patterns import glob_matches
from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Inference, Inferred, Witness
from costguard.reconcile.ladder import Climb, Flagged, climb
from costguard.reconcile.limits import Caps
from costguard.reconcile.source import Sources, Wanted
from costguard.scan import SEEN, Judging, Survey

if TYPE_CHECKING:
    from costguard.clouds.store import Store
    from costguard.reconcile.journal import Flag

_TERRAFORM = frozenset({"terraform", "opentofu"})
_MENDABLE = (Verdict.MISSING, Verdict.EMPTY, Verdict.MISSPELLED, Verdict.INVALID)
_MOST_PROPOSED = 3
"""Pieces of evidence that are kept for a value; the rest says no more."""


class Narrowed(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an inventory that is planned for: globs, all where there are none; ``tags`` by the policy's names."""

    accounts: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def covers(self, resource: Resource) -> bool:
        return _any(self.accounts, resource.account or "") and _any(self.types, resource.type)


class Planning(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is made from beside the scan. ``hindrance`` says why the cloud's writer never writes to a resource;
    ``flags`` are what earlier plans kept of those that could not be tagged."""

    judging: Judging
    doc: ReconcileDoc
    scan: str
    now: datetime
    sources: Sources
    hindrance: Callable[[Target], str]
    witnesses: Callable[[Survey], tuple[Sequence[Witness], Sequence[Gap]]] = lambda _: ((), ())
    flags: Mapping[str, "Flag"] = {}
    narrowed: Narrowed = Narrowed()


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The change set, and what the journal is to keep of what was flagged."""

    changes: ChangeSet
    climb: Climb


def plan(store: "Store", planning: Planning) -> Planned:
    """Plans for what a scan left. The same scan, policy, configuration and moment make the same bytes."""
    from costguard.reconcile.infer.study import study

    survey = Survey(store, planning.judging)
    policy = planning.judging.policy
    rules = [rule for rule in policy.rules if isinstance(rule, Require)]
    witnesses, silent = planning.witnesses(survey)
    witnesses = [*witnesses, planning.sources.codeowners]
    inference = study(
        lambda: survey.union().resources(),
        rules,
        witnesses,
        threshold=planning.doc.threshold,
        model=planning.doc.infer.model,
    )
    union = survey.union()
    planner = _Planner(planning, rules, inference)
    for judged in stream(policy, "live", union.resources(), planning.judging.today):
        planner.add(judged)
    if not planner.covered:
        named = ", ".join((*planning.narrowed.accounts, *planning.narrowed.types))
        raise UsageError(f"none of the {planner.read:,} resources that were read is of {named}: is that spelled right?")
    gaps, notes = survey.gaps(union)
    notes += _aged(store.noted(SEEN), planning.now)
    gaps += silent
    planner.finish()
    # What wasn't seen is gone only where everything was looked at.
    gone = () if gaps else planning.flags.keys() - planner.seen
    climbed = climb(
        planner.flagged,
        planning.flags,
        planning.doc.ladder,
        planning.now.date(),
        settled={*planner.settled, *gone},
        parents=planner.parents,
    )
    return Planned(
        changes=sealed(
            ChangeSet(
                schema=CHANGE_SET_SCHEMA,
                id="",
                tool=Tool(name="costguard", version=__version__),
                made=planning.now,
                expires=planning.now + _life(planning.doc.expires),
                policy=tuple(policy.files),
                scan=planning.scan,
                read=planner.read,
                changes=planner.changes,
                patches=planner.patches,
                steps=climbed.steps,
                held=(*planner.held, *climbed.held),
                calibration=inference.calibration,
                gaps=tuple(sorted(gaps)),
                notes=(*notes, *climbed.notes, *remarks(policy, planning.judging.today)),
            )
        ),
        climb=climbed,
    )


class _Planner:
    """A change set while its resources come by."""

    def __init__(self, planning: Planning, rules: Sequence[Require], inference: Inference) -> None:
        self._planning = planning
        self._doc = planning.doc
        self._inference = inference
        self._rules: dict[str, list[Require]] = {}
        for rule in rules:
            self._rules.setdefault(rule.spelling.name, []).append(rule)
        self._changes: list[Change] = []
        self._wanted: dict[str, Wanted] = {}
        self._resources: dict[str, Resource] = {}
        self._owners: dict[str, str] = {}
        self.read = 0
        self.covered = not (planning.narrowed.accounts or planning.narrowed.types)
        """Whether anything is what the plan was narrowed to."""
        self.parents: set[str] = set()
        self.seen: set[str] = set()
        """Those of the ids that an earlier plan flagged that are there still; ``settled`` are at fault no more."""
        self.settled: set[str] = set()
        self.patches: tuple[Patch, ...] = ()
        self.held: tuple[Held, ...] = ()

    # --- one resource

    def add(self, judged: Judged) -> None:
        self.read += 1
        resource = judged.resource
        self.covered = self.covered or self._planning.narrowed.covers(resource)
        self.parents.update(relation.id for relation in resource.related if relation.kind == "parent")
        if resource.address in self._planning.flags:
            self.seen.add(resource.address)
            if not judged.findings:
                self.settled.add(resource.address)
        if not judged.findings or not self._planning.narrowed.covers(resource):
            return
        certain = [one for one in judged.findings if one.tag and one.verdict in _MENDABLE and self._asked(one.tag)]
        if not certain:
            unknown = [one for one in judged.findings if one.tag and self._asked(one.tag)]
            if unknown:
                why = "nothing is written from evidence that isn't there: " + unknown[0].message
                missing = tuple(dict.fromkeys(one.tag for one in unknown if one.tag))
                self._changes.append(_change(resource, "skip", why, missing=missing))
            return
        change = self._decided(resource, certain, judged.secret)
        self._changes.append(change)
        if change.decision in ("flag", "patch"):
            self._resources[resource.address] = resource
            owner = self._owner(resource)
            if owner is not None:
                self._owners[resource.address] = owner

    def _asked(self, tag: str) -> bool:
        return not self._planning.narrowed.tags or tag in self._planning.narrowed.tags

    def _decided(self, resource: Resource, faults: Sequence[Finding], secret: Collection[str]) -> Change:
        """The first thing that stands against writing decides; what is left is written."""
        missing = tuple(dict.fromkeys(one.tag for one in faults if one.tag))
        excluded = next((n for n, one in enumerate(self._doc.exclude) if excludes(one, resource)), None)
        if excluded is not None:
            why = f"costguard.yaml leaves it alone (reconcile.exclude, entry {excluded + 1})"
            return _change(resource, "skip", why, missing=missing)
        values: list[Value] = []
        proposed: list[Value] = []
        doubts: list[str] = []
        expects: dict[str, str | None] = {}
        for fault in faults:
            self._mend(resource, fault, secret, values, proposed, doubts, expects)
        tags = resource.surfaces[0].tags
        reserved = catalog.LIMITS[resource.cloud].reserved if resource.cloud else ()
        own = [key for key in tags.tags if not key.casefold().startswith(reserved or ("\0",))]

        def change(decision: Decision, why: str, *, write: bool = False) -> Change:
            return Change(
                id=resource.address,
                type=resource.type,
                cloud=resource.cloud or "aws",
                account=resource.account or "",
                region=resource.region or "",
                decision=decision,
                why=why,
                values=tuple(values) if write else (),
                proposed=tuple(proposed) if write else tuple(sorted([*values, *proposed], key=_by_tag)),
                expects=expects if write else {},
                count=len(own),
                managed_by=resource.managers,
                missing=missing,
            )

        real = [one for one in resource.managers if one.tool not in CLAIMS]
        terraform = [one for one in real if one.tool in _TERRAFORM]
        if terraform:
            if not values:
                # Somebody took it away by hand: it needs no value, only to be applied again.
                there = self._planning.sources.already(resource, {one.key for one in faults if one.key})
                if there:
                    return change("patch", "; ".join((_named(terraform), *there.values())))
                return change("flag", f"{_named(terraform)}, and no value is sure: {'; '.join(doubts)}")
            ignored = self._planning.sources.ignored(resource, {value.key for value in values})
            if not all(value.key in ignored for value in values):
                self._wanted[resource.address] = Wanted(resource, tuple(values))
                return change("patch", _named(terraform), write=True)
        elif real:
            return change("flag", f"{_named(real)}: a tag belongs there, and is undone or lost on the resource itself")
        elif resource.managers:
            claimed = resource.managers[0].name
            why = f"a tag says {claimed!r}, and no state that was read has it: name that state under terraform.states"
            return change("flag", why)
        elif resource.declared is None and not self._doc.assume_unmanaged:
            why = (
                "whether Terraform manages it isn't known, for no state was read that could say so, or not all were: "
                "name them under terraform.states, or say reconcile.assume-unmanaged"
            )
            return change("flag", why)
        if hindrance := self._hindrance(resource):
            return change("flag", hindrance)
        if not values:
            return change("flag", "; ".join(doubts))
        added = sum(value.before is None for value in values) - sum(value.after is None for value in values)
        most = catalog.LIMITS[resource.cloud or "aws"].max_tags
        if len(own) + added > most:
            why = f"it has {len(own)} tags, and with {added} more it would have more than the {most} that there may be"
            return change("flag", why)
        return change("tag", "; ".join(doubts), write=True)

    def _hindrance(self, resource: Resource) -> str:
        if resource.cloud not in ("aws", "google"):
            return "costguard writes to AWS and Google Cloud only"
        return self._planning.hindrance(_target(resource))

    def _mend(
        self,
        resource: Resource,
        fault: Finding,
        secret: Collection[str],
        values: list[Value],
        proposed: list[Value],
        doubts: list[str],
        expects: dict[str, str | None],
    ) -> None:
        """What there is for one tag: a value to write, or one that is only proposed, and why."""
        tag = fault.tag or ""
        rules = [
            rule
            for rule in self._rules.get(tag, ())
            if rule.selector.selects_type(resource.type, resource.provider, resource.cloud, "live")
            and rule.selector.selects(resource, resource.surfaces[0].tags) is not False
        ]
        if not rules:
            return
        rule = next((one for one in rules if one.id == fault.rule), rules[0])
        key = rule.spelling.on(resource.cloud)
        tags = resource.surfaces[0].tags
        before = _text(tags, key)
        found = self._inference.of(resource, rule)
        if found.value is None:
            doubts.append(f"{tag}: nothing says its value")
            return
        after = encode("google", found.value) if resource.cloud == "google" else found.value
        value = Value(
            tag=tag,
            key=key,
            before=before,
            after=after,
            rule=rule.id,
            confidence=found.confidence,
            evidence=found.evidence[:_MOST_PROPOSED],
        )
        doubt = self._doubt(resource, rules, value, found, tags, secret)
        if doubt:
            doubts.append(f"{tag}: {doubt}")
            if after is not None and not (fault.found in secret or key in secret):
                proposed.append(value)
            return
        values.append(value)
        expects[key] = before
        if fault.verdict is Verdict.MISSPELLED and fault.found is not None:
            there = _text(tags, fault.found)
            expects[fault.found] = there
            if fault.found in self._doc.delete and there is not None:
                values.append(msgspec.structs.replace(value, key=fault.found, before=there, after=None))

    def _doubt(
        self,
        resource: Resource,
        rules: Sequence[Require],
        value: Value,
        found: Inferred,
        tags: TagSet,
        secret: Collection[str],
    ) -> str:
        """Why a value isn't written; empty for one that is."""
        cloud = resource.cloud
        if found.conflict:
            return found.conflict
        if found.confidence < self._doc.threshold:
            sure = f"{found.confidence:.2f} sure, and {self._doc.threshold:.2f} is asked for"
            return f"probably {found.value}, which is {sure}"
        if value.after is None:
            return f"{found.value} can't be written as a label"
        if not all(rule.allows(found.value or "") for rule in rules):
            return f"{found.value} isn't a value that every rule for it allows"
        if cloud is None or not legal(cloud, value.key, "key") or not legal(cloud, value.after, "value"):
            return f"{cloud or 'its cloud'} takes no tag {value.key} = {value.after}"
        if value.key in secret:
            return "its value is a secret"
        if tags.doubt(value.key):
            return f"whether the key is there isn't known: {tags.doubt(value.key)}"
        if value.key in tags.tags and value.before is None:
            return "the value that is there isn't known"
        if other := catalog.variant(resource.type, value.key, tags.tags):
            return (
                f"to IAM {other} and {value.key} are one key, and writing it would replace {other}: rename it by hand"
            )
        if value.before is not None and value.tag not in self._doc.overwrite:
            said = (
                f"{value.key} is {value.before!r}" if value.before.strip() else f"{value.key} is there without a value"
            )
            return f"{said}, and nothing is written over unless reconcile.overwrite names {value.tag}"
        return ""

    def _owner(self, resource: Resource) -> str | None:
        """Who probably answers for it: its own tag, else the best that was found out."""
        for rule in self._rules.get("owner", ()):
            text = _text(resource.surfaces[0].tags, rule.spelling.on(resource.cloud))
            if text and rule.allows(text):
                return text
            found = self._inference.of(resource, rule)
            if found.value is not None and not found.conflict:
                return found.value
        return None

    def _keys(self, change: Change) -> dict[str, str]:
        """The key on its cloud of each tag that it is at fault with."""
        return {tag: self._rules[tag][0].spelling.on(change.cloud) for tag in change.missing if tag in self._rules}

    def _exempting(self, resource: Resource) -> dict[str, str | None]:
        """The keys by which an exemption or ``reconcile.exclude`` would leave it alone, with what they are."""
        keys = {key for doc in self._doc.exclude for key in doc.tags or {}}
        for exemption in self._planning.judging.policy.exemptions:
            keys.update(spelling.on(resource.cloud) for spelling, _ in exemption.selector.tags)
        return {key: _text(resource.surfaces[0].tags, key) for key in sorted(keys)}

    # --- all of them

    def finish(self) -> None:
        """What can only be said of all together: the patches, and the caps."""
        self._patch()
        self._cap()
        self._changes.sort(key=lambda one: one.id)

    def _patch(self) -> None:
        self.patches = self._planning.sources.patches(list(self._wanted.values()))
        left = {id_: why for patch in self.patches for id_, why in patch.left.items()}
        self._changes = [
            msgspec.structs.replace(one, why=f"{one.why}; {left[one.id]}")
            if one.decision == "patch" and one.id in left
            else one
            for one in self._changes
        ]

    def _cap(self) -> None:
        """The surest come first; what is beyond a cap waits for a later run."""
        caps = Caps(self._doc.limits, self.read)
        order = sorted(
            (one for one in self._changes if one.decision == "tag"),
            key=lambda one: (-min(value.confidence for value in one.values), one.id),
        )
        waiting: dict[str, str] = {}
        for change in order:
            held = caps.take(change)
            if held is not None:
                number = f"{held.most:g}{'%' if held.limit == 'percent' else ''}"
                waiting[change.id] = f"waits for a later run: limits.{held.limit} is {number} ({held.of})"
        self._changes = [
            msgspec.structs.replace(
                one, decision="skip", why=waiting[one.id], values=(), proposed=_bare(one.values), expects={}
            )
            if one.id in waiting and one.decision == "tag"
            else one
            for one in self._changes
        ]
        self.held = caps.held

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(self._changes)

    @property
    def flagged(self) -> Sequence[Flagged]:
        return [
            Flagged(
                self._resources[one.id],
                one,
                self._owners.get(one.id),
                self._keys(one),
                self._exempting(self._resources[one.id]),
            )
            for one in self._changes
            if one.decision == "flag"
        ]


def _aged(seen: str | None, now: datetime) -> list[str]:
    """What is to be said of a scan that isn't of today: it is read again before anything is written, but what was made
    since isn't in it."""
    age = now - datetime.fromisoformat(seen) if seen else timedelta()
    return (
        [f"the scan is {age // timedelta(hours=1):,} hours old: what was made since isn't in it"] if age > _OLD else []
    )


def _change(resource: Resource, decision: Decision, why: str, *, missing: tuple[str, ...]) -> Change:
    return Change(
        id=resource.address,
        type=resource.type,
        cloud=resource.cloud or "aws",
        account=resource.account or "",
        region=resource.region or "",
        decision=decision,
        why=why,
        managed_by=resource.managers,
        missing=missing,
    )


def _target(resource: Resource) -> Target:
    return Target(
        resource.address, resource.type, resource.cloud or "aws", resource.account or "", resource.region or ""
    )


def _named(managers: Iterable[Manager]) -> str:
    first, *more = managers
    others = f" and {len(more)} more" if more else ""
    return f"{first.tool} manages it as {first}{others}"


def _text(tags: TagSet, key: str) -> str | None:
    tag = tags.tags.get(key)
    return tag.value.text if tag is not None and isinstance(tag.value, Known) else None


def _bare(values: Iterable[Value]) -> tuple[Value, ...]:
    """Without their evidence, which the run that writes them finds anew: a backlog may have a million of them."""
    return tuple(msgspec.structs.replace(value, evidence=()) for value in values)


def _by_tag(value: Value) -> tuple[str, str]:
    return value.tag, value.key


def excludes(doc: ExcludeDoc, resource: Resource) -> bool:
    """Whether an entry of ``reconcile.exclude`` is about a resource, by its own tags and all else that is given."""
    tags = resource.surfaces[0].tags
    return (
        _any(_globs(doc.type), resource.type)
        and _any(_globs(doc.account), resource.account or "")
        and _any(_globs(doc.region), resource.region or "")
        and _any(_globs(doc.id), resource.address)
        and all(
            (text := _text(tags, key)) is not None and glob_matches(glob, text)
            for key, glob in (doc.tags or {}).items()
        )
    )


def _globs(value: str | list[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def _any(globs: Sequence[str], text: str) -> bool:
    return not globs or any(glob_matches(glob, text) for glob in globs)


_OLD = timedelta(hours=24)
_LIFE = re.compile(r"([0-9]+)([hd])")


def _life(text: str) -> timedelta:
    """Of ``24h`` or ``7d``."""
    match = _LIFE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    number = int(match[1])
    return timedelta(hours=number) if match[2] == "h" else timedelta(days=number)
