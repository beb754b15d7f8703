"""One run of acts against the clouds: read, decide, keep the intent, write, keep the answer, read back, keep that.

What it knows: that an intent is durable before its call and an answer before the next; that nothing which may have been
sent is sent again before it was read; that nobody else works in the same place; and when to stop. What it hides:
threads, batches, retries and leases. It knows no change set: whoever has one makes :class:`Act` of it.

Time. A lease lasts ``lease`` and is renewed when a quarter of it has passed. A quarter before its end nothing is
written any more, by the wall clock or by the monotonic one, whichever says so first: two machines' clocks may be a
quarter of it apart, and a process that was suspended, or whose clock was set back, notices. A killed run's leases run
out by themselves, so whoever resumes it comes after all that it may have had under way. Whoever has a place again after
its lease had run out reads anew, the journal and the cloud: others may have been there.
"""

import os
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Literal, Required, TypedDict, TypeVar

import msgspec

from costguard import catalog
from costguard.clouds.pace import sending_while
from costguard.clouds.writing import Answer, Current, Edit, Power, TagWriter, Target
from costguard.config import LadderDoc, LimitsDoc
from costguard.errors import JournalError, UsageError
from costguard.model.change import Held, Step
from costguard.model.resource import Cloud, Gap
from costguard.reconcile.journal import Busy, Ended, Entry, Finding, Flag, Journal, Run, Verb
from costguard.reconcile.ladder import keeper, risen

T = TypeVar("T")

What = Literal[
    "written",  # it is as intended, by us
    "already",  # it was so before; undoing leaves it alone
    "drifted",  # it isn't any more what was planned for; nothing was written
    "overwritten",  # it was written, and somebody else's value is there now
    "gone",  # the resource isn't there any more
    "full",  # it has as many tags as there may be
    "busy",  # it is attached or in use, and isn't touched
    "refused",  # the cloud won't have it
    "lost",  # the cloud took it, and it isn't there
    "unread",  # it can't be read, so nothing was written
    "postponed",  # nothing was written, and it may be tried again
    "unsettled",  # it may have been written; only reading tells
    "irreversible",  # an undo can't bring it back
]
"""What became of an act."""

_SKIPPED: Mapping[str, What] = {
    "already": "already",
    "drifted": "drifted",
    "gone": "gone",
    "full": "full",
    "busy": "busy",
    "refused": "refused",
    "unread": "unread",
    "irreversible": "irreversible",
}
"""The words that :attr:`Entry.how` has for what was skipped."""

GOOD: frozenset[What] = frozenset({"written", "already", "gone"})
"""Nothing is left to be done."""
OPEN: frozenset[What] = frozenset({"unread", "postponed", "unsettled", "busy"})
"""Resuming the run may still bring it to an end."""
_FAILED: frozenset[What] = frozenset({"refused", "lost", "unread", "postponed", "unsettled"})
_SENT: frozenset[What] = frozenset({"written", "overwritten"})

_FEWEST = 20
"""Writes before their share of failures says anything; the canaries have shown that it works at all."""
_ATTEMPTS = 4
"""How often an act is decided on in one run; the writer has its own retries within each."""
_BACKOFF = 1.0
"""Seconds before the second attempt; twice as many before each further one."""
_READ_BACK = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between readings while a cloud shows what was before: tags follow writes within seconds."""
_STATE = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""The same for a machine that stops."""
_AIMED: Mapping[Verb, tuple[str, ...]] = {"snapshot": (), "stop": ("stopped", "gone"), "terminate": ("gone",)}
"""The states of :class:`Power` that an act of the ladder brings about."""
_LOOK_UP = 0.2
"""Seconds between two looks of whoever watches the run."""

ALL = 1_000_000
"""Runs that a store may have."""

LEASE = timedelta(minutes=2)
"""Longer than any call may be under way; so long a killed run keeps others out."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do, which gets one entry. Either all of ``after`` are values or all are None: what is taken away is
    taken away when what takes its place has been verified. ``apart``: each key is decided on by itself, and those that
    drifted are left. ``step`` is what it is a part of, where it is one of the ladder's."""

    number: int
    verb: Verb
    target: Target
    before: Mapping[str, str | None] = {}
    after: Mapping[str, str | None] = {}
    expects: Mapping[str, str | None] = {}
    apart: bool = False
    step: Step | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far a run is, in acts."""

    done: int
    total: int
    written: int
    failed: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did, or (``rehearsal``) would do: its entries are ``intended`` then, and in no journal.

    ``unbegun`` acts have no entry: the run stopped before, or somebody else holds their place. ``caps`` are the limits
    that keep the whole change set from being applied; nothing was sent then. ``why`` says why it ended early.
    """

    run: str
    rehearsal: bool = False
    how: Ended | None = None
    why: str = ""
    entries: tuple[Entry, ...] = ()
    unbegun: int = 0
    caps: tuple[Held, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def counts(self) -> Mapping[What, int]:
        """By what became of them; in a rehearsal ``written`` are those that would be."""
        if self.rehearsal:
            return Counter("written" if one.state == "intended" else what(one) for one in self.entries)
        return Counter(map(what, self.entries))

    @property
    def complete(self) -> bool:
        """All was done, or there was nothing to do."""
        left = self.unbegun or self.caps or self.gaps or self.how not in (None, "done")
        return not left and self.counts.keys() <= GOOD


class Settings(TypedDict, total=False):
    """What a run is given beside its acts, the journal and the writers.

    ``now`` is aware UTC. ``workers`` calls are under way at a time. ``powers`` and ``notices`` do the ladder's steps;
    steps without them are left. ``objection`` is asked of each act of a change set, with the tags that were just read:
    why it isn't to be done any more, empty where it is. ``lease`` is how long a place is kept from others without word.
    ``progress`` is called a few times a second, in the caller's thread.
    """

    limits: Required[LimitsDoc]
    now: Required[Callable[[], datetime]]
    workers: int
    ladder: LadderDoc
    powers: Mapping[Cloud, Power]
    notices: Callable[[Sequence[Step]], Sequence[Answer]] | None
    progress: Callable[[Progress], object]
    sleep: Callable[[float], object]
    lease: timedelta
    objection: "Callable[[Act, Mapping[str, str]], str]"


def what(entry: Entry) -> What:
    """What became of an entry's act."""
    match entry.state:
        case "verified":
            findings: Mapping[Finding | None, What] = {"ours": "written", "theirs": "overwritten", "absent": "lost"}
            return findings.get(entry.found, "unsettled")
        case "skipped":
            return _SKIPPED.get(entry.how, "drifted")
        case "answered":
            hows: Mapping[str, What] = {
                "refused": "refused",
                "gone": "gone",
                "again": "postponed",
                "conflict": "postponed",
            }
            return hows.get(entry.how, "unsettled")
        case "intended":
            return "unsettled"


def named(now: datetime) -> str:
    """A new run's id: short, sortable by time."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def split(after: Mapping[str, str | None]) -> list[dict[str, str | None]]:
    """The keys that are set and those that are taken away, as acts have them; what is empty is left out."""
    kept: dict[str, str | None] = {key: text for key, text in after.items() if text is not None}
    away: dict[str, str | None] = {key: None for key, text in after.items() if text is None}
    return [part for part in (kept, away) if part]


class Halt(msgspec.Struct, frozen=True):
    """Why nothing more is begun."""

    how: Ended
    why: str


class Engine:
    """Does the acts of one run. ``expires``: nothing is written from then on. ``barred``: why nothing is written at
    all, where that is so; what may have been sent earlier is still read and settled."""

    def __init__(
        self,
        journal: Journal,
        writers: Mapping[Cloud, TagWriter],
        run: Run,
        settings: Settings,
        expires: datetime | None,
        barred: str = "",
    ) -> None:
        self._journal = journal
        self._writers = writers
        self._run = run
        self._barred = barred
        self._limits = settings["limits"]
        self._now = settings["now"]
        self._workers = settings.get("workers", 10)
        self._powers = settings.get("powers", {})
        self._notices = settings.get("notices")
        self._progress = settings.get("progress", _unwatched)
        self._sleep = settings.get("sleep", time.sleep)
        # An undo puts back what was there, whatever is planned today.
        self._objection = settings.get("objection", _none) if run.kind == "apply" else _none
        self._expires = expires
        self._term = settings.get("lease", LEASE)
        self._leases = _Leases(journal, run.id, self._now, self._term, self._reload)
        self._lock = threading.Lock()
        self._keeping = threading.RLock()
        """Held while the journal's entries and those here are made to agree."""
        self._entries: dict[int, Entry] = {}
        self._busy: set[Future[None]] = set()
        self._attempt = secrets.token_hex(3)
        self._snapshots: set[int] = set()
        """The acts whose snapshots were taken in this attempt."""
        self._tally: Counter[What] = Counter()
        self._halted: Halt | None = None
        self._total = 0

    def hold(self, places: Iterable[str]) -> Mapping[str, Busy]:
        """Takes the leases of these places before it is known what there is to do, for whoever finds that out by what
        others have done there. Returns those that somebody else has; :meth:`go`, or :meth:`let_go`, gives all back."""
        self._leases.take(places)
        return self._leases.busy

    def let_go(self) -> None:
        """Gives all leases back."""
        self._leases.release()

    def go(self, acts: Sequence[Act], settled: Sequence[Entry] = ()) -> Outcome:
        """Does them, those left over from an earlier attempt at the same run first. ``settled`` are entries that are
        only to be kept. Never raises :class:`JournalError`: what was done until then is in the outcome.

        The run isn't ended in the journal while another process is at it, or a call of this one may still be under way:
        after a second interrupt nothing is waited for, and the leases run out by themselves.
        """
        interrupted: BaseException | None = None
        self._total = len(acts)
        try:
            self._leases.take({act.target.place for act in acts})
            with self._leases.kept():
                # Only now: whoever held the places before has written its last.
                self._reload()
                self._record(
                    [
                        entry
                        for entry in settled
                        if entry.number not in self._entries and not self._leases.hindrance(entry.target.place)
                    ]
                )
                self._tags([act for act in acts if act.verb == "tags"])
                self._notify([act for act in acts if act.verb == "notice"])
                after = {act.number - 1: act for act in acts}
                for act in acts:
                    if act.verb in ("snapshot", "stop", "terminate"):
                        self._climb(act, after.get(act.number))
                self._keep_climbed(acts)
        except JournalError as error:
            self._halt("failed", str(error))
        except KeyboardInterrupt as error:
            interrupted = error
            self._halt("stopped", "it was interrupted")
        except BaseException as error:  # noqa: BLE001 - it is raised again when the journal knows.
            interrupted = error
            self._halt("failed", f"costguard failed ({type(error).__name__})")
        if interrupted is not None and not all(future.done() for future in self._busy):
            raise interrupted
        outcome = self._outcome(acts)
        try:
            if not self._leases.elsewhere:
                self._journal.end(self._run.id, outcome.how or "done", outcome.why, self._now())
            self._leases.release()
        except JournalError as error:
            outcome = msgspec.structs.replace(outcome, how="failed", why=outcome.why or str(error))
        if interrupted is not None:
            raise interrupted
        return outcome

    def _reload(self) -> None:
        """Reads what the journal has of the run, after others may have had its places."""
        with self._keeping:
            entries = self._journal.entries(self._run.id)
            with self._lock:
                self._entries.update((entry.number, entry) for entry in entries)
        undone = next((one.id for one in self._journal.runs(ALL) if one.of == self._run.id), None)
        if undone is not None:
            self._halt("failed", f"it was undone by run {undone}: plan again")

    def _outcome(self, acts: Sequence[Act]) -> Outcome:
        entries = tuple(self._entries[number] for number in sorted(self._entries))
        unbegun = sum(act.number not in self._entries for act in acts)
        unsettled = sum(what(entry) in OPEN for entry in entries)
        gaps = [Gap(where=place, why=str(busy)) for place, busy in self._leases.busy.items()]
        gaps += [
            Gap(where=entry.target.id, why=entry.why)
            for entry in entries
            if what(entry) in OPEN and not (entry.state == "intended" and self._halted)
        ]
        if self._halted is not None:
            how, why = self._halted.how, self._halted.why
        elif unbegun or unsettled:
            how, why = "failed", f"{unbegun + unsettled} of {len(acts)} are not settled"
        else:
            how, why = "done", ""
        return Outcome(run=self._run.id, how=how, why=why, entries=entries, unbegun=unbegun, gaps=tuple(gaps))

    # ------------------------------------------------------------- stopping

    def _halt(self, how: Ended, why: str) -> None:
        with self._lock:
            self._halted = self._halted or Halt(how, why)

    def _hindrance(self, place: str) -> str:
        """Why nothing may be written there now; empty where it may be."""
        if self._halted is not None:
            return self._halted.why
        if self._barred:
            self._halt("stopped", self._barred)
            return self._barred
        if self._expires is not None and self._now() >= self._expires:
            self._halt("stopped", f"the change set expired at {self._expires:%Y-%m-%d %H:%M} UTC; plan again")
            return "the change set has expired"
        return self._leases.hindrance(place)

    def _may_send(self, place: str, epoch: int) -> bool:
        """Asked before each single call of a batch: waiting for the calls before it may have taken its time."""
        expired = self._expires is not None and self._now() >= self._expires
        return not expired and epoch == self._leases.epoch(place) and not self._leases.hindrance(place)

    def _stale(self, place: str, reading: "_Reading") -> bool:
        """Whether what was read there is no ground to write on any more."""
        age = max((self._now() - reading.at).total_seconds(), time.monotonic() - reading.tick)
        return reading.epoch != self._leases.epoch(place) or age > self._term.total_seconds() / 4

    def _reading(self, epoch: int) -> "_Reading":
        """One that ends now, and began in this epoch."""
        return _Reading(epoch=epoch, at=self._now(), tick=time.monotonic())

    def _judge(self) -> None:
        """Stops the run where too many writes fail."""
        with self._lock:
            failed = sum(self._tally[one] for one in _FAILED)
            tried = failed + sum(self._tally[one] for one in _SENT)
        if tried >= _FEWEST and failed * 100 > self._limits.errors * tried:
            self._halt(
                "stopped",
                f"{failed} of {tried} writes failed, which is more than {self._limits.errors:g}% "
                "(reconcile.limits.errors)",
            )

    # ------------------------------------------------------------- the journal

    def _intend(self, entries: Sequence[Entry]) -> None:
        if entries:
            with self._keeping:
                self._journal.intend(entries)
                self._remember(entries)

    def _record(self, entries: Sequence[Entry]) -> None:
        if entries:
            with self._keeping:
                self._journal.record(entries)
                self._remember(entries)

    def _remember(self, entries: Sequence[Entry]) -> None:
        with self._lock:
            self._entries.update((entry.number, entry) for entry in entries)

    # ------------------------------------------------------------- tags

    def _tags(self, acts: Sequence[Act]) -> None:
        """What is set before what is taken away; of both some canaries first."""
        setting = [act for act in acts if _sets(act)]
        for phase in (setting, [act for act in acts if not _sets(act)]):
            # What may have been sent is settled before anything else.
            self._wave([act for act in phase if self._may_have_sent(act)])
            # Nothing is taken away while what takes its place isn't settled: a later attempt comes to both.
            waiting = {act.target.id for act in setting if self._is_open(act)} if phase is not setting else set()
            todo = [
                act
                for act in phase
                if self._is_open(act) and not self._may_have_sent(act) and act.target.id not in waiting
            ]
            sent = sum(what(self._entries[act.number]) in _SENT for act in phase if act.number in self._entries)
            spread = _spread(todo)
            while spread and sent < self._limits.canary and self._halted is None:
                wave, spread = spread[: self._limits.canary - sent], spread[self._limits.canary - sent :]
                self._wave(wave)
                found = [self._entries[act.number] for act in wave if act.number in self._entries]
                sent += sum(what(entry) in _SENT for entry in found)
                for entry in found:
                    if what(entry) in _FAILED:
                        self._halt(
                            "stopped",
                            f"one of the first {self._limits.canary} went wrong (reconcile.limits.canary): "
                            f"{entry.target.id}: {entry.why}",
                        )
                        break
            begun = {act.number for act in todo} - {act.number for act in spread}
            self._wave([act for act in todo if act.number not in begun])

    def _is_open(self, act: Act) -> bool:
        entry = self._entries.get(act.number)
        return entry is None or what(entry) in OPEN

    def _may_have_sent(self, act: Act) -> bool:
        entry = self._entries.get(act.number)
        return entry is not None and what(entry) == "unsettled"

    def _wave(self, acts: Sequence[Act]) -> None:
        """Does them all, ``workers`` batches at a time, unless the run is stopped meanwhile."""
        todo = _batches([act for act in acts if act.target.place not in self._leases.busy], self._writers)[::-1]
        self._busy = busy = set[Future[None]]()
        if not todo:
            return
        with ThreadPoolExecutor(self._workers, "costguard") as pool:
            try:
                while busy or (todo and self._halted is None):
                    while todo and len(busy) < self._workers and self._halted is None:
                        busy.add(pool.submit(self._batch, todo.pop()))
                    done, _ = wait(busy, _LOOK_UP, FIRST_COMPLETED)
                    busy -= done
                    for future in done:
                        future.result()
                    self._leases.renew()
                    self._judge()
                    self._tell()
            except JournalError as error:
                self._halt("failed", str(error))
            except KeyboardInterrupt:
                # What is under way comes to its end: the pool waits for it.
                self._halt("stopped", "it was interrupted")
                raise
            except BaseException as error:
                self._halt("failed", f"costguard failed ({type(error).__name__})")
                raise

    def _tell(self) -> None:
        with self._lock:
            counts = Counter(self._tally)
        failed = sum(counts[one] for one in _FAILED)
        self._progress(Progress(sum(counts.values()), self._total, counts["written"], failed))

    def _batch(self, acts: list[Act]) -> None:
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_BACKOFF * 2 ** (attempt - 1))
            if self._hindrance(acts[0].target.place) and not any(map(self._may_have_sent, acts)):
                break
            acts = self._round(acts)
            if not acts:
                return
        with self._lock:  # What was never settled counts too.
            self._tally.update(what(self._entries[act.number]) for act in acts if act.number in self._entries)

    def _round(self, acts: Sequence[Act]) -> list[Act]:
        """Reads, decides, writes and reads back. Returns those that are to be decided on once more."""
        place = acts[0].target.place
        writer = self._writers[acts[0].target.cloud]
        again: list[Act] = []
        settled: list[Entry] = []
        writing: dict[tuple[object, ...], list[tuple[Act, Entry, Current]]] = {}
        epoch = self._leases.epoch(place)
        acts = [act for act in acts if self._is_open(act)]
        if not acts:
            return []
        readings = self._read(writer, acts)
        reading = self._reading(epoch)
        if self._leases.hindrance(place):
            # Somebody else may be at work on the very same entries.
            return []
        if self._stale(place, reading):
            # Somebody else may have been.
            return acts
        for act, current in zip(acts, readings, strict=True):
            entry = _decided(self._run.id, act, current, self._entries.get(act.number), self._objection)
            if entry.state != "intended" or entry.found == "unread":
                settled.append(entry)
                continue
            writing.setdefault(_keys(entry.after), []).append((act, entry, current))
        self._settle(settled)
        for group in writing.values():
            if self._hindrance(place):
                break
            if self._stale(place, reading):
                again += [act for act, _, _ in group]
                continue
            self._intend([entry for _, entry, _ in group])
            # Keeping the intents may have taken its time.
            if self._hindrance(place):
                break
            if self._stale(place, reading):
                again += [act for act, _, _ in group]
                continue
            with sending_while(lambda: self._may_send(place, epoch)):
                answers = writer.write([_edit(entry, current) for _, entry, current in group])
            entries = [_answered(entry, answer) for (_, entry, _), answer in zip(group, answers, strict=True)]
            self._record(entries)
            again += self._verify(writer, [act for act, _, _ in group], entries)
        return again

    def _read(self, writer: TagWriter, acts: Sequence[Act]) -> Sequence[Current]:
        """What they carry now; of what may have been sent already, what they carry when it has had time to show."""
        found = list(writer.read([act.target for act in acts]))
        for delay in _READ_BACK:
            waiting = [
                at
                for at, act in enumerate(acts)
                if self._may_have_sent(act)
                and not found[at].gone
                and _found(self._entries[act.number], found[at]) != "ours"
            ]
            if not waiting:
                break
            self._sleep(delay)
            for at, current in zip(waiting, writer.read([acts[at].target for at in waiting]), strict=True):
                found[at] = current
        return found

    def _verify(self, writer: TagWriter, acts: Sequence[Act], entries: Sequence[Entry]) -> list[Act]:
        """Reads back what was taken, or may have been. Returns the acts that are to be decided on once more."""
        again = [act for act, entry in zip(acts, entries, strict=True) if entry.how in ("again", "conflict")]
        self._settle([entry for entry in entries if entry.how in ("refused", "gone")], kept=True)
        waiting = {
            act.number: (act, entry)
            for act, entry in zip(acts, entries, strict=True)
            if entry.how in ("done", "unknown")
        }
        latest: dict[int, Current] = {}
        for delay in (0.0, *_READ_BACK):
            if not waiting:
                return again
            if delay:
                self._sleep(delay)
            found = writer.read([act.target for act, _ in waiting.values()])
            latest.update(zip(waiting, found, strict=True))
            settled = [(number, _seen(entry, latest[number])) for number, (_, entry) in waiting.items()]
            self._settle([entry for _, entry in settled if entry is not None])
            for number, seen in settled:
                if seen is not None:
                    del waiting[number]
        for number, (act, entry) in waiting.items():
            given_up = _given_up(entry, latest[number])
            if given_up is None:
                again.append(act)
            else:
                self._settle([given_up])
        return again

    def _settle(self, entries: Sequence[Entry], *, kept: bool = False) -> None:
        """Records what nothing more is done about in this run, and counts it. ``kept``: the journal has it already."""
        if not kept:
            self._record(entries)
        with self._lock:
            self._tally.update(map(what, entries))

    # ------------------------------------------------------------- the ladder's steps

    def _notify(self, acts: Sequence[Act]) -> None:
        """One call for all of them. Whoever delivers keeps account of what was delivered, so it may be asked again."""
        todo = [act for act in acts if self._is_open(act) and act.step is not None]
        todo = [act for act in todo if not self._hindrance(act.target.place)]
        if not todo or self._notices is None:
            return
        self._intend([_entry(self._run.id, act) for act in todo])
        answers = self._notices([act.step for act in todo if act.step is not None])
        entries = [_answered(_entry(self._run.id, act), answer) for act, answer in zip(todo, answers, strict=True)]
        taken = [
            msgspec.structs.replace(one, state="verified", found="ours") if one.how == "done" else one
            for one in entries
        ]
        self._settle(taken)

    def _climb(self, act: Act, then: Act | None) -> None:
        """A snapshot, a stop or a termination, one at a time. ``then`` is the act after it."""
        power = self._powers.get(act.target.cloud)
        if power is None or self._hindrance(act.target.place):
            return
        if act.verb == "snapshot" and then is not None and self._is_open(then):
            # One of an earlier attempt doesn't have what was written since: another one is taken.
            if not self._is_open(act) and what(self._entries[act.number]) != "written":
                return
            if self._may_have_sent(then) and (
                self._entries[then.number].how == "done" or power.state(act.target) in _AIMED[then.verb]
            ):
                return
        elif not self._is_open(act):
            return
        if self._lacks_snapshot(act) and not self._may_have_sent(act):
            return
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_BACKOFF * 2 ** (attempt - 1))
            if not self._powered(power, act):
                break
            self._leases.renew()
        with self._lock:
            self._tally.update(what(entry) for entry in [self._entries.get(act.number)] if entry is not None)
        self._leases.renew()
        self._judge()
        self._tell()

    def _lacks_snapshot(self, act: Act) -> bool:
        """Whether one is to be taken before this, and none was in this attempt."""
        wanted = act.verb != "snapshot" and act.step is not None and act.step.snapshot
        return wanted and act.number - 1 not in self._snapshots

    def _powered(self, power: Power, act: Act) -> bool:
        """One attempt; whether there is to be another."""
        place = act.target.place
        epoch = self._leases.epoch(place)
        earlier = self._entries.get(act.number)
        sent = earlier if earlier is not None and what(earlier) == "unsettled" else None
        if sent is not None and act.verb != "snapshot":
            if power.state(act.target) in _AIMED[act.verb]:
                self._record([msgspec.structs.replace(sent, state="verified", found="ours")])
                return False
            if sent.how == "done":
                self._record([self._reached(power, act, sent)])
                return False
        if self._lacks_snapshot(act):
            return False
        intent = _allowed(self._run.id, act, power, self._writers, self._objection)
        reading = self._reading(epoch)
        if self._leases.hindrance(place):
            return False
        if self._stale(place, reading):
            return True
        if intent.state != "intended":
            if earlier is None or what(earlier) != "written":  # Which snapshot there is stays known.
                self._record([intent])
            return False
        if self._hindrance(place):
            return False
        if act.verb != "snapshot":
            intent = msgspec.structs.replace(intent, at=self._now())
        elif earlier is not None and earlier.by:
            intent = msgspec.structs.replace(intent, why=f"it was taken anew, and {earlier.by} is from before")
        self._intend([intent])
        if self._hindrance(place):
            return False
        if self._stale(place, reading):
            return True
        with sending_while(lambda: self._may_send(place, epoch)):
            match act.verb:
                case "snapshot":
                    answer = power.snapshot(act.target, f"{self._run.id}-{act.number}-{self._attempt}")
                case "stop":
                    answer = power.stop(act.target)
                case _:
                    answer = power.terminate(act.target)
        entry = _answered(intent, answer)
        self._record([entry])
        if answer.how == "done" and act.verb == "snapshot":
            self._snapshots.add(act.number)
        if answer.how == "done":
            verified = msgspec.structs.replace(entry, state="verified", found="ours")
            self._record([verified if act.verb == "snapshot" else self._reached(power, act, entry)])
        return answer.how in ("again", "conflict", "unknown")

    def _reached(self, power: Power, act: Act, entry: Entry) -> Entry:
        """Waits until it is what it was told to become; what never does is left for a later look."""
        state = ""
        for delay in (0.0, *_STATE):
            if delay:
                self._sleep(delay)
            state = power.state(act.target)
            if state in _AIMED[act.verb]:
                return msgspec.structs.replace(entry, state="verified", found="ours")
            self._leases.renew()
        return msgspec.structs.replace(entry, found="unread", why=f"it was told to, and isn't yet: {state}")

    def _keep_climbed(self, acts: Sequence[Act]) -> None:
        """Keeps how far each resource has climbed, also what a run that was killed didn't come to keep, and which the
        cloud refused."""
        day = self._run.started.date()
        tried = [
            (act.step, act.verb, what(self._entries[act.number]))
            for act in acts
            if act.step is not None and act.number in self._entries
        ]
        climbed = [step for step, verb, became in tried if verb != "snapshot" and became in ("written", "already")]
        refused = [step for step, _, became in tried if became in ("refused", "full", "busy")]
        if not climbed and not refused:
            return
        flags = self._journal.flags([step.id for step in (*climbed, *refused)])
        kept = []
        for step in climbed:
            flag = flags.get(step.id) or Flag(id=step.id, first=step.since, last=day)
            if step.rung not in flag.climbed:
                kept.append(risen(flag, step.rung, day))
        for step in refused:
            flag = flags.get(step.id) or Flag(id=step.id, first=step.since, last=day)
            kept.append(msgspec.structs.replace(flag, refused={**flag.refused, step.rung: day}))
        if kept:
            self._journal.flag(kept, flags)


def _none(_: Act, __: Mapping[str, str]) -> str:
    """Nothing speaks against it."""
    return ""


def _unwatched(_: Progress) -> None:
    """Nobody looks on."""


class _Reading(msgspec.Struct, frozen=True):
    """When something was read: in which epoch of its place's lease it began, and when it ended by either clock."""

    epoch: int
    at: datetime
    tick: float


class _Leases:
    """The places that this process has to itself. Safe to use from several threads."""

    def __init__(
        self,
        journal: Journal,
        run: str,
        now: Callable[[], datetime],
        term: timedelta,
        others: Callable[[], object],
    ) -> None:
        self._journal = journal
        self._run = f"run {run} ("
        self._now = now
        self._term = term
        self._others = others
        """Called when a place is had again in which others may have been meanwhile, before anything is done there."""
        # Two processes that resume one run are two holders.
        self._holder = f"{self._run}process {os.getpid()} on {socket.gethostname()}, {secrets.token_hex(2)})"
        self._held: dict[str, tuple[datetime, float]] = {}
        self._epochs: Counter[str] = Counter()
        self._taking = threading.Lock()
        self.busy: dict[str, Busy] = {}
        """The places that somebody else has."""

    @property
    def elsewhere(self) -> bool:
        """Whether another process is at the same run."""
        return any(busy.holder.startswith(self._run) for busy in self.busy.values())

    def take(self, places: Iterable[str]) -> None:
        for place in sorted(places):
            with self._taking:
                self._take(place)

    def renew(self) -> None:
        """Those of which a quarter has passed."""
        with self._taking:
            for place, (until, _) in list(self._held.items()):
                if until - self._now() < self._term * 3 / 4:
                    self._take(place)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within, they are renewed whatever the caller's thread is waiting for."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(_LOOK_UP):
                # Where the journal fails, the caller's own next word to it says so; until then the lease runs out.
                with suppress(JournalError):
                    self.renew()

        thread = threading.Thread(target=renew, name="costguard-leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()

    def _take(self, place: str) -> None:
        now, tick = self._now(), time.monotonic()
        until = now + self._term
        lapsed = place in self._held and bool(self.hindrance(place))
        try:
            self._journal.lease(place, self._holder, until, now)
        except Busy as busy:
            self._held.pop(place, None)
            self.busy[place] = busy
            return
        if lapsed:
            self._epochs[place] += 1  # First, so that whoever has read before doesn't go on.
            self._others()
        self._held[place] = (until, tick + self._term.total_seconds())

    def epoch(self, place: str) -> int:
        """Another number after every time that the lease had run out: what was read before counts for nothing."""
        return self._epochs[place]

    def hindrance(self, place: str) -> str:
        held = self._held.get(place)
        if held is None:
            busy = self.busy.get(place)
            return f"{place} is not leased" if busy is None else str(busy)
        until, tick = held
        margin = self._term / 4
        if self._now() >= until - margin or time.monotonic() >= tick - margin.total_seconds():
            return f"the lease of {place} could not be renewed in time"
        return ""

    def release(self) -> None:
        with self._taking:
            self._held.clear()
            self._journal.release(self._holder)


# ------------------------------------------------------------------ rehearsing


def foresee(acts: Sequence[Act], writers: Mapping[Cloud, TagWriter], settings: Settings) -> Outcome:
    """What a run would do now. Reads everything, and writes nothing anywhere."""
    tags = [act for act in acts if act.verb == "tags"]
    powers = settings.get("powers", {})
    objection = settings.get("objection", _none)
    simulated: dict[str, Current] = {}

    def read(batch: Sequence[Act]) -> Sequence[Current]:
        return writers[batch[0].target.cloud].read([act.target for act in batch])

    entries: list[Entry] = []
    with ThreadPoolExecutor(settings.get("workers", 10), "costguard") as pool:
        for phase in ([act for act in tags if _sets(act)], [act for act in tags if not _sets(act)]):
            batches = _batches(phase, writers)
            for batch, currents in zip(batches, pool.map(read, batches), strict=True):
                for act, current in zip(batch, currents, strict=True):
                    seen = simulated.get(act.target.id, current)
                    entry = _decided("", act, seen, None, objection)
                    entries.append(entry)
                    if entry.state == "intended" and seen.tags is not None:
                        # What is taken away is only taken away when this is there.
                        set_ = {key: text for key, text in entry.after.items() if text is not None}
                        simulated[act.target.id] = Current({**seen.tags, **set_})
    for act in acts:
        power = powers.get(act.target.cloud)
        if act.verb == "notice" and settings.get("notices") is not None:
            entries.append(_entry("", act))
        elif act.verb in _AIMED and power is not None:
            entries.append(_allowed("", act, power, writers, objection))
    return Outcome(
        run="",
        rehearsal=True,
        entries=tuple(sorted(entries, key=lambda entry: entry.number)),
        unbegun=len(acts) - len(entries),
        gaps=tuple(Gap(where=entry.target.id, why=entry.why) for entry in entries if entry.how in OPEN),
    )


def check_writers(acts: Iterable[Act], writers: Mapping[Cloud, TagWriter]) -> None:
    """Raises :class:`UsageError` where there is nobody to write."""
    for cloud in sorted({act.target.cloud for act in acts} - set(writers)):
        raise UsageError(f"there is nothing here that writes to {cloud}")


# ------------------------------------------------------------------ deciding


def _entry(run: str, act: Act) -> Entry:
    """A new intent. ``before`` and ``after`` are the act's."""
    return Entry(
        run=run,
        number=act.number,
        verb=act.verb,
        target=act.target,
        before=act.before,
        after=act.after,
        expects=act.expects,
    )


def _skipped(run: str, act: Act, how: What, why: str) -> Entry:
    return msgspec.structs.replace(_entry(run, act), state="skipped", how=how, why=why)


def _decided(
    run: str, act: Act, current: Current, earlier: Entry | None, objection: "Callable[[Act, Mapping[str, str]], str]"
) -> Entry:
    """The entry that follows from a reading: ``intended`` where it is to be written, and may be."""
    if earlier is not None and what(earlier) == "unsettled":
        entry = _seen(earlier, current) or _given_up(earlier, current)
        if entry is not None:
            return entry
    if current.gone:
        return _skipped(run, act, "gone", "it isn't there any more")
    if current.tags is None:
        return _skipped(run, act, "unread", f"it can't be read: {current.why}")
    tags = current.tags
    if all(tags.get(key) == text for key, text in act.after.items()):
        return _skipped(run, act, "already", "it is so already")
    stale = [key for key, text in act.before.items() if tags.get(key) != text]
    if act.apart:
        before = {key: text for key, text in act.before.items() if key not in stale}
        changed = [key for key in stale if tags.get(key) != act.after[key]]
    else:
        before, changed = {} if stale else dict(act.before), stale
    drifted = [*changed, *(key for key, text in act.expects.items() if tags.get(key) != text)]
    why = _differences({**act.before, **act.expects}, tags, drifted)
    if not before or len(drifted) > len(changed):
        return _skipped(run, act, "drifted", why)
    if against := _kept(act, tags) or objection(act, tags):
        return _skipped(run, act, "drifted", against)
    after = {key: act.after[key] for key in before}
    if full := _full(act.target.cloud, tags, after):
        return _skipped(run, act, "full", full)
    return msgspec.structs.replace(_entry(run, act), before=before, after=after, why=why)


def _kept(act: Act, tags: Mapping[str, str]) -> str:
    """Why a step of the ladder isn't taken although all is as it was expected; empty where it is taken."""
    key = keeper(tags, act.expects) if act.step is not None else None
    return "" if key is None else f"{key} was not there and is {tags[key]!r} now"


def _seen(entry: Entry, current: Current) -> Entry | None:
    """The entry of what may have been taken, where a reading settles it; None where more time may bring more."""
    replace = msgspec.structs.replace
    if current.gone:
        return replace(entry, state="skipped", how="gone", found=None, why="it isn't there any more")
    found = _found(entry, current)
    if found == "ours":
        return replace(entry, state="verified", found="ours", why="" if entry.found == "unread" else entry.why)
    if found == "theirs":
        return _elsewise(entry, "theirs", current)
    return None


def _given_up(entry: Entry, current: Current) -> Entry | None:
    """The same where no more time is given; None where it certainly wasn't taken, so that it may be sent again."""
    if current.tags is None:
        return msgspec.structs.replace(entry, found="unread", why=f"it can't be read back: {current.why}")
    untouched = all(current.tags.get(key) == entry.before.get(key) for key in entry.after)
    return None if untouched and entry.how != "done" else _elsewise(entry, "absent", current)


def _elsewise(entry: Entry, found: Finding, current: Current) -> Entry:
    """Of what isn't as it was intended: what was taken has been verified, and of the rest nothing more is known."""
    tags = current.tags or {}
    wrong = sorted(key for key, text in entry.after.items() if tags.get(key) != text)
    there = ", ".join(f"{key} is {tags[key]!r}" if key in tags else f"{key} isn't there" for key in wrong)
    taken = any(text is None and key not in tags for key, text in entry.after.items())
    if entry.how == "done" and entry.guard == "compare" and found == "theirs" and not _sets(entry) and not taken:
        # Only what is taken away is compared, and the cloud says "done" also where it wasn't what it was to be.
        why = f"the cloud takes away only what it was, and now {there}"
        return msgspec.structs.replace(entry, state="skipped", how="drifted", found=found, why=why)
    if entry.how == "done":
        return msgspec.structs.replace(entry, state="verified", found=found, why=f"after the write {there}")
    if any(tags.get(key) == text != entry.before.get(key) for key, text in entry.after.items()):
        # A call is taken as a whole: what is as it was intended, and wasn't before, says that it was.
        return msgspec.structs.replace(entry, state="verified", found="theirs", why=f"since the write {there}")
    why = f"whether it was written isn't known, and now {there}"
    return msgspec.structs.replace(entry, state="skipped", how="drifted", found=found, why=why)


def _allowed(
    run: str,
    act: Act,
    power: Power,
    writers: Mapping[Cloud, TagWriter],
    objection: "Callable[[Act, Mapping[str, str]], str]",
) -> Entry:
    """The entry of a snapshot, a stop or a termination: ``intended`` where all is as it was when it was planned."""
    if act.target.type not in power.types:
        return _skipped(run, act, "refused", f"nothing of the type {act.target.type} is ever stopped or terminated")
    current = writers[act.target.cloud].read([act.target])[0]
    if current.gone:
        return _skipped(run, act, "gone", "it isn't there any more")
    if current.tags is None:
        return _skipped(run, act, "unread", f"it can't be read: {current.why}")
    drifted = [key for key, text in act.expects.items() if current.tags.get(key) != text]
    if drifted:
        return _skipped(run, act, "drifted", _differences(act.expects, current.tags, drifted))
    if against := _kept(act, current.tags) or objection(act, current.tags):
        return _skipped(run, act, "drifted", against)
    match power.state(act.target):  # The last look before the act itself.
        case "gone":
            return _skipped(run, act, "gone", "it isn't there any more")
        case state if state in _AIMED[act.verb]:
            return _skipped(run, act, "already", "it is so already")
        case "busy":
            return _skipped(run, act, "busy", "it is attached or in use, and isn't touched")
        case "there" | "stopped":
            return _entry(run, act)
        case state:
            return _skipped(run, act, "unread", f"its state can't be told: {state}")


# ------------------------------------------------------------------ readings


def _sets(act: Act | Entry) -> bool:
    return any(text is not None for text in act.after.values())


def _edit(entry: Entry, current: Current) -> Edit:
    return Edit(
        target=entry.target,
        set={key: text for key, text in entry.after.items() if text is not None},
        remove={key: entry.before[key] or "" for key, text in entry.after.items() if text is None},
        seen=current,
    )


def _answered(entry: Entry, answer: Answer) -> Entry:
    why = answer.why or entry.why
    return msgspec.structs.replace(entry, state="answered", how=answer.how, by=answer.by, guard=answer.guard, why=why)


def _found(entry: Entry, current: Current) -> Finding:
    """What a reading shows of an entry's keys; ``absent`` also where only some of them are as intended."""
    if current.tags is None:
        return "unread"
    values = [(current.tags.get(key), entry.before.get(key), after) for key, after in entry.after.items()]
    if all(there == after for there, _, after in values):
        return "ours"
    return "absent" if all(there in (before, after) for there, before, after in values) else "theirs"


def _differences(expected: Mapping[str, str | None], tags: Mapping[str, str], keys: Iterable[str]) -> str:
    said = []
    for key in sorted(set(keys)):
        wanted, there = expected[key], tags.get(key)
        if there is None:
            said.append(f"{key} was {wanted!r} and isn't there any more")
        elif wanted is None:
            said.append(f"{key} was not there and is {there!r} now")
        else:
            said.append(f"{key} was {wanted!r} and is {there!r} now")
    return "; ".join(said)


def _full(cloud: Cloud, tags: Mapping[str, str], after: Mapping[str, str | None]) -> str:
    """Why there is no room for these; empty where there is. AWS doesn't count its own tags, Google may."""
    limits = catalog.LIMITS[cloud]
    own = [key for key in tags if not (cloud == "aws" and key.casefold().startswith(limits.reserved))]
    added = sum(text is not None and key not in tags for key, text in after.items())
    if added and len(own) + added > limits.max_tags:
        most = limits.max_tags
        return f"it has {len(own)} tags, and with {added} more it would have more than the {most} that there may be"
    return ""


def _keys(after: Mapping[str, str | None]) -> tuple[object, ...]:
    """What must be alike in the edits of one call."""
    return tuple(sorted(after.items(), key=lambda item: item[0]))


def _batches(acts: Sequence[Act], writers: Mapping[Cloud, TagWriter]) -> list[list[Act]]:
    """Acts that one call can do; the places take turns, so that their quotas are used side by side."""
    groups: dict[tuple[object, ...], list[Act]] = {}
    for act in acts:
        groups.setdefault((act.target.place, _keys(act.after)), []).append(act)
    turns: dict[str, list[list[Act]]] = {}
    for group in groups.values():
        size = writers[group[0].target.cloud].batch
        of_place = turns.setdefault(group[0].target.place, [])
        of_place += [group[start : start + size] for start in range(0, len(group), size)]
    return _in_turns(turns.values())


def _in_turns(rows: Iterable[Sequence[T]]) -> list[T]:
    """The first of each row, then the second of each, and so on."""
    numbered = [(turn, one) for row in rows for turn, one in enumerate(row)]
    return [one for _, one in sorted(numbered, key=lambda pair: pair[0])]


def _spread(acts: Sequence[Act]) -> list[Act]:
    """In turns from each place and type, so that the first few are of many."""
    groups: dict[tuple[str, str], list[Act]] = {}
    for act in acts:
        groups.setdefault((act.target.place, act.target.type), []).append(act)
    return _in_turns(groups.values())
