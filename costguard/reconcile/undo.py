"""Undoes a run: what it wrote is taken back, key by key, where it is still what the run wrote.

An undo is a run of its own, with its own intents; it can be killed and resumed, and undone in turn.

What it can't know: a write whose answer nobody heard, because the run was killed, counts as the run's own where its
value is there afterwards. Had it never been sent, and had somebody else set the very same value since, the undo takes
that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

import msgspec

from costguard.clouds.writing import TagWriter, Target
from costguard.errors import UsageError
from costguard.model.change import Change, Step, read
from costguard.model.resource import Cloud
from costguard.reconcile.apply import found
from costguard.reconcile.journal import Entry, Journal, Run
from costguard.reconcile.run import (
    ALL,
    Act,
    Engine,
    Outcome,
    Settings,
    What,
    check_writers,
    foresee,
    named,
    split,
    what,
)

_LEFT: frozenset[What] = frozenset({"refused", "lost", "full", "unread", "postponed", "unsettled", "busy"})
"""What became of an act of an undo that another undo may do."""


def undo(run_id: str, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]) -> Outcome:
    """Takes back what a run wrote: keys that weren't there are taken away, others get the value that they had.

    What somebody has changed since is left, also what a later run has written as its own, and the outcome says what it
    is now; each entry's ``guard`` says what kept a change safe that was made in between. A key is taken away only where
    what it had taken the place of is there again; so where there is no room for that one (``full``), both stay as they
    are. What was stopped or terminated stays so, and is said.

    Raises :class:`UsageError` where there is no such run, where it is under way, where it isn't settled what it wrote,
    and where it was undone already; what another undo was refused may be tried again.
    """
    run = found(run_id, journal)
    now = settings["now"]()
    undoing = Run(id=named(now), kind="undo", change_set=run.change_set, of=run.id, started=now)
    engine = Engine(journal, writers, undoing, settings, None)
    try:
        # The leases first: what the run has written doesn't change any more once nobody else may write there.
        busy = engine.hold(_places(run, journal))
        if live := next((one for one in busy.values() if one.holder.startswith(f"run {run.id} (")), None):
            raise UsageError(f"run {run.id} is under way, or was killed just now: {live}")
        acts, settled = _inverse(run, journal, undoing.id)
        check_writers(acts, writers)
        if not acts and not settled:
            engine.let_go()
            return Outcome(run="")
        journal.begin(undoing)
    except BaseException:
        engine.let_go()
        raise
    return engine.go(acts, settled)


def rehearse_undo(
    run_id: str, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]
) -> Outcome:
    """What :func:`undo` would do now. Reads everything and writes nothing anywhere; raises what it raises."""
    acts, settled = _inverse(found(run_id, journal), journal, "")
    check_writers(acts, writers)
    settings.pop("objection", None)  # An undo puts back what was there, whatever is planned today.
    outcome = foresee(acts, writers, settings)
    return msgspec.structs.replace(outcome, entries=(*outcome.entries, *settled))


def resume_undo(run: Run, journal: Journal, writers: Mapping[Cloud, TagWriter], settings: Settings) -> Outcome:
    """Brings an undo to its end; :func:`costguard.reconcile.apply.resume` comes here."""
    undone = found(run.of, journal)
    engine = Engine(journal, writers, run, settings, None)
    try:
        engine.hold(_places(undone, journal))
        acts, settled = _inverse(undone, journal, run.id)
        check_writers(acts, writers)
    except BaseException:
        engine.let_go()
        raise
    return engine.go(acts, settled)


def _places(run: Run, journal: Journal) -> set[str]:
    """Where a run has written, or may still."""
    places = {entry.target.place for entry in journal.entries(run.id)}
    if run.kind == "undo":
        return places | _places(found(run.of, journal), journal)
    if run.payload:
        changes = read(run.payload, f"the change set of run {run.id}")
        each: Iterable[Change | Step] = (*changes.changes, *changes.steps)
        places.update(Target(one.id, one.type, one.cloud, one.account, one.region).place for one in each)
    return places


def _inverse(run: Run, journal: Journal, undoing: str) -> tuple[list[Act], list[Entry]]:
    """The acts that take back what a run wrote, the latest first, and the entries of what nothing takes back. Their
    numbers follow from those of the run's entries: whenever it is asked, an act has the same."""
    entries = journal.entries(run.id)
    unsettled = sum(entry.verb == "tags" and what(entry) == "unsettled" for entry in entries)
    if unsettled:
        raise UsageError(
            f"what became of {unsettled} writes of run {run.id} isn't known yet: "
            f"`costguard reconcile apply --resume {run.id}` reads it first"
        )
    runs = journal.runs(ALL)
    done = _undone(run, runs, journal, undoing)
    later = _later(run, runs, entries, journal)
    restored: dict[str, dict[str, str | None]] = {}
    for entry in entries:
        if entry.verb == "tags" and _is_ours(entry):
            gone = {key: entry.before[key] for key, text in entry.after.items() if text is None}
            restored.setdefault(entry.target.id, {}).update(gone)
    acts: list[Act] = []
    settled: list[Entry] = []
    for entry in reversed(entries):
        if entry.verb == "tags" and _is_ours(entry):
            for part in split({key: entry.before[key] for key in entry.after}):
                number = 2 * entry.number + all(text is None for text in part.values())
                whose = {key: later[entry.target.id, key] for key in part if (entry.target.id, key) in later}
                mine = {key: text for key, text in part.items() if key not in whose}
                if number in done:
                    continue
                if not mine:
                    settled.append(_left(undoing, number, entry, part, whose))
                    continue
                takes = all(text is None for text in mine.values())
                acts.append(
                    Act(
                        number=number,
                        verb="tags",
                        target=entry.target,
                        before={key: entry.after[key] for key in mine},
                        after=mine,
                        expects=restored[entry.target.id] if takes else {},
                        apart=True,
                    )
                )
        elif entry.verb in ("stop", "terminate") and what(entry) == "written" and 2 * entry.number not in done:
            word = "stopped" if entry.verb == "stop" else "terminated"
            settled.append(
                Entry(
                    run=undoing,
                    number=2 * entry.number,
                    verb=entry.verb,
                    target=entry.target,
                    state="skipped",
                    how="irreversible",
                    why=f"it was {word}, and costguard doesn't bring it back",
                )
            )
    if done and not acts:
        by = next(one.id for one in runs if one.of == run.id and one.id != undoing)
        raise UsageError(f"run {run.id} was undone by run {by} already, which can be undone in turn")
    return acts, settled


def _undone(run: Run, runs: Sequence[Run], journal: Journal, undoing: str) -> frozenset[int]:
    """The acts that other undos of the run have settled. Raises :class:`UsageError` where one isn't at its end."""
    done: set[int] = set()
    for other in runs:
        if other.of != run.id or other.id == undoing:
            continue
        if other.how != "done":
            raise UsageError(
                f"run {other.id} is undoing run {run.id} and isn't at its end: "
                f"`costguard reconcile apply --resume {other.id}` brings it there"
            )
        if not any(again.of == other.id for again in runs):
            done.update(entry.number for entry in journal.entries(other.id) if what(entry) not in _LEFT)
    return frozenset(done)


def _later(run: Run, runs: Sequence[Run], entries: Iterable[Entry], journal: Journal) -> Mapping[tuple[str, str], str]:
    """By resource and key, the later run that has written there what this one had. What an undo puts back doesn't
    count: it is what was there before."""
    ours = {
        (entry.target.id, key): text
        for entry in entries
        if entry.verb == "tags" and _is_ours(entry)
        for key, text in entry.after.items()
    }
    if not ours:
        return {}
    found: dict[tuple[str, str], str] = {}
    for other in runs:
        if other.kind == "apply" and other.started > run.started:
            for entry in journal.entries(other.id):
                if entry.verb == "tags" and _is_ours(entry):
                    found.update(
                        ((entry.target.id, key), other.id)
                        for key, text in entry.after.items()
                        if ours.get((entry.target.id, key), ...) == text
                    )
    return found


def _left(undoing: str, number: int, entry: Entry, part: Mapping[str, str | None], whose: Mapping[str, str]) -> Entry:
    """The entry of what a later run has written."""
    said = ", ".join(f"{key} was written again by run {run}" for key, run in sorted(whose.items()))
    return Entry(
        run=undoing,
        number=number,
        verb="tags",
        target=entry.target,
        before={key: entry.after[key] for key in part},
        after=part,
        state="skipped",
        how="drifted",
        why=said,
    )


def _is_ours(entry: Entry) -> bool:
    """Whether the run wrote it. Of what it wrote and somebody else wrote over since, single keys may still be its."""
    return entry.state == "verified" and (entry.found in ("ours", "theirs") or entry.how == "done")
