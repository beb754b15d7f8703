"""How fast a cloud may be asked: one token bucket for each (account, region, family of calls), shared by all workers.

A bucket starts at the documented quota. A throttled answer halves its rate, at most once for each round trip's worth of
answers, and every good one adds a little, up to the quota again (additive increase, multiplicative decrease).

The buckets are a process's own. Two runs that hold the leases of ``…/global`` and of the region in which the global
services live ask there at once, each at the whole quota; what is too much is throttled, and both slow down.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

_FLOOR = 0.2
"""Calls per second below which no throttle pushes a bucket."""
_RECOVERY = 20.0
"""A good answer adds this part of the quota: after so many the rate is back, where nothing else is throttled."""
_SAME_STORM = 0.5
"""Seconds within which throttled answers are one event: they were all sent at the rate that was too high."""


class Stopped(Exception):  # noqa: N818 - it is no error.
    """The run was ended, or may not go on here; nothing more is to be sent."""


_MAY_SEND: ContextVar[tuple[Callable[[], bool], ...]] = ContextVar("_MAY_SEND", default=())


@contextmanager
def sending_while(may_send: Callable[[], bool]) -> Iterator[None]:
    """Within, what this thread sends to any cloud is sent only while ``may_send()`` says yes; :class:`Stopped` is
    raised in its place otherwise. It is asked right before each sending, after the bucket's wait: a lease that ran out
    in the queue stops what was queued. It must be quick, and may be asked often. One within another adds to it."""
    token = _MAY_SEND.set((*_MAY_SEND.get(), may_send))
    try:
        yield
    finally:
        _MAY_SEND.reset(token)


class Quota(msgspec.Struct, frozen=True):
    """``rate`` in calls per second, ``burst`` in calls."""

    rate: float
    burst: float = 1.0


class Bucket:
    """One family of calls in one place. Safe to use from several threads."""

    def __init__(self, quota: Quota, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._quota = quota
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self.rate = quota.rate
        # The tokens that there are at the moment ``_filled``, which lies ahead while callers wait: it is the moment for
        # which the last of them has its token.
        self._tokens = quota.burst
        self._filled = clock()
        self._slowed = float("-inf")

    def take(self) -> float:
        """Waits until a call may be sent; the seconds that it waited.

        Whoever finds no token is given the moment at which the next one comes, so that waiting callers go in the order
        in which they came. That moment stays, whatever becomes of the rate: no two calls are ever closer together than
        the quota has them.
        """
        with self._lock:
            now = self._fill()
            if self._tokens >= 1:
                self._tokens -= 1
            else:
                self._filled += (1 - self._tokens) / self.rate
                self._tokens = 0.0
            wait = max(0.0, self._filled - now)
        if wait:
            self._sleep(wait)
        return wait

    def _fill(self) -> float:
        """Now, with the tokens that came until then, at the rate that held until then."""
        now = self._clock()
        if now > self._filled:
            self._tokens = min(self._quota.burst, self._tokens + (now - self._filled) * self.rate)
            self._filled = now
        return now

    def throttled(self) -> None:
        """The cloud refused a call for being one too many."""
        with self._lock:
            now = self._fill()
            if now - self._slowed < _SAME_STORM:
                return
            self._slowed = now
            self.rate = max(_FLOOR, self.rate / 2)
            self._tokens = 0.0

    def answered(self) -> None:
        """The cloud took a call."""
        if self.rate < self._quota.rate:
            with self._lock:
                self._fill()
                self.rate = min(self._quota.rate, self.rate + self._quota.rate / _RECOVERY)


class Pacer:
    """Hands out the buckets; one for a whole run."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, Bucket] = {}
        self._stopped = threading.Event()
        self.throttles = 0

    def stop(self) -> None:
        """Lets nobody send anything any more."""
        self._stopped.set()

    def check(self) -> None:
        """Raises :class:`Stopped` after :meth:`stop`, and where :func:`sending_while` forbids it."""
        if self._stopped.is_set() or not all(may_send() for may_send in _MAY_SEND.get()):
            raise Stopped

    def bucket(self, key: Hashable, quota: Quota) -> Bucket:
        """The bucket of ``key``, made with ``quota`` when it is first asked for."""
        with self._lock:
            found = self._buckets.get(key)
            if found is None:
                found = self._buckets[key] = Bucket(quota, self._clock, self._sleep)
            return found
