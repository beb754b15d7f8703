"""Undoes a run: what it wrote is taken back, key by key, where it is still what the run wrote.

An undo is a run of its own, with its own intents; it can be killed and resumed, and undone in turn.
"""

from collections.abc import Mapping
from typing import Unpack

import msgspec

from costguard.clouds.writing import TagWriter
from costguard.errors import UsageError
from costguard.model.resource import Cloud
from costguard.reconcile.apply import found
from costguard.reconcile.journal import Entry, Journal, Run
from costguard.reconcile.run import Act, Engine, Outcome, Settings, check_writers, foresee, named, split, what


def undo(run_id: str, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]) -> Outcome:
    """Takes back what a run wrote: keys that weren't there are taken away, others get the value that they had.

    What somebody has changed since is left, and the outcome says what it is now; each entry's ``guard`` says what kept
    a change safe that was made in between. What was stopped or terminated stays so, and is said. Raises
    :class:`UsageError` where there is no such run or it isn't settled what it wrote.
    """
    run = found(run_id, journal)
    acts, settled = _inverse(run, journal)
    check_writers(acts, writers)
    if not acts and not settled:
        return Outcome(run="")
    now = settings["now"]()
    undoing = Run(id=named(now), kind="undo", change_set=run.change_set, of=run.id, started=now)
    journal.begin(undoing)
    kept = [msgspec.structs.replace(entry, run=undoing.id) for entry in settled]
    return Engine(journal, writers, undoing, settings, None).go(acts, kept)


def rehearse_undo(
    run_id: str, journal: Journal, writers: Mapping[Cloud, TagWriter], **settings: Unpack[Settings]
) -> Outcome:
    """What :func:`undo` would do now. Reads everything and writes nothing anywhere; raises what it raises."""
    acts, settled = _inverse(found(run_id, journal), journal)
    check_writers(acts, writers)
    outcome = foresee(acts, writers, settings)
    return msgspec.structs.replace(outcome, entries=(*outcome.entries, *settled))


def resume_undo(run: Run, journal: Journal, writers: Mapping[Cloud, TagWriter], settings: Settings) -> Outcome:
    """Brings an undo to its end; :func:`costguard.reconcile.apply.resume` comes here."""
    acts, settled = _inverse(found(run.of, journal), journal)
    check_writers(acts, writers)
    kept = [msgspec.structs.replace(entry, run=run.id) for entry in settled]
    return Engine(journal, writers, run, settings, None).go(acts, kept)


def _inverse(run: Run, journal: Journal) -> tuple[list[Act], list[Entry]]:
    """The acts that take back what a run wrote, the latest first, and the entries of what nothing takes back. Their
    numbers follow from the run's entries, which don't change any more."""
    entries = journal.entries(run.id)
    unsettled = sum(entry.verb == "tags" and what(entry) == "unsettled" for entry in entries)
    if unsettled:
        raise UsageError(
            f"what became of {unsettled} writes of run {run.id} isn't known yet: "
            f"`costguard reconcile apply --resume {run.id}` reads it first"
        )
    acts: list[Act] = []
    settled: list[Entry] = []
    number = 0
    for entry in reversed(entries):
        if entry.verb == "tags" and _is_ours(entry):
            for part in split({key: entry.before[key] for key in entry.after}):
                before = {key: entry.after[key] for key in part}
                acts.append(Act(number=number, verb="tags", target=entry.target, before=before, after=part, apart=True))
                number += 1
        elif entry.verb in ("stop", "terminate") and what(entry) == "written":
            done = "stopped" if entry.verb == "stop" else "terminated"
            why = f"it was {done}, and costguard doesn't bring it back"
            settled.append(
                Entry(
                    run="",
                    number=number,
                    verb=entry.verb,
                    target=entry.target,
                    state="skipped",
                    how="irreversible",
                    why=why,
                )
            )
            number += 1
    return acts, settled


def _is_ours(entry: Entry) -> bool:
    """Whether the run wrote it. Of what it wrote and somebody else wrote over since, single keys may still be its."""
    return entry.state == "verified" and (entry.found == "ours" or entry.how == "done")
