"""Applies a change set: what may be applied at all, and which acts it comes to.

The acts' numbers are their places in the change set, so that a run which is resumed, by any process and any number of
times, means the same things by them. How they are done is :mod:`costguard.reconcile.run`'s.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Unpack

import msgspec

from costguard.clouds.writing import TagWriter, Target
from costguard.config import LadderDoc, LimitsDoc
from costguard.config.ladder import MOST
from costguard.errors import InputError, UsageError
from costguard.model.change import Change, ChangeSet, Held, Step, read, written
from costguard.model.resource import Cloud
from costguard.policy.patterns import glob_matches
from costguard.reconcile.journal import Journal, Run, Verb
from costguard.reconcile.ladder import quarantined
from costguard.reconcile.limits import Caps
from costguard.reconcile.run import Act, Engine, Outcome, Settings, check_writers, foresee, named, split

_SKEW = timedelta(minutes=5)
"""How far ahead the clock of whoever planned may be."""


def apply(
    changes: ChangeSet, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]
) -> Outcome:
    """Does what the change set says; a run of its own in the journal, unless there is nothing to do.

    Raises :class:`InputError` where it isn't accepted (expired, made in the future, one resource twice),
    :class:`UsageError` where nobody here writes to one of its clouds, and :class:`JournalError` where the run can't
    even be begun. Beyond a cap nothing is sent, and the outcome says which.
    """
    acts, caps = _accepted(changes, writers, settings)
    if caps or not acts:
        return Outcome(run="", caps=caps)
    now = settings["now"]()
    run = Run(id=named(now), kind="apply", change_set=changes.id, started=now, payload=written(changes))
    journal.begin(run)
    return Engine(journal, writers, run, settings, changes.expires).go(acts)


def rehearse(changes: ChangeSet, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]) -> Outcome:
    """What :func:`apply` would do now. Reads everything and writes nothing anywhere; raises what it raises."""
    acts, caps = _accepted(changes, writers, settings)
    if caps:
        return Outcome(run="", rehearsal=True, caps=caps)
    return foresee(acts, writers, settings)


def resume(run_id: str, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]) -> Outcome:
    """Brings a run to its end that was killed, stopped itself or could not go on; also one that undoes another.

    What may have been sent is read first, and sent again only where it certainly wasn't taken. After the change set
    has expired nothing new is written: what may have been sent is read, and the rest stays unbegun. Raises
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
    acts = list(acts_of(changes, settings.get("ladder", LadderDoc())))
    check_writers(acts, writers)
    return Engine(journal, writers, run, settings, changes.expires).go(acts)


_ALL = 1_000_000
"""Runs that a store may have."""


def found(run_id: str, journal: Journal) -> Run:
    """The run with this id. Raises :class:`UsageError` where there is none."""
    run = journal.run(run_id)
    if run is None:
        raise UsageError(f"the journal has no run {run_id}: `costguard reconcile status` lists them")
    return run


def acts_of(changes: ChangeSet, ladder: LadderDoc) -> Iterator[Act]:
    """What a change set comes to. A change that takes a key away has two acts: the key that it gives way to must be
    there, verified, before."""
    number = 0
    for change in changes.changes:
        if change.decision != "tag":
            continue
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
        for act in _of_step(step, changes, ladder):
            yield msgspec.structs.replace(act, number=number)
            number += 1


def _of_step(step: Step, changes: ChangeSet, ladder: LadderDoc) -> Iterator[Act]:
    target = _target(step)
    if step.rung == "quarantine":
        key = ladder.quarantine
        yield Act(
            number=0,
            verb="tags",
            target=target,
            before={key: step.expects.get(key)},
            after={key: quarantined(changes.made.date())},
            expects={name: text for name, text in step.expects.items() if name != key},
            step=step,
        )
        return
    verb: Verb = step.rung if step.rung in ("stop", "terminate") else "notice"
    if step.snapshot:
        yield Act(number=0, verb="snapshot", target=target, expects=step.expects, step=step)
    yield Act(number=0, verb=verb, target=target, expects=step.expects, step=step)


def _target(of: Change | Step) -> Target:
    return Target(of.id, of.type, of.cloud, of.account, of.region)


def _accepted(
    changes: ChangeSet, writers: Mapping[Cloud, TagWriter], settings: Settings
) -> tuple[list[Act], tuple[Held, ...]]:
    now, ladder = settings["now"](), settings.get("ladder", LadderDoc())
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
    acts = list(acts_of(changes, ladder))
    check_writers(acts, writers)
    return acts, (*_beyond(changes, settings["limits"]), *_too_high(changes.steps, ladder))


def _beyond(changes: ChangeSet, limits: LimitsDoc) -> tuple[Held, ...]:
    """Every cap that the change set is beyond: the plan keeps within those that it was made under."""
    caps = Caps(limits, changes.read)
    for change in changes.changes:
        if change.decision == "tag":
            caps.take(change)
    return caps.held


def _too_high(steps: tuple[Step, ...], ladder: LadderDoc) -> Iterator[Held]:
    """The ladder's caps, and the steps that no entry of it allows."""
    for rung in dict.fromkeys(step.rung for step in steps):
        entries = [doc for doc in ladder.rungs if doc.rung == rung]
        of_rung = [step for step in steps if step.rung == rung]
        # The last two rungs take no patterns.
        matches = str.__eq__ if rung in ("stop", "terminate") else glob_matches
        barred = sum(
            not any(
                any(matches(text, step.account) for text in doc.accounts)
                and any(matches(text, step.type) for text in doc.types)
                for doc in entries
            )
            for step in of_rung
        )
        most = max((doc.most or MOST[rung] for doc in entries), default=0)
        if barred:
            yield Held(limit=f"ladder.{rung}", of="accounts and types that no entry names", most=0, held=barred)
        if len(of_rung) > most:
            yield Held(limit=f"ladder.{rung}", of=f"rung {rung}", most=most, held=len(of_rung) - most)
