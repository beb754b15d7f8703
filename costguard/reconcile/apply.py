"""Applies a change set: what may be applied at all, and which acts it comes to.

The acts' numbers are their places in the change set, so that a run which is resumed, by any process and any number of
times, means the same things by them. How they are done is :mod:`costguard.reconcile.run`'s.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Unpack

import msgspec

from costguard.catalog.encoding import legal
from costguard.clouds.writing import TagWriter, Target
from costguard.config import LadderDoc
from costguard.errors import InputError, UsageError
from costguard.model.change import Change, ChangeSet, Held, Rung, Step, read, written
from costguard.model.resource import Cloud
from costguard.reconcile.journal import Journal, Run, Verb
from costguard.reconcile.ladder import Calendar, Room, entry_of, replaceable
from costguard.reconcile.limits import Caps
from costguard.reconcile.run import OPEN, Act, Engine, Outcome, Settings, check_writers, foresee, named, split, what

_SKEW = timedelta(minutes=5)
"""How far ahead the clock of whoever planned may be."""
_HARMFUL: tuple[Rung, ...] = ("stop", "terminate")
_NIGHT = timedelta(hours=20)
"""What is stopped or terminated within it counts together. A day, but for a run each night that now and then begins
earlier than the night before."""


def apply(
    changes: ChangeSet, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]
) -> Outcome:
    """Does what the change set says; a run of its own in the journal, unless there is nothing to do.

    Raises :class:`InputError` where it isn't accepted (expired, made in the future, one resource twice),
    :class:`UsageError` where nobody here writes to one of its clouds, and :class:`JournalError` where the run can't
    even be begun. Beyond a cap nothing is sent, and the outcome says which.
    """
    acts, now = _accepted(changes, writers, settings), settings["now"]()
    caps = (*_barred(changes, acts, settings, _lately(journal, now)), *_unheard(acts, journal))
    if caps or not acts:
        return Outcome(run="", caps=caps)
    run = Run(id=named(now), kind="apply", change_set=changes.id, started=now, payload=written(changes))
    journal.begin(run)
    return Engine(journal, writers, run, settings, changes.expires).go(acts)


def rehearse(changes: ChangeSet, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]) -> Outcome:
    """What :func:`apply` would do now. Reads everything and writes nothing anywhere; raises what it raises. It has no
    journal, so that it doesn't know what other runs have stopped and terminated today."""
    acts = _accepted(changes, writers, settings)
    if caps := _barred(changes, acts, settings):
        return Outcome(run="", rehearsal=True, caps=caps)
    return foresee(acts, writers, settings)


def resume(run_id: str, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]) -> Outcome:
    """Brings a run to its end that was killed, stopped itself or could not go on; also one that undoes another.

    What may have been sent is read first, and sent again only where it certainly wasn't taken. After the change set
    has expired, or where what is left is more than today's limits and ladder allow, nothing new is written: what may
    have been sent is read, and the rest stays unbegun. Raises
    :class:`UsageError` where there is no such run, or it has ended, or was undone meanwhile.
    """
    from costguard.reconcile.undo import resume_undo

    run = found(run_id, journal)
    if run.how == "done":
        raise UsageError(f"run {run_id} is done: there is nothing to resume")
    undone = next((other.id for other in journal.runs(_ALL) if other.of == run_id), None)
    if undone is not None:
        raise UsageError(f"run {run_id} was undone by run {undone}: plan again")
    if run.kind == "undo":
        return resume_undo(run, journal, writers, settings)
    changes = read(run.payload, f"the change set of run {run_id}")
    acts = list(acts_of(changes))
    check_writers(acts, writers)
    entries = {entry.number: entry for entry in journal.entries(run.id)}
    left = [act for act in acts if act.number not in entries or what(entries[act.number]) in OPEN]
    but = {act.number for act in left}
    caps = _barred(changes, left, settings, _lately(journal, settings["now"](), but, run.id))
    barred = "what is left of the run is beyond the limits or the ladder of costguard.yaml" if caps else ""
    outcome = Engine(journal, writers, run, settings, changes.expires, barred).go(acts)
    return msgspec.structs.replace(outcome, caps=caps)


_ALL = 1_000_000
"""Runs that a store may have."""


def found(run_id: str, journal: Journal) -> Run:
    """The run with this id. Raises :class:`UsageError` where there is none."""
    run = journal.run(run_id)
    if run is None:
        raise UsageError(f"the journal has no run {run_id}: `costguard reconcile status` lists them")
    return run


def acts_of(changes: ChangeSet) -> Iterator[Act]:
    """What a change set comes to. A change that takes a key away has two acts: the key that it gives way to must be
    there, verified, before. Raises :class:`InputError` for a quarantine that would write over something else."""
    number = 0
    for change in changes.changes:
        if change.decision != "tag":
            continue
        for value in change.values:
            if value.after is not None and not (
                legal(change.cloud, value.key, "key") and legal(change.cloud, value.after, "value")
            ):
                raise InputError(f"{change.id}: its cloud doesn't take {value.key!r} = {value.after!r}: plan again")
        target = _target(change)
        before = {value.key: value.before for value in change.values}
        expects = {**change.expects, **before}
        for part in split({value.key: value.after for value in change.values}):
            yield Act(
                number=number,
                verb="tags",
                target=target,
                before={key: before[key] for key in part},
                after=part,
                expects={key: text for key, text in expects.items() if key not in part},
            )
            expects.update(part)
            number += 1
    for step in changes.steps:
        for act in _of_step(step):
            yield msgspec.structs.replace(act, number=number)
            number += 1


def _of_step(step: Step) -> Iterator[Act]:
    target = _target(step)
    if step.rung == "quarantine":
        before = {key: step.expects.get(key) for key in step.sets}
        if not before or not all(replaceable(before[key], day) for key, day in step.sets.items()):
            raise InputError(f"the quarantine of {step.id} is none that costguard plans: plan again")
        yield Act(
            number=0,
            verb="tags",
            target=target,
            before=before,
            after=dict(step.sets),
            expects={name: text for name, text in step.expects.items() if name not in before},
            step=step,
        )
        return
    verb: Verb = step.rung if step.rung in ("stop", "terminate") else "notice"
    if step.snapshot:
        yield Act(number=0, verb="snapshot", target=target, expects=step.expects, step=step)
    yield Act(number=0, verb=verb, target=target, expects=step.expects, step=step)


def _target(of: Change | Step) -> Target:
    return Target(of.id, of.type, of.cloud, of.account, of.region)


def _accepted(changes: ChangeSet, writers: Mapping[Cloud, TagWriter], settings: Settings) -> list[Act]:
    now = settings["now"]()
    if now >= changes.expires:
        raise InputError(f"the change set expired at {changes.expires:%Y-%m-%d %H:%M} UTC: plan again")
    if changes.made > now + _SKEW:
        raise InputError(
            f"the change set says that it was made at {changes.made:%Y-%m-%d %H:%M} UTC, which is to come: "
            "the clock here, or there, is wrong"
        )
    twice = [id_ for id_, count in Counter(one.id for one in changes.changes).items() if count > 1]
    if twice:
        raise InputError(f"the change set has {twice[0]} twice: costguard doesn't plan so; plan again")
    acts = list(acts_of(changes))
    check_writers(acts, writers)
    return acts


def _barred(
    changes: ChangeSet, acts: Iterable[Act], settings: Settings, earlier: Iterable[tuple[Rung, Target]] = ()
) -> tuple[Held, ...]:
    """What keeps these acts of a change set from being begun now: every cap that they are beyond, for the plan keeps
    within those that it was made under; what the ladder doesn't allow; a day on which nothing climbs. ``earlier`` are
    what was stopped and terminated within a day."""
    ids = {act.target.id for act in acts if act.step is None}
    steps = [act.step for act in acts if act.step is not None and act.verb != "snapshot"]
    ladder = settings.get("ladder", LadderDoc())
    caps = Caps(settings["limits"], changes.read)
    for change in changes.changes:
        if change.decision == "tag" and change.id in ids:
            caps.take(change)
    for step in steps:
        if step.sets:
            caps.take(step)
    return (*caps.held, *_too_high(steps, ladder, list(earlier)), *_closed(steps, ladder, settings["now"]().date()))


def _too_high(steps: Sequence[Step], ladder: LadderDoc, earlier: Sequence[tuple[Rung, Target]]) -> Iterator[Held]:
    """The ladder's caps, each entry's and the rung's, and the steps that no entry of it allows."""
    for rung in dict.fromkeys(step.rung for step in steps):
        of_rung = [step for step in steps if step.rung == rung]
        room = Room(ladder, rung)
        taken = 0
        for other, target in earlier:
            entry = entry_of(ladder, rung, target.account, target.type) if other == rung else None
            if entry is not None:
                room.take(*entry, forced=True)
                taken += 1
        entries = [entry_of(ladder, rung, step.account, step.type) for step in of_rung]
        barred = entries.count(None)
        # Without any entry the rung isn't there any more.
        over = sum(not room.take(*entry) for entry in entries if entry is not None) if room.most else len(of_rung)
        if barred:
            yield Held(limit=f"ladder.{rung}", of="accounts and types that no entry names", most=0, held=barred)
        if over:
            besides = f", of which {taken} were in the last {_NIGHT.seconds // 3600} hours" if taken else ""
            yield Held(limit=f"ladder.{rung}", of=f"rung {rung}{besides}", most=room.most, held=over)


def _closed(steps: Sequence[Step], ladder: LadderDoc, today: date) -> Iterator[Held]:
    """Nothing climbs on a day on which nobody is there to object, whenever it was planned."""
    if steps and not Calendar(map(date.fromisoformat, ladder.holidays)).opens(today):
        yield Held(limit="ladder.holidays", of=f"{today} is no business day", most=0, held=len(steps))


def _unheard(acts: Iterable[Act], journal: Journal) -> Iterator[Held]:
    """What is to be stopped or terminated of which this journal doesn't know that it was in quarantine: it is another
    journal than the plan's, or a new one, and knows nothing of what was done today either."""
    for rung in _HARMFUL:
        ids = {act.target.id for act in acts if act.verb == rung}
        flags = journal.flags(ids) if ids else {}
        unheard = sum(id_ not in flags or "quarantine" not in flags[id_].climbed for id_ in ids)
        if unheard:
            yield Held(
                limit=f"ladder.{rung}", of="what this journal doesn't know to be in quarantine", most=0, held=unheard
            )


def _lately(journal: Journal, now: datetime, but: Collection[int] = (), run: str = "") -> Iterator[tuple[Rung, Target]]:
    """What any run stopped or terminated within a night, or may have; ``but`` for these numbers of this run. A run that
    is under way is counted only as far as it has come."""
    since = now - _NIGHT
    for one in journal.runs(_ALL):
        if one.kind != "apply" or (one.ended is not None and one.ended < since):
            continue
        for entry in journal.entries(one.id):
            if entry.verb not in ("stop", "terminate") or entry.at is None or entry.at < since:
                continue
            if what(entry) in ("written", "unsettled") and not (one.id == run and entry.number in but):
                yield entry.verb, entry.target
