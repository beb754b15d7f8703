"""Change sets as a plan makes them, in a few words."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from costguard.config import LimitsDoc
from costguard.model.change import CHANGE_SET_SCHEMA, Change, ChangeSet, Step, Value, sealed
from costguard.model.finding import Tool

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""A Monday."""
ACCOUNT = "111122223333"
WIDE = LimitsDoc(changes=10_000, percent=100, per_account=10_000, per_type=10_000, per_key=10_000)
"""Limits that nothing here is beyond."""


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
