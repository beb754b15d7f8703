"""What owners are told of the ladder: one digest for each and run, over the channels that costguard.yaml names.

A step counts as done when every channel that takes its owner's digest has taken it. What was told once is not told
again when the same change set is applied anew, or its run resumed: the digests bear the name of its first run.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from costguard.clouds.writing import Answer
from costguard.config import ConfigDoc
from costguard.config.ladder import KEEP_UNTIL
from costguard.model.change import Change, ChangeSet, Rung, Step
from costguard.notify import Digest, Item, Patience, channels, send
from costguard.notify import digests as gathered
from costguard.reconcile.journal import Journal

_STATES: Mapping[Rung, str] = {
    "notify": "flagged",
    "remind": "still flagged",
    "quarantine": "due for quarantine",
    "stop": "due to be stopped",
    "terminate": "due to be terminated",
}
"""What an item is called. Notices go out while the run is under way, so that of the others nothing is done yet."""
_NEXT: Mapping[Rung, str] = {
    "notify": "its owner is told",
    "remind": "a reminder",
    "quarantine": "it may be put in quarantine, which is a tag and nothing more",
    "stop": "it may be stopped",
    "terminate": "it may be terminated",
}


def notices(
    doc: ConfigDoc,
    journal: Journal,
    changes: ChangeSet,
    now: datetime,
    environment: Mapping[str, str],
    patience: Patience | None = None,
) -> Callable[[Sequence[Step]], Sequence[Answer]]:
    """What tells the owners of a change set's steps, and answers for each step. ``environment`` has the secrets."""

    def tell(steps: Sequence[Step]) -> Sequence[Answer]:
        told = channels(doc.notify)
        made = digests(steps, changes, run=_first_run(journal, changes), at=now)
        why: dict[str | None, list[str]] = {}
        nobody: set[str | None] = set()
        for delivery in send(made, told, journal, now, environment, patience):
            if delivery.how == "nobody":
                nobody.add(delivery.owner)
            if delivery.gap:
                why.setdefault(delivery.owner, []).append(delivery.gap)
        return [
            Answer("done", by="notify")
            if step.owner not in why
            else Answer("refused" if step.owner in nobody else "again", "; ".join(why[step.owner]), "notify")
            for step in steps
        ]

    return tell


def _first_run(journal: Journal, changes: ChangeSet) -> str:
    """The run that first applied the change set; its own name where none has begun."""
    runs = [run for run in journal.runs() if run.kind == "apply" and run.change_set == changes.id]
    return min(runs, key=lambda run: (run.started, run.id)).id if runs else changes.id


def digests(steps: Sequence[Step], changes: ChangeSet, *, run: str, at: datetime) -> tuple[Digest, ...]:
    """One digest for each owner of these steps; what else the change set is about to do to what is theirs is in it."""
    owners = {step.owner for step in steps}
    told = {(step.id, step.rung) for step in steps}
    besides = [
        step
        for step in changes.steps
        if step.owner in owners and _STATES[step.rung].startswith("due") and (step.id, step.rung) not in told
    ]
    found = {change.id: change for change in changes.changes}
    # What is worst comes first: a digest is cut at its end.
    order = sorted((*steps, *besides), key=lambda step: (-list(_STATES).index(step.rung), step.since, step.id))
    return gathered(
        run, "Resources without their tags", at, [(one.owner, _item(one, found.get(one.id))) for one in order]
    )


def _item(step: Step, change: Change | None) -> Item:
    probably = ""
    if step.owner is not None and "owner" in step.missing:
        probably = f" (that it is {step.owner}'s is probable, and nothing more)"
    return Item(
        id=step.id,
        type=step.type,
        account=step.account,
        region=step.region,
        state=_STATES[step.rung],
        wrong=f"{step.why}{probably}",
        next=f"{_NEXT[step.then]}, unless it is mended before" if step.then is not None else "",
        due=step.due,
        remedy=_remedy(step, change),
    )


_WORTH = 0.5
"""What is less sure than that is more often wrong than right, and isn't told."""


def _remedy(step: Step, change: Change | None) -> str:
    """What mends it: the values that are probable, the other tags by name; and what keeps it as it is for now."""
    proposed = change.proposed if change else ()
    likely = {value.tag: value for value in proposed if value.after is not None and value.confidence >= _WORTH}
    parts = [
        f"{likely[tag].key} = {likely[tag].after} (probably; {likely[tag].confidence:.2f} sure)"
        if tag in likely
        else tag
        for tag in step.missing
    ]
    said = f"give it {', '.join(parts)}" if parts else "give it its tags"
    if step.then is None or step.then in ("notify", "remind"):
        return said
    return f"{said}; or, for it to stay as it is until a day, {KEEP_UNTIL[step.cloud == 'google']} = YYYY-MM-DD"
