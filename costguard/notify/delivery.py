"""That a digest arrives: once where that can be had, never silently not at all, and without waiting for ever.

What was delivered is asked before and written down after. Between the two a process may die, and an answer may be lost
on the way: then the digest is sent again, under the same key, and a medium that knows keys shows it once. A notice that
comes twice is a nuisance, one that never comes is a resource stopped without a warning.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from costguard.notify.digest import Digest
from costguard.policy.patterns import glob_matches
from costguard.reports.text import prose

_GIVES_UP = 3
"""After so many digests in a row that a channel didn't take, it isn't asked to take the others of the run: each costs
up to two minutes, and there may be one for every team."""


class Later(Exception):  # noqa: N818 - it is an answer, and no error of the program's.
    """It was not taken, or nobody knows whether it was, and another attempt may help; ``wait`` is how many seconds the
    receiver asked for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class Refused(Exception):  # noqa: N818 - it is an answer, and no error of the program's.
    """It was not taken, and no other attempt will help. ``told`` are those who got it nevertheless."""

    def __init__(self, why: str, told: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.told = tuple(told)


class Channel(Protocol):
    """A way to tell somebody. Neither its name nor what it raises holds a secret, or a receiver's own words that could
    repeat one."""

    @property
    def name(self) -> str:
        """What it is called to people and in the journal: its kind, and what tells it from others of that kind."""
        ...

    @property
    def owners(self) -> tuple[str, ...] | None:
        """Globs; None where it takes all digests, and those of nobody."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """The environment variables that it needs."""
        ...

    def render(self, digest: Digest) -> str:
        """What would be sent, as text that is fit to print."""
        ...

    def post(self, digest: Digest, environment: Mapping[str, str], timeout: float) -> None:
        """Sends it, once; ``timeout`` is how many seconds any one answer may take. Raises :class:`Later` or
        :class:`Refused`."""
        ...


class Deliveries(Protocol):
    """Where it is kept what was delivered; the journal of a run is one. What it raises is not caught."""

    def delivered(self, key: str) -> bool: ...

    def deliver(self, key: str, at: datetime, what: str) -> None: ...


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one digest on one channel. ``how``: ``sent``; ``before``, an earlier attempt of the same run had
    delivered it; ``failed``, and ``why`` says in a sentence what is known; ``nobody``, no channel takes the digests of
    this owner, and ``channel`` is empty. The last two are gaps."""

    owner: str | None
    channel: str
    key: str
    how: Literal["sent", "before", "failed", "nobody"]
    why: str = ""
    attempts: int = 0

    @property
    def gap(self) -> str:
        """The sentence of a gap; empty where the digest is where it belongs."""
        if self.how in ("sent", "before"):
            return ""
        whom = "the resources without a known owner" if self.owner is None else prose(self.owner, 100)
        return f"{whom}: {self.why}"


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a receiver is waited for, in seconds: ``timeout`` for any one answer, ``attempt`` for a whole attempt.
    Between the attempts it waits ``pause``, twice that, four times that, or what the receiver asks for; one that asks
    for more than ``longest`` is left alone."""

    attempts: int = 4
    timeout: float = 10.0
    attempt: float = 30.0
    pause: float = 1.0
    longest: float = 30.0
    sleep: Callable[[float], None] = time.sleep


def send(
    digests: Sequence[Digest],
    channels: Sequence[Channel],
    deliveries: Deliveries,
    now: datetime,
    environment: Mapping[str, str],
    patience: Patience | None = None,
) -> list[Delivery]:
    """Delivers each digest over each channel that takes it, and says what became of each: in the order of the digests,
    and for each in the order of the channels. One owner has at most one digest of a run (:class:`ValueError`), and a
    channel that is there twice is told once. Whatever a channel does, the others are told."""
    if len({(digest.run, digest.owner) for digest in digests}) < len(digests):
        raise ValueError("one owner has two digests of one run")
    patience = patience or Patience()
    failures: dict[str, int] = {}
    done = []
    for digest in digests:
        takers = {channel.name: channel for channel in reversed(channels) if _takes(channel, digest.owner)}
        for name, channel in reversed(takers.items()):
            key = digest.key(name)
            if deliveries.delivered(key):
                done.append(Delivery(owner=digest.owner, channel=name, key=key, how="before"))
                continue
            if failures.get(name, 0) >= _GIVES_UP:
                why = f"{name} was not tried again: it took none of the {_GIVES_UP} digests before"
                done.append(Delivery(owner=digest.owner, channel=name, key=key, how="failed", why=why))
                continue
            told, why, attempts = _try(channel, digest, environment, patience)
            if told:
                deliveries.deliver(key, now, f"{name}: {digest.heading}{f' ({why})' if why else ''}")
            failures[name] = 0 if told else failures.get(name, 0) + 1
            how: Literal["sent", "failed"] = "failed" if why else "sent"
            done.append(Delivery(owner=digest.owner, channel=name, key=key, how=how, why=why, attempts=attempts))
        if not takers:
            whom = "no owner" if digest.owner is None else "this owner"
            why = f"no channel of costguard.yaml takes the digests of {whom}"
            done.append(Delivery(owner=digest.owner, channel="", key="", how="nobody", why=why))
    return done


def _takes(channel: Channel, owner: str | None) -> bool:
    if channel.owners is None or owner is None:
        return channel.owners is None
    return any(glob_matches(glob, owner) for glob in channel.owners)


def _try(channel: Channel, digest: Digest, environment: Mapping[str, str], patience: Patience) -> tuple[bool, str, int]:
    """Whether somebody was told, what is to be said of it, and after how many attempts."""
    if missing := [name for name in channel.secrets if not environment.get(name)]:
        return False, f"{channel.name}: the environment variable {missing[0]} is not set", 0
    attempt = 0
    while True:
        attempt += 1
        try:
            _within(patience.attempt, lambda: channel.post(digest, environment, patience.timeout))
        except Refused as error:
            return bool(error.told), f"{channel.name}: {error}", attempt
        except Later as error:
            wait = patience.pause * 2 ** (attempt - 1) if error.wait is None else error.wait
            if attempt >= patience.attempts:
                times = {1: "once", 2: "twice"}.get(attempt, f"{attempt} times")
                return False, f"{channel.name}: {error}; it was tried {times}", attempt
            if wait > patience.longest:
                return False, f"{channel.name}: {error}; it asks for {wait:.0f} s, which is too long to wait", attempt
            patience.sleep(wait)
        else:
            return True, "", attempt


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Does the work, or raises :class:`Later` after so many seconds. A receiver that answers one byte at a time stays
    within every timeout of a socket; it keeps its thread, which ends with the process."""
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for.
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=run, name="notify", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise Later(f"there was no whole answer within {seconds:g} s")
    if ended[0] is not None:
        raise ended[0]
