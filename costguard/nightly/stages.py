"""What each stage does. A stage leaves one :class:`Result` in the night's folder, and is given those before it."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from costguard import scan as scanning
from costguard.clouds.run import Tally
from costguard.clouds.store import Store
from costguard.config import Config, store_address
from costguard.engine import Judged
from costguard.errors import CostguardError, InputError
from costguard.model.change import ChangeSet, written
from costguard.model.change import read as read_changes
from costguard.model.cost import FAULTS, Candidate, SpendReport
from costguard.model.coverage import Cell, Outcome
from costguard.model.finding import Status
from costguard.model.night import (
    MOST,
    Activity,
    AtFault,
    Expiring,
    Live,
    Looked,
    Night,
    Planned,
    RuleCount,
    StageName,
)
from costguard.model.resource import Cloud, Gap, Known
from costguard.model.spool import encoded
from costguard.nightly.history import Fault, Nights, changed
from costguard.policy import Policy
from costguard.reconcile.journal import Journal
from costguard.reconcile.run import LEASE, what
from costguard.reconcile.run import Outcome as Ran

_SOON = timedelta(days=30)
_KEPT_CANDIDATES = 40
_NIGHT = "night"
"""Whose scan a store has, in its notes."""
_PAUSE, _GRACE = 5.0, 15.0
"""Seconds between two looks whether the leases of a run that was killed are over, and after their end."""


class FailedError(CostguardError):
    """A stage that can't do its work. The others' results stand."""


class SkippedError(CostguardError):
    """A stage that has nothing to do, and why."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage leaves. Each has what it is about, and nothing else; ``gaps`` and ``why`` make it incomplete."""

    why: str = ""
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    live: Live | None = None
    rows: tuple[AtFault, ...] = ()
    more: int = 0
    fresh: tuple[str, ...] = ()
    """The ids of the resources that came to be at fault since the night before; empty where there was none."""
    planned: Planned | None = None
    spend: SpendReport | None = None

    @property
    def complete(self) -> bool:
        return not self.gaps and not self.why


_result = msgspec.json.Decoder(Result)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a night works with. ``folder`` is its own, ``apply`` lets the reconciler write; ``say`` is told how far a
    stage is."""

    id: str
    began: datetime
    config: Config
    policy: Policy
    folder: Path
    nights: Nights
    journal: Journal
    apply: bool
    say: Callable[[str], object]

    @property
    def today(self) -> date:
        return self.began.astimezone(UTC).date()

    @property
    def store(self) -> Path:
        return self.config.folder / self.config.doc.inventory.store

    def judging(self) -> scanning.Judging:
        return scanning.judging(self.config, self.config.doc.inventory, self.policy, self.today)

    def keep(self, name: str, raw: bytes) -> Path:
        """Writes a file of the night, whole or not at all; only its user may read it."""
        path = self.folder / name
        try:
            partial = path.with_name(f".{name}.partial")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
            partial.replace(path)
        except OSError as error:
            raise FailedError(f"{path} can't be written: {error.strerror}") from error
        return path

    def left(self, stage: StageName) -> Result | None:
        """What a stage of this night left, before it was taken up again."""
        try:
            return _result.decode((self.folder / f"{stage}.json").read_bytes())
        except (OSError, msgspec.MsgspecError):
            return None


Before = Mapping[StageName, Result]


# ------------------------------------------------------------------ scan


def scan(work: Work, before: Before) -> Result:  # noqa: ARG001 - as the others are given it.
    """Reads the clouds into the store, and judges what is there."""
    doc = work.config.doc.inventory
    if doc.aws is None and doc.google is None:
        raise SkippedError("costguard.yaml names no cloud under inventory")
    if not _seen_tonight(work):
        with Store.create(work.store) as opened:
            scanning.look(scanning.Asked(inventory=doc, policy=work.policy), opened, _tallied(work.say))
            opened.note(_NIGHT, work.id)
            opened.keep()
    known = work.nights.faults()
    watch = _Watch(work, known)
    with Store.open(work.store) as opened:
        report = scanning.judge(opened, work.judging(), watch)
        seen = opened.noted(scanning.SEEN) or ""
    kept = changed(known, watch.faults, watch.content, watch.undecided, work.today, whole=report.complete)
    work.nights.keep_faults(kept)
    since = {one.id: one.first for one in kept if one.open}
    totals = report.totals if report.totals is not msgspec.UNSET else None
    rows = tuple(msgspec.structs.replace(row, since=since.get(row.id)) for row in watch.rows)
    compared = any(one.live is not None for one in work.nights.nights())
    fresh = tuple(sorted(id_ for id_ in watch.faults if id_ not in known or not known[id_].open)) if compared else ()
    return Result(
        gaps=report.gaps,
        notes=report.notes,
        rows=rows,
        more=len(watch.faults) - len(rows),
        fresh=fresh,
        live=Live(
            seen=seen,
            summary=report.summary,
            accounts=totals.accounts if totals else {},
            rules=tuple(
                RuleCount(rule=one.rule, tag=one.tag, verdict=one.verdict, level=one.level, resources=one.resources)
                for one in (totals.faults if totals else ())
            ),
            coverage=_looked(report.coverage if report.coverage is not msgspec.UNSET else ()),
            added=len(fresh) if compared else None,
            mended=sum(1 for one in kept if one.mended is not None) if compared else None,
        ),
    )


def _looked(cells: Iterable[Cell]) -> tuple[Looked, ...]:
    places: Counter[tuple[Cloud, str, Outcome]] = Counter()
    resources: Counter[tuple[Cloud, str, Outcome]] = Counter()
    for cell in cells:
        places[cell.cloud, cell.source, cell.outcome] += 1
        resources[cell.cloud, cell.source, cell.outcome] += cell.count
    return tuple(
        Looked(cloud=key[0], source=key[1], outcome=key[2], places=count, resources=resources[key])
        for key, count in sorted(places.items())
    )


def _seen_tonight(work: Work) -> bool:
    """Whether the store holds this night's scan, from before the night was taken up again. It says so itself, for
    clocks are set back."""
    try:
        with Store.open(work.store) as store:
            return store.noted(_NIGHT) == work.id
    except InputError:
        return False


def _tallied(say: Callable[[str], object]) -> Callable[[Tally], object]:
    return lambda tally: say(
        f"{tally.accounts_done:,} of {tally.accounts:,} accounts, {tally.sightings:,} resources seen"
    )


class _Watch:
    """Sees each judged resource, and keeps what the night has to say of it."""

    def __init__(self, work: Work, known: Mapping[str, Fault]) -> None:
        self._today = work.today
        self._known = known
        self._owner = work.policy.spellings.get("owner")
        self.rows: list[AtFault] = []
        self.faults: dict[str, Fault] = {}
        self.content: list[str] = []
        self.undecided: list[str] = []

    def __call__(self, judged: Judged) -> None:
        resource = judged.resource
        if judged.status is not Status.VIOLATING:
            if resource.address in self._known:
                if judged.status is Status.COMPLIANT:
                    self.content.append(resource.address)
                elif judged.status is Status.UNKNOWN:
                    self.undecided.append(resource.address)
            return
        faults = [finding for finding in judged.findings if finding.new]
        tags = tuple(sorted({finding.tag for finding in faults if finding.tag is not None}))
        verdicts = {str(finding.verdict) for finding in faults}
        owner = self._owned(judged, tags)
        creator = next((one.id for one in resource.related if one.kind == "creator"), "")
        self.faults[resource.address] = Fault(
            id=resource.address,
            first=self._today,
            last=self._today,
            type=resource.type,
            account=resource.account or "",
            owner=owner,
            creator=creator,
        )
        if len(self.rows) < MOST:
            manager = resource.managers[0] if resource.managers else None
            self.rows.append(
                AtFault(
                    id=resource.address,
                    type=resource.type,
                    account=resource.account or "",
                    region=resource.region or "",
                    tags=tags,
                    verdict=next((one for one in FAULTS if one in verdicts), next(iter(sorted(verdicts)), "")),
                    owner=owner,
                    creator=creator,
                    manager=f"{manager.tool}: {manager}" if manager else "",
                )
            )

    def _owned(self, judged: Judged, wrong: tuple[str, ...]) -> str:
        if self._owner is None or "owner" in wrong or not judged.resource.surfaces:
            return ""
        tag = judged.resource.surfaces[0].tags.tags.get(self._owner.on(judged.resource.cloud))
        known = tag is not None and isinstance(tag.value, Known) and not tag.value.sensitive
        return tag.value.text if tag is not None and known and isinstance(tag.value, Known) else ""


# ------------------------------------------------------------------ reconcile


def reconcile(work: Work, before: Before) -> Result:
    """Plans what is to be done about it; and does it, where that is allowed."""
    from costguard.reconcile.work import made_plan

    if "scan" not in before:
        raise SkippedError("it goes by tonight's scan, and there is none")
    changes = _planned_before(work)
    if changes is None:
        changes = made_plan(work.store, work.journal, work.judging(), work.config).changes
        work.keep("changes.json", written(changes))
    patches = {}
    for number, patch in enumerate(changes.patches, 1):
        path = work.keep(f"{number:03}.patch", patch.diff.encode("utf-8", "surrogateescape"))
        patches[patch.repository] = f"git -C {patch.repository} apply {path.resolve()}"
    decisions: dict[str, int] = {}
    for change in changes.changes:
        decisions[change.decision] = decisions.get(change.decision, 0) + 1
    outcome = _applied(work, changes) if work.apply else None
    gaps = [one for one in changes.gaps if one not in before["scan"].gaps]
    why = ""
    if outcome is not None:
        gaps += [one if one.why else Gap(one.where, "what became of it isn't known") for one in outcome.gaps]
        if outcome.caps:
            limits = ", ".join(f"{one.limit} of {one.of} ({one.most:g})" for one in outcome.caps)
            why = f"nothing was written, for the change set goes beyond {limits}"
        elif not outcome.complete:
            why = outcome.why or "not all changes turned out well"
    return Result(
        why=why,
        gaps=tuple(gaps),
        notes=changes.notes,
        planned=Planned(
            change_set=changes.id,
            decisions=decisions,
            held=sum(one.held for one in changes.held),
            patches=patches,
            rehearsal=not work.apply,
        ),
    )


def _planned_before(work: Work) -> ChangeSet | None:
    """The change set of this night, where it was being applied when the night was killed."""
    path = work.folder / "changes.json"
    if not path.is_file():
        return None
    try:
        changes = read_changes(path.read_bytes(), str(path))
    except (OSError, InputError):
        return None
    return changes if any(run.change_set == changes.id for run in work.journal.runs()) else None


def _applied(work: Work, changes: ChangeSet) -> Ran:
    from costguard.reconcile.apply import apply, resume
    from costguard.reconcile.work import Work as Writing

    clouds = {one.cloud for one in changes.changes if one.decision == "tag"} | {one.cloud for one in changes.steps}
    writing = Writing(
        work.config, clouds, lambda far: work.say(f"{far.done:,} of {far.total:,} changes, {far.failed:,} failed")
    )
    settings = writing.settings(writing.notices(work.journal, changes), changes)
    begun = next((run for run in work.journal.runs() if run.change_set == changes.id and run.kind == "apply"), None)
    if begun is not None and begun.how == "done":  # The night was killed after it, and before it could say so.
        return Ran(run=begun.id, how="done", entries=tuple(work.journal.entries(begun.id)))
    if begun is None:
        return apply(changes, work.journal, writing.writers, **settings)
    ends = time.monotonic() + LEASE.total_seconds() + _GRACE
    while True:
        outcome = resume(begun.id, work.journal, writing.writers, **settings)
        # What the process that was killed may have had under way is over when its leases are.
        if outcome.how == "done" or not outcome.gaps or time.monotonic() > ends:
            return outcome
        work.say("waiting until what was under way when the night was killed is over")
        time.sleep(_PAUSE)


# ------------------------------------------------------------------ spend


def spend(work: Work, before: Before) -> Result:
    """Reads the bills, and keeps the result for the trend."""
    from costguard.spend.history import open_history
    from costguard.spend.inventory import inventory
    from costguard.spend.report import Asked, report

    doc = work.config.doc
    if not doc.billing:
        raise SkippedError("costguard.yaml names no bill under billing")
    with open_history(store_address(work.config, os.environ)) as history:
        done = report(
            Asked(
                paths=work.config.bills(),
                basis=doc.spend.cost,
                currency=doc.spend.currency,
                doc=doc.spend,
                inventory=inventory(work.store, work.judging()) if "scan" in before else None,
                most=MOST,
                absent=True,
                slo=doc.slo,
                prices=True,
            ),
            work.policy,
            work.today,
        )
        done = history.taken(done, work.policy, work.began)
    return Result(spend=done, gaps=done.gaps)


# ------------------------------------------------------------------ report


def assembled(work: Work, night: Night, before: Before) -> Night:
    """The night with all that its stages left."""
    live = before["scan"].live if "scan" in before else None
    spent = before["spend"].spend if "spend" in before else None
    found = before["scan"].rows if "scan" in before else ()
    fresh = set(before["scan"].fresh) if "scan" in before else set()
    done = _written(work)
    rows = [
        msgspec.structs.replace(
            row,
            fresh=row.id in fresh,
            written=row.id in done,
            do="tagged tonight: the next scan will see it" if row.id in done else row.do,
        )
        for row in _joined(found, spent.pareto if spent else ())
    ]
    more = len(rows) - MOST if len(rows) > MOST else 0
    if spent is not None:
        kept = [one for one in spent.pareto if one.kind == "resource"][:_KEPT_CANDIDATES]
        kept += [one for one in spent.pareto if one.kind == "source"][:_KEPT_CANDIDATES]
        spent = msgspec.structs.replace(spent, pareto=tuple(kept))
    return msgspec.structs.replace(
        night,
        live=live,
        planned=before["reconcile"].planned if "reconcile" in before else None,
        activity=_activity(work),
        spend=spent,
        rows=tuple(rows[:MOST]),
        more=more + (before["scan"].more if "scan" in before else 0),
        expiring=expiring(work.policy, work.today),
        gaps=tuple(gap for result in before.values() for gap in result.gaps),
        notes=tuple(dict.fromkeys(note for result in before.values() for note in result.notes)),
    )


def _joined(found: tuple[AtFault, ...], candidates: tuple[Candidate, ...]) -> list[AtFault]:
    """What the scan and the bill say of the same resources, the dearest first."""
    from costguard.spend.inventory import names

    by_name: dict[str, int | None] = {}  # None: several have this name, and which one is meant nobody can tell.
    for index, row in enumerate(found):
        for name in names(row.id):
            by_name[name] = None if name in by_name else index
    by_name |= {row.id: index for index, row in enumerate(found)}
    rows: list[AtFault] = []
    taken = set()
    for one in candidates:
        if one.kind != "resource":
            continue
        number = by_name.get(one.name)
        if number is None:
            row = AtFault(
                id=one.name, account=one.account, tags=one.missing, verdict=one.states[0] if one.states else ""
            )
        else:
            row = found[number]
            taken.add(number)
        rows.append(
            msgspec.structs.replace(
                row, service=one.service, cost=one.cost, projected=one.projected, do=one.command or _do(row)
            )
        )
    rows += [msgspec.structs.replace(row, do=_do(row)) for index, row in enumerate(found) if index not in taken]
    return rows


def _do(row: AtFault) -> str:
    if not row.type:
        return ""
    if row.manager.startswith("terraform: "):
        where = row.manager.rpartition(" in ")[2] if " in " in row.manager else ""
        return f"costguard fix {where}" if where else ""
    return f"costguard reconcile plan --account {row.account} --type {row.type}" if row.account else ""


def _written(work: Work) -> frozenset[str]:
    """What the reconciler has mended tonight, whole: all that it was to write there is there."""
    good: dict[str, bool] = {}
    for run in work.journal.runs(10):
        if run.kind == "apply" and run.started >= work.began:
            for entry in work.journal.entries(run.id):
                if entry.verb == "tags":
                    good[entry.target.id] = good.get(entry.target.id, True) and what(entry) in ("written", "already")
    planned = _planned_before(work)
    whole = {
        one.id
        for one in (planned.changes if planned else ())
        if one.decision == "tag" and set(one.missing) <= {value.tag for value in one.values}
    }
    return frozenset(id_ for id_, fine in good.items() if fine and id_ in whole)


def _activity(work: Work) -> tuple[Activity, ...]:
    found = []
    runs = work.journal.runs(10)
    undone = {run.of for run in runs if run.kind == "undo" and run.how == "done"}
    for run in runs:
        counts: dict[str, int] = {}
        for entry in work.journal.entries(run.id):
            counts[what(entry)] = counts.get(what(entry), 0) + 1
        wrote = any(counts.get(word) for word in ("written", "overwritten", "unsettled"))
        undoable = wrote and run.kind == "apply" and run.id not in undone
        found.append(
            Activity(
                run=run.id,
                kind=run.kind,
                at=run.started.astimezone(UTC).isoformat(timespec="seconds"),
                how=run.how or "not ended",
                why=run.why,
                counts=counts,
                undo=f"costguard reconcile undo {run.id} --apply" if undoable else "",
                tonight=run.started >= work.began,
            )
        )
    return tuple(found)


def expiring(policy: Policy, today: date) -> tuple[Expiring, ...]:
    """The exemptions that end within thirty days, and those that ended in the last thirty."""
    return tuple(
        sorted(
            (
                Expiring(reason=one.reason, until=one.until, where=one.origin)
                for one in policy.exemptions
                if one.until is not None and today - _SOON <= one.until <= today + _SOON
            ),
            key=lambda one: (one.until, one.where),
        )
    )


# ------------------------------------------------------------------ notify


def notify(work: Work, before: Before) -> Result:
    """Tells the owners what came to be at fault since the night before."""
    from costguard.notify import Item, channels, digests, send

    told = channels(work.config.doc.notify)
    if not told:
        raise SkippedError("costguard.yaml names nobody under notify")
    if "scan" not in before:
        raise SkippedError("it tells what tonight's scan found, and there is none")
    result = before["scan"]
    if result.live is None or result.live.added is None:
        raise SkippedError("it tells what changed since the night before, and this is the first")
    fresh = set(result.fresh)
    items = [
        (
            row.owner or None,
            Item(
                id=row.id,
                type=row.type,
                account=row.account,
                region=row.region,
                state="new",
                wrong=f"{', '.join(row.tags)}: {row.verdict}" if row.tags else row.verdict,
                remedy=_do(row),
            ),
        )
        for row in result.rows
        if row.id in fresh
    ]
    made = digests(f"night-{work.id}", "New resources at fault", work.began, items)
    gaps = [
        Gap(f"notify/{one.owner or 'no owner'}", one.gap)
        for one in send(made, told, work.journal, work.began, os.environ)
        if one.gap and one.how != "nobody"
    ]
    return Result(gaps=tuple(gaps), notes=() if items else ("nothing came to be at fault since the night before",))


def kept(result: Result) -> bytes:
    """A result as its file has it."""
    return encoded(result)


STAGES: Mapping[StageName, Callable[[Work, Before], Result]] = {
    "scan": scan,
    "reconcile": reconcile,
    "spend": spend,
    "notify": notify,
}
