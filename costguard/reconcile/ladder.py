"""The ladder for what can't be tagged: from what a plan flags to what climbs a rung today.

flag → notify → remind → quarantine → stop → terminate. Pure: what earlier runs kept comes in, what is to be kept goes
out. It only ever says what may be done; whoever applies it reads each resource again and leaves alone what differs from
``expects``.

The rules, each of which can only hold a resource back:

- A rung is climbed only where an entry of ``reconcile.ladder.rungs`` names the account and the type. Where several do,
  the one that waits longest counts. For the last two rungs nothing but equal text is a name.
- None is passed over: a rung whose predecessor wasn't climbed is out of reach. Types that can't be stopped go from
  quarantine to termination. One rung a day, and none on a day that is no business day.
- ``costguard:keep-until`` holds back from every rung but ``notify``, through the day that it names, and the waiting
  begins after it. What is no date keeps a resource for as long as it stands there. No day is too far away: a note says
  which is more than a year off, for that is what an exemption is for.
- What isn't known climbs nothing: where a tag at fault, or one that could keep it, may be there unseen. What Terraform,
  a stack or anything else manages (or may manage, as far as anybody knows) is told to its owner and nothing more.
- Whoever takes the quarantine's tag away was there: the resource begins anew. So does one that was mended, or that no
  plan saw for ten business days.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from costguard.config import LadderDoc, RungDoc
from costguard.config.ladder import KEEP_UNTIL, MOST, path_of
from costguard.model.change import RUNGS, Change, Held, Rung, Step
from costguard.model.resource import Known, Resource, TagSet
from costguard.policy.patterns import glob_matches
from costguard.reconcile.journal import Flag

_FORGOTTEN = 10
"""Business days without a plan that saw the fault, after which it counts as a new one."""
_FAR = 366
"""Days from today beyond which a day to keep something until is worth a remark."""
_HARMFUL: tuple[Rung, ...] = ("stop", "terminate")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Flagged(msgspec.Struct, frozen=True):
    """A resource that a plan flags for faults that are certain. ``keys`` are the keys on its cloud of the tags in
    ``change.missing``, by the policy's names; one whose key isn't known here is only told of. ``exempting`` are the
    keys that could exempt it, with what they are."""

    resource: Resource
    change: Change
    owner: str | None = None
    keys: Mapping[str, str] = {}
    exempting: Mapping[str, str | None] = {}


class Climb(msgspec.Struct, frozen=True, kw_only=True):
    """What climbs today. ``flags`` are to be kept as they are here, those of ``gone`` to be forgotten. That a rung was
    climbed isn't in them: that is kept when it was done (:func:`risen`)."""

    steps: tuple[Step, ...] = ()
    flags: tuple[Flag, ...] = ()
    gone: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    notes: tuple[str, ...] = ()


class Calendar:
    """Business days: Monday to Friday, but for holidays."""

    def __init__(self, holidays: Iterable[date] = ()) -> None:
        self._holidays = frozenset(day for day in holidays if day.weekday() < 5)

    def opens(self, day: date) -> bool:
        """Whether it is a business day."""
        return day.weekday() < 5 and day not in self._holidays

    def between(self, since: date, until: date) -> int:
        """The business days after ``since`` up to ``until`` inclusive; 0 where that isn't later."""
        if until <= since:
            return 0
        holidays = sum(since < day <= until for day in self._holidays)
        return _weekdays(until) - _weekdays(since) - holidays

    def after(self, since: date, count: int) -> date:
        """The business day on which ``count`` of them (at least one) have passed since ``since``."""
        day, left = since, max(count, 1)
        while left:
            day += timedelta(1)
            left -= self.opens(day)
        return day


def _weekdays(day: date) -> int:
    """Mondays to Fridays from the calendar's first day, a Monday, through this one."""
    weeks, days = divmod(day.toordinal(), 7)
    return weeks * 5 + min(days, 5)


def risen(flag: Flag, rung: Rung, day: date) -> Flag:
    """A flag whose resource has climbed a rung, for whoever applied the step to keep."""
    return msgspec.structs.replace(flag, climbed={**flag.climbed, rung: day})


def quarantined(day: date) -> str:
    """The value of the quarantine's tag: since when, in letters that every cloud takes."""
    return day.isoformat()


def replaceable(there: str | None, day: str) -> bool:
    """Whether the quarantine's tag of that day may be written where this is: nothing, or an earlier quarantine's."""
    return there is None or (_date(there) is not None and _date(day) is not None and there <= day)


def keeper(tags: Iterable[str], expects: Mapping[str, str | None]) -> str | None:
    """A key that keeps a resource from climbing, in whatever case, of which the plan knew nothing; None without one."""
    return next((key for key in tags if key.casefold() in KEEP_UNTIL and key not in expects), None)


def entry_of(ladder: LadderDoc, rung: Rung, account: str, type_: str) -> tuple[int, RungDoc] | None:
    """The entry that lets a resource climb, with its number; the one that waits longest of several."""
    fits = _equal if rung in _HARMFUL else glob_matches
    found = [
        (number, doc)
        for number, doc in enumerate(ladder.rungs)
        if doc.rung == rung
        and any(fits(text, account) for text in doc.accounts)
        and any(fits(text, type_) for text in doc.types)
    ]
    return max(found, key=lambda entry: (entry[1].after, -entry[0]), default=None)


class Room:
    """What the caps of one rung's entries leave: each counts for itself, and the largest for all of them."""

    def __init__(self, ladder: LadderDoc, rung: Rung) -> None:
        self._rung = rung
        self._taken: Counter[int] = Counter()
        self.most = max((doc.most or MOST[rung] for doc in ladder.rungs if doc.rung == rung), default=0)

    def take(self, number: int, doc: RungDoc, *, forced: bool = False) -> bool:
        """Counts one in, where there is room for it; one that was done already (``forced``) in any case."""
        most = doc.most or MOST[self._rung]
        if not forced and (self._taken[number] >= most or self._taken.total() >= self.most):
            return False
        self._taken[number] += 1
        return True


def climb(
    flagged: Sequence[Flagged],
    flags: Mapping[str, Flag],
    ladder: LadderDoc,
    today: date,
    *,
    settled: Collection[str] = (),
    parents: Collection[str] = (),
) -> Climb:
    """What climbs today.

    ``flags`` are what earlier runs kept. ``settled`` are ids that were judged in this run and are certainly at fault no
    more (or exempt, or gone): only these are forgotten, for what wasn't looked at may be at fault still.
    ``parents`` are the ids of resources that another one is attached to or made from: a volume or an address among
    them isn't unattached.
    """
    run = _Run(ladder, today, frozenset(parents))
    kept = [run.add(one, flags.get(one.change.id)) for one in sorted(flagged, key=lambda one: one.change.id)]
    faulty = {flag.id for flag in kept}
    return Climb(
        steps=run.steps(),
        flags=tuple(kept),
        gone=tuple(sorted(id_ for id_ in flags if id_ in settled and id_ not in faulty)),
        held=run.held(),
        notes=run.notes(),
    )


class _Run:
    """One climb while its resources come by."""

    def __init__(self, ladder: LadderDoc, today: date, parents: frozenset[str]) -> None:
        self._ladder = ladder
        self._today = today
        self._parents = parents
        self._calendar = Calendar(map(date.fromisoformat, ladder.holidays))
        self._ready: dict[Rung, list[tuple[Step, int]]] = {rung: [] for rung in RUNGS}
        self._refused: dict[tuple[Rung, str], date] = {}
        self._held: dict[Rung, int] = {}
        self._remarks: dict[str, list[str]] = defaultdict(list)

    def add(self, one: Flagged, flag: Flag | None) -> Flag:
        """Counts one in; its flag as it is to be kept."""
        id_, tags = one.change.id, _own(one.resource)
        flag = self._still(id_, flag, tags)
        self._refused.update(((rung, id_), day) for rung, day in flag.refused.items())
        if tags is not None:
            self._step(one, flag, tags)
        return flag

    def _still(self, id_: str, flag: Flag | None, tags: TagSet | None) -> Flag:
        """The flag that counts today: what was kept, or a new one."""
        new = Flag(id=id_, first=self._today, last=self._today)
        if flag is None:
            return new
        if self._calendar.between(flag.last, self._today) > _FORGOTTEN:
            self._remark(f"no plan saw the fault for more than {_FORGOTTEN} business days, so that it begins anew", id_)
            return new
        key, since = self._ladder.quarantine, flag.climbed.get("quarantine")
        # What was quarantined today may have been read before that.
        if (
            since is not None
            and since < self._today
            and tags is not None
            and key not in tags.tags
            and not tags.doubt(key)
        ):
            self._remark(f"somebody took {key} away, so that it begins anew", id_)
            return new
        return msgspec.structs.replace(flag, id=id_, last=max(flag.last, self._today))

    def _step(self, one: Flagged, flag: Flag, tags: TagSet) -> None:
        """Readies the next rung where nothing speaks against it."""
        resource, change = one.resource, one.change
        path = path_of(change.type)
        rung = next((rung for rung in path if rung not in flag.climbed), None)
        entry = None if rung is None else self._entry(rung, change)
        if rung is None or entry is None:
            return
        if not self._calendar.opens(self._today):
            self._remarks["this is no business day: nothing climbs"] = []
            return
        number, doc = entry
        since = max((flag.first, *flag.climbed.values()))
        if rung != "notify":
            kept = self._kept(change.id, tags)
            if kept is None:
                return
            since = max(since, kept)
        if self._calendar.between(since, self._today) < doc.after or (flag.climbed and since >= self._today):
            return
        faults, unknown = _faults(one, tags)
        hindrance = unknown or ("" if rung == "notify" else self._hindrance(rung, resource, one, tags))
        if hindrance:
            self._remark(f"would climb to {rung} and doesn't: {hindrance}", change.id)
            return
        expects = dict(faults)
        if rung != "notify":
            expects = {**one.exempting, **expects, **_keepers(resource, tags)}
        if rung not in ("notify", "remind"):
            expects[self._ladder.quarantine] = _text(tags, self._ladder.quarantine)
        then = self._then(rung, one, tags)
        step = Step(
            id=change.id,
            type=change.type,
            cloud=change.cloud,
            account=change.account,
            region=change.region,
            rung=rung,
            since=flag.first,
            why=self._why(change, flag),
            owner=one.owner,
            expects=expects,
            missing=change.missing,
            sets={self._ladder.quarantine: quarantined(self._today)} if rung == "quarantine" else {},
            snapshot=rung == "terminate" and change.type in ("aws_instance", "aws_ebs_volume"),
            then=None if then is None else then[0],
            due=None if then is None else self._calendar.after(self._today, then[1].after),
        )
        self._ready[rung].append((step, number))

    def _then(self, rung: Rung, one: Flagged, tags: TagSet) -> tuple[Rung, RungDoc] | None:
        """The rung after this one, where it is to be climbed as far as anybody knows today. What it takes besides, as
        the quarantine's tag, may come until then."""
        path = path_of(one.change.type)
        above = path[path.index(rung) + 1 :][:1]
        entry = self._entry(above[0], one.change) if above else None
        if entry is None or self._hindrance("quarantine", one.resource, one, tags):
            return None
        return None if self._kept(one.change.id, tags) is None else (above[0], entry[1])

    def _entry(self, rung: Rung, change: Change) -> tuple[int, RungDoc] | None:
        return entry_of(self._ladder, rung, change.account, change.type)

    def _kept(self, id_: str, tags: TagSet) -> date | None:
        """The day until which it was kept, the calendar's first where it never was; None where it is kept today."""
        latest = date.min
        for key, tag in tags.tags.items():
            if key.casefold() not in KEEP_UNTIL:
                continue
            text = tag.value.text.strip() if isinstance(tag.value, Known) else None
            day = _date(text)
            if day is None:
                self._remark(f"{KEEP_UNTIL[0]} is no date like 2027-01-31, and keeps it while it stands there", id_)
                return None
            if day >= self._today:
                if (day - self._today).days > _FAR:
                    self._remark(f"{KEEP_UNTIL[0]} is more than a year off: an exemption in the policy says why", id_)
                return None
            latest = max(latest, day)
        return latest

    def _hindrance(self, rung: Rung, resource: Resource, one: Flagged, tags: TagSet) -> str:
        """Why it is told to its owner and nothing more; empty where nothing stands against the rung."""
        if resource.managers or resource.declared:
            tool = resource.managers[0].tool if resource.managers else "terraform"
            return f"{tool} manages it"
        if resource.declared is None:
            return "no state was read that says whether Terraform manages it"
        if any(tag not in _keys(one) for tag in one.change.missing):
            return "the key of a tag that it lacks isn't known"
        if any(_sensitive(tags, key) for key in _keys(one).values()):
            return "the value of a tag at fault is a secret, which no plan holds"
        keys = (*_spelled(resource), self._ladder.quarantine)
        if any(key not in tags.tags and tags.doubt(key) for key in keys):
            return "a tag that would keep it may be there unseen"
        if rung == "quarantine" and not replaceable(_text(tags, self._ladder.quarantine), quarantined(self._today)):
            return f"it has a tag {self._ladder.quarantine} that no quarantine set"
        if rung in _HARMFUL:
            return self._harmless(rung, resource, tags)
        return ""

    def _harmless(self, rung: Rung, resource: Resource, tags: TagSet) -> str:
        if _text(tags, self._ladder.quarantine) is None:
            return f"it doesn't carry {self._ladder.quarantine}"
        if resource.cloud != "aws":
            return "only resources of AWS are stopped or terminated"
        if resource.basis:
            return f"it isn't known first hand ({resource.basis})"
        if any(relation.kind == "cluster" for relation in resource.related):
            return "it works for a cluster or a group"
        if rung == "terminate" and resource.type in ("aws_ebs_volume", "aws_eip"):
            if resource.address in self._parents:
                return "another resource is attached to it or made from it"
            if any(one.kind == "parent" and ":snapshot/" not in one.id for one in resource.related):
                return "it is attached"
        return ""

    def _why(self, change: Change, flag: Flag) -> str:
        said = f"at fault with {', '.join(change.missing)} since {flag.first}"
        if flag.climbed:
            rung, day = max(flag.climbed.items(), key=lambda one: (one[1], RUNGS.index(one[0])))
            said += f", {_DONE[rung]} on {day}"
        return f"{said}: {change.why}" if change.why else said

    def _remark(self, what: str, id_: str) -> None:
        self._remarks[what].append(id_)

    def steps(self) -> tuple[Step, ...]:
        """Those that the caps let through, in the order of the rungs. The longest at fault come first, and after them
        those that the cloud has refused before: they must not keep the others out for ever."""
        found: list[Step] = []
        for rung in RUNGS:
            room = Room(self._ladder, rung)
            for step, number in sorted(self._ready[rung], key=lambda one: self._turn(one[0])):
                if room.take(number, self._ladder.rungs[number]):
                    found.append(step)
                else:
                    self._held[rung] = self._held.get(rung, 0) + 1
        return tuple(found)

    def _turn(self, step: Step) -> tuple[date, date, str]:
        return self._refused.get((step.rung, step.id), date.min), step.since, step.id

    def held(self) -> tuple[Held, ...]:
        """How many the caps made wait; after :meth:`steps`."""
        return tuple(
            Held(
                limit=f"ladder.{rung}",
                of=f"rung {rung}",
                most=max(self._ladder.rungs[number].most or MOST[rung] for _, number in self._ready[rung]),
                held=count,
            )
            for rung, count in sorted(self._held.items())
        )

    def notes(self) -> tuple[str, ...]:
        return tuple(f"ladder: {_of(ids)}{what}" for what, ids in sorted(self._remarks.items()))


_DONE: Mapping[Rung, str] = {
    "notify": "notified",
    "remind": "reminded",
    "quarantine": "quarantined",
    "stop": "stopped",
    "terminate": "terminated",
}


def _of(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - 3:,} more" if len(ids) > 3 else ""
    return f"{', '.join(ids[:3])}{more}: "


def _own(resource: Resource) -> TagSet | None:
    """Its own tags. What has none can't be tagged, as what a cloud makes unasked, and nobody is told of it."""
    return next((surface.tags for surface in resource.surfaces if not surface.created), None)


def _keys(one: Flagged) -> dict[str, str]:
    """The keys of the tags at fault, as far as they are known."""
    known = {value.tag: value.key for value in one.change.proposed} | dict(one.keys)
    return {tag: known[tag] for tag in one.change.missing if tag in known}


def _faults(one: Flagged, tags: TagSet) -> tuple[dict[str, str | None], str]:
    """What the keys at fault must still be, and why one isn't known; that is empty where all are."""
    if tags.open or not one.change.missing:
        return {}, tags.open or "nothing that it lacks is certain"
    found: dict[str, str | None] = {}
    for key in _keys(one).values():
        tag = tags.tags.get(key)
        if tag is None and tags.doubt(key):
            return {}, tags.doubt(key)
        if tag is not None and not isinstance(tag.value, Known):
            return {}, tag.value.reason
        if not _sensitive(tags, key):
            found[key] = _text(tags, key)
    return found, ""


def _spelled(resource: Resource) -> tuple[str, ...]:
    """The spellings of the tag that keeps it which its cloud can hold."""
    return KEEP_UNTIL[1:] if resource.cloud == "google" else KEEP_UNTIL


def _keepers(resource: Resource, tags: TagSet) -> dict[str, str | None]:
    """What the tag that keeps it was when it was read, in each spelling that is there or might be written."""
    there = [key for key in tags.tags if key.casefold() in KEEP_UNTIL]
    return {key: _text(tags, key) for key in (*_spelled(resource), *there)}


def _sensitive(tags: TagSet, key: str) -> bool:
    tag = tags.tags.get(key)
    return tag is not None and isinstance(tag.value, Known) and tag.value.sensitive


def _text(tags: TagSet, key: str) -> str | None:
    tag = tags.tags.get(key)
    return tag.value.text if tag is not None and isinstance(tag.value, Known) else None


def _date(text: str | None) -> date | None:
    if text is None or not _ISO.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _equal(one: str, other: str) -> bool:
    return one == other
