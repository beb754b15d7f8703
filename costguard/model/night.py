"""One night: what was scanned, mended, billed and told, on one page. The wire format ``costguard/night/v1`` is these
types, and the report, the metrics and the weekly review are made of it alone."""

from datetime import date
from typing import Literal

import msgspec

from costguard.model.cost import SpendReport
from costguard.model.coverage import Outcome
from costguard.model.finding import Level, Summary, Tool, Verdict
from costguard.model.resource import Cloud, Gap

NightSchema = Literal["costguard/night/v1"]
NIGHT_SCHEMA: NightSchema = "costguard/night/v1"

StageName = Literal["scan", "reconcile", "spend", "report", "notify"]
STAGES: tuple[StageName, ...] = ("scan", "reconcile", "spend", "report", "notify")
StageState = Literal["pending", "done", "incomplete", "failed", "skipped"]

MOST = 50_000
"""So many resources at fault are listed; the others are counted."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage. ``incomplete``: it was done, and something could not be read or written. ``why`` is a sentence, also
    for one that was skipped. Times are ISO 8601 in UTC; null for what didn't happen."""

    name: StageName
    state: StageState = "pending"
    why: str = ""
    began: str | None = None
    ended: str | None = None


class RuleCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many resources break one rule in one way. ``tag`` is null for a rule that is about no single tag."""

    rule: str
    tag: str | None
    verdict: Verdict
    level: Level
    resources: int


class AtFault(msgspec.Struct, frozen=True, kw_only=True):
    """A resource at fault. ``tags`` are those of the policy that are wrong, ``verdict`` the worst of them. ``cost`` is
    what it cost in the bill's period, null where no bill names it. ``projected`` is the share of taggable spend that is
    not compliant once this and all that cost more are mended. ``since`` is the day on which it was first seen so,
    ``manager`` what made it and would undo a change, ``owner`` what its tags say of that. ``do`` is a command, or what
    has been done. ``fresh``: it came to be at fault since the night before. ``written``: the reconciler has written
    what was missing tonight, after the scan saw it."""

    id: str
    type: str = ""
    account: str = ""
    region: str = ""
    service: str = ""
    tags: tuple[str, ...] = ()
    verdict: str = ""
    cost: str | None = None
    projected: float | None = None
    since: date | None = None
    owner: str = ""
    creator: str = ""
    manager: str = ""
    do: str = ""
    fresh: bool = False
    written: bool = False


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """An exemption that is about to end."""

    reason: str
    until: date
    where: str


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """How many places (a type of resource in a region of an account) one source was asked about with one outcome, as in
    :class:`~costguard.model.coverage.Cell`, and how many resources it showed there. An organisation has a million
    places; those that could not be read are gaps."""

    cloud: Cloud
    source: str
    outcome: Outcome
    places: int
    resources: int


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """What the scan found. ``seen`` is when it began. ``added`` and ``mended`` count the resources that came to be at
    fault, or are compliant now, since the night before; null where there was none. ``accounts`` has the summary of each
    account."""

    seen: str
    summary: Summary
    accounts: dict[str, Summary]
    rules: tuple[RuleCount, ...]
    coverage: tuple[Looked, ...]
    added: int | None = None
    mended: int | None = None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What the reconciler decided: resources by decision; how many values it would write; ``held`` were kept back by a
    limit; ``patches`` are files for ``git apply``, by repository."""

    change_set: str
    decisions: dict[str, int]
    held: int = 0
    patches: dict[str, str] = {}
    rehearsal: bool = True


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the reconciler: what became of its changes, and the command that takes back what it wrote; empty where
    there is nothing to take back."""

    run: str
    kind: Literal["apply", "undo"]
    at: str
    how: str
    why: str = ""
    counts: dict[str, int] = {}
    undo: str = ""
    tonight: bool = False


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """A night in its main numbers, as later nights compare with it. ``compliant`` of ``taggable`` spend in
    ``currency``; null where that night had no bill. ``violating`` of ``resources`` were at fault."""

    id: str
    at: str
    complete: bool
    currency: str = ""
    taggable: str | None = None
    compliant: str | None = None
    resources: int | None = None
    violating: int | None = None

    @property
    def share(self) -> float | None:
        """The share of taggable spend that is not compliant; None where credits leave it without a meaning."""
        if self.taggable is None or self.compliant is None:
            return None
        whole, right = float(self.taggable), float(self.compliant)
        return 1 - right / whole if whole > 0 and 0 <= right <= whole else None


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """A night's result. ``complete`` is false where a stage failed or something could not be read: ``gaps`` say what.
    ``before`` are the nights before, the latest last. ``rows`` are resources at fault, the dearest first, and ``more``
    how many there are beside them. ``resumed`` counts how often it was taken up again."""

    schema: NightSchema
    tool: Tool
    id: str
    began: str
    ended: str
    complete: bool
    policies: tuple[str, ...]
    stages: tuple[Stage, ...]
    resumed: int = 0
    live: Live | None = None
    planned: Planned | None = None
    activity: tuple[Activity, ...] = ()
    spend: SpendReport | None = None
    rows: tuple[AtFault, ...] = ()
    more: int = 0
    expiring: tuple[Expiring, ...] = ()
    before: tuple[Headline, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> Headline:
        spend, live = self.spend, self.live
        return Headline(
            id=self.id,
            at=self.began,
            complete=self.complete,
            currency=spend.currency if spend else "",
            taggable=spend.classes.get("usage_taggable", "0") if spend else None,
            compliant=spend.taggable.get("compliant", "0") if spend else None,
            resources=live.summary.resources if live else None,
            violating=live.summary.violating if live else None,
        )
