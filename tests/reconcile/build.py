"""Change sets as a plan makes them, in a few words."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from costguard.config import LadderDoc, LimitsDoc, RungDoc
from costguard.model.change import CHANGE_SET_SCHEMA, Change, ChangeSet, Rung, Step, Value, sealed
from costguard.model.finding import Tool
from costguard.reconcile.journal import Flag, Journal
from costguard.reconcile.run import Outcome, Settings, What, what

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday."""
ACCOUNT = "111122223333"
WIDE = LimitsDoc(changes=10_000, percent=100, per_account=10_000, per_type=10_000, per_key=10_000)
"""Limits that nothing here is beyond."""
LADDER = LadderDoc(
    rungs=[
        RungDoc(rung=rung, after=0, accounts=[ACCOUNT], types=["aws_instance", "aws_ebs_volume"])
        for rung in ("notify", "quarantine", "stop", "terminate")
    ]
)
"""Every rung but the reminder, at once, for what the steps here are of."""


def change(
    id_: str,
    after: Mapping[str, str | None],
    before: Mapping[str, str | None] | None = None,
    *,
    expects: Mapping[str, str | None] | None = None,
    type_: str = "aws_instance",
    account: str = ACCOUNT,
    region: str = "eu-west-1",
) -> Change:
    """To be tagged with ``after``, where it has ``before``: nothing, unless that says more."""
    before = before or {}
    return Change(
        id=id_,
        type=type_,
        cloud="aws",
        account=account,
        region=region,
        decision="tag",
        values=tuple(
            Value(tag=key, key=key, before=before.get(key), after=text, rule=f"tags/{key}", confidence=1.0)
            for key, text in after.items()
        ),
        expects=dict(expects or {}),
    )


def change_set(
    changes: Iterable[Change] = (),
    *,
    steps: Iterable[Step] = (),
    made: datetime = NOW,
    life: timedelta = timedelta(hours=24),
    read: int = 1000,
) -> ChangeSet:
    return sealed(
        ChangeSet(
            schema=CHANGE_SET_SCHEMA,
            id="",
            tool=Tool(name="costguard", version="0"),
            made=made,
            expires=made + life,
            policy=("policy.yaml",),
            scan="costguard-scan.db",
            read=read,
            changes=tuple(changes),
            steps=tuple(steps),
        )
    )


def step(
    id_: str,
    rung: Rung,
    *,
    snapshot: bool = False,
    type_: str = "aws_instance",
    expects: Mapping[str, str | None] | None = None,
    sets: Mapping[str, str] | None = None,
) -> Step:
    """A step of the ladder for a resource without an owner; ``sets`` is the quarantine's tag where none is given."""
    quarantine = {"costguard-quarantine": f"{NOW.date()}"} if rung == "quarantine" else {}
    return Step(
        id=id_,
        type=type_,
        cloud="aws",
        account=ACCOUNT,
        region="eu-west-1",
        rung=rung,
        since=NOW.date() - timedelta(days=30),
        why="at fault",
        expects=dict({"Owner": None} if expects is None else expects),
        missing=("owner",),
        sets=dict(quarantine if sets is None else sets),
        snapshot=snapshot,
    )


def given(limits: LimitsDoc = WIDE, **settings: object) -> Settings:
    """What a run is given: one worker that never sleeps, at :data:`NOW`."""
    plain: dict[str, object] = {"limits": limits, "now": lambda: NOW, "workers": 1, "sleep": lambda _: None}
    return msgspec.convert(plain | settings, dict)  # type: ignore[return-value]  # what a test gives it.


def became(outcome: Outcome) -> dict[str, What]:
    """What became of each resource; the last word on it, where there are several."""
    return {entry.target.id: what(entry) for entry in outcome.entries}


class Meanwhile:
    """A journal before whose first call of that name something else happens."""

    def __init__(self, journal: Journal, name: str, what_happens: Callable[[], object]) -> None:
        self._journal, self._name, self._todo = journal, name, [what_happens]

    def __getattr__(self, name: str) -> object:
        if name == self._name and self._todo:
            self._todo.pop()()
        return getattr(self._journal, name)


def in_quarantine(journal: Journal, *ids: str) -> None:
    """The journal knows that these climbed up to the quarantine, three weeks ago."""
    then = NOW.date() - timedelta(days=21)
    rungs: tuple[Rung, ...] = ("notify", "remind", "quarantine")
    journal.flag([Flag(id=id_, first=then, last=NOW.date(), climbed=dict.fromkeys(rungs, then)) for id_ in ids])
