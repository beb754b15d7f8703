"""The weekly review: what an SRE team looks at on Monday. The wire format ``costguard/review/v1`` is these types."""

from datetime import date
from typing import Literal

import msgspec

from costguard.model.cost import Basis, Slo
from costguard.model.finding import Tool
from costguard.model.night import AtFault
from costguard.model.resource import Gap

ReviewSchema = Literal["costguard/review/v1"]
REVIEW_SCHEMA: ReviewSchema = "costguard/review/v1"


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What one value of a dimension cost this week and the week before. ``forecast`` is the mean of the four weeks
    before this one, null where the bill doesn't reach back so far. ``variance`` is by how much this week differs from
    it, as a share; null where that has no meaning. ``flagged``: it is beyond the limit either way, or wasn't there
    before."""

    name: str
    cost: str
    before: str
    change: str
    forecast: str | None = None
    variance: float | None = None
    flagged: bool = False


class Mending(msgspec.Struct, frozen=True, kw_only=True):
    """How long it takes until what is at fault is tagged. ``median`` are days from first seen to tagged, of those that
    were ``mended`` in the week; null where none was. ``open`` are at fault now, for ``age`` days in the median. A
    resource that went away untagged counts as neither."""

    mended: int
    median: float | None
    open: int
    age: float | None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do, and who is to do it, as far as that is known."""

    what: str
    owner: str
    why: str = ""
    cost: str | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """The week from ``start`` to ``end``, which is the day after its last.

    ``share`` is that of taggable spend that is not compliant, ``share_before`` the same of the week before. ``slo`` is
    how the objective stood when the week ended. ``total`` is what the bill's ``seen`` days of the week come to.
    ``owners``, ``services`` and ``accounts`` have each value of the policy's tags and each account, the largest change
    first. ``fresh`` are resources that came to be at fault in the week and still are.
    """

    schema: ReviewSchema
    tool: Tool
    start: date
    end: date
    complete: bool
    cost: Basis
    currency: str
    seen: int
    total: Move
    share: float | None
    share_before: float | None
    untagged: str
    slo: Slo | None = None
    owners: tuple[Move, ...] = ()
    services: tuple[Move, ...] = ()
    accounts: tuple[Move, ...] = ()
    fresh: tuple[AtFault, ...] = ()
    more: int = 0
    mending: Mending | None = None
    actions: tuple[Action, ...] = ()
    nights: int = 0
    good_nights: int = 0
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
