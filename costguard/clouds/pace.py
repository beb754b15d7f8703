"""How fast a cloud may be asked: one token bucket for each (account, region, family of calls), shared by all workers.

A bucket starts at the documented quota. A throttled answer halves its rate, at most once for each round trip's worth of
answers, and every good one adds a little, up to the quota again (additive increase, multiplicative decrease).
"""

import threading
import time
from collections.abc import Callable, Hashable

import msgspec

_FLOOR = 0.2
"""Calls per second below which no throttle pushes a bucket."""
_RECOVERY = 20.0
"""A good answer adds this part of the quota: after so many the rate is back, where nothing else is throttled."""
_SAME_STORM = 0.5
"""Seconds within which throttled answers are one event: they were all sent at the rate that was too high."""


class Stopped(Exception):  # noqa: N818 - it is no error.
    """The run was ended; nothing more is to be sent."""


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
        self._tokens = quota.burst
        self._filled = clock()
        self._slowed = float("-inf")

    def take(self) -> float:
        """Waits until a call may be sent; the seconds that it waited.

        Whoever takes a token that isn't there yet is in debt for it and waits that long, so that waiting callers go in
        the order in which they came.
        """
        with self._lock:
            now = self._clock()
            self._tokens = min(self._quota.burst, self._tokens + (now - self._filled) * self.rate)
            self._filled = now
            self._tokens -= 1
            wait = max(0.0, -self._tokens / self.rate)
        if wait:
            self._sleep(wait)
        return wait

    def throttled(self) -> None:
        """The cloud refused a call for being one too many."""
        with self._lock:
            now = self._clock()
            if now - self._slowed < _SAME_STORM:
                return
            self._slowed = now
            self.rate = max(_FLOOR, self.rate / 2)
            self._tokens = min(self._tokens, 0.0)

    def answered(self) -> None:
        """The cloud took a call."""
        if self.rate < self._quota.rate:
            with self._lock:
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
        """Raises :class:`Stopped` after :meth:`stop`."""
        if self._stopped.is_set():
            raise Stopped

    def bucket(self, key: Hashable, quota: Quota) -> Bucket:
        """The bucket of ``key``, made with ``quota`` when it is first asked for."""
        with self._lock:
            found = self._buckets.get(key)
            if found is None:
                found = self._buckets[key] = Bucket(quota, self._clock, self._sleep)
            return found
