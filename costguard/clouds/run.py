"""One run over the clouds: what all of its parts share, and the crew that does its tasks side by side."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import msgspec

from costguard.catalog.native import canonical
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import Sighting, Sink
from costguard.model.coverage import Cell

Task = Callable[[], Iterable["Task"]]
"""Something to do; it returns what there is to do next."""

_LOOK_UP = 0.2
"""Seconds between two looks of whoever watches the run."""


def after(tasks: Sequence[Task], then: Callable[[], object]) -> list[Task]:
    """The tasks; when the last of them is done, with all that they bring up, ``then`` is called."""
    lock = threading.Lock()
    left = len(tasks)

    def counted(task: Task) -> Task:
        def do() -> Iterable[Task]:
            nonlocal left
            more = list(task())
            with lock:
                left += len(more) - 1
                last = left == 0
            if last:
                then()
            return [counted(one) for one in more]

        return do

    if not tasks:
        then()
    return [counted(task) for task in tasks]


class Shard(msgspec.Struct, frozen=True):
    """Which part of the accounts and projects is this run's: ``index`` counts from 1 to ``count``.

    An account belongs to a shard by its name alone, so that the shards agree also when the list of accounts changes
    between two of them.
    """

    index: int = 1
    count: int = 1

    def owns(self, name: str) -> bool:
        from hashlib import sha256

        return int.from_bytes(sha256(name.encode()).digest()[:8], "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


ALL = Shard()


class Tally:
    """How far the run is. Numbers only grow; whoever shows them reads them as they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.accounts = self.accounts_done = 0
        self.places = self.places_done = 0
        self.sightings = 0

    def add(
        self, *, accounts: int = 0, accounts_done: int = 0, places: int = 0, places_done: int = 0, sightings: int = 0
    ) -> None:
        with self._lock:
            self.accounts += accounts
            self.accounts_done += accounts_done
            self.places += places
            self.places_done += places_done
            self.sightings += sightings


def _joined(seen: Sighting) -> Sighting:
    id_ = canonical(seen.id)
    return seen if id_ is seen.id else msgspec.structs.replace(seen, id=id_)


class Run:
    """``types``: the Terraform types that are asked for, None for all. ``now``: seconds since 1970."""

    def __init__(
        self,
        sink: Sink,
        *,
        workers: int = 16,
        types: frozenset[str] | None = None,
        shard: Shard = ALL,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sink = sink
        self.workers = workers
        self.types = types
        self.shard = shard
        self.now = now
        self.pacer = Pacer()
        self.tally = Tally()

    def add(self, source: str, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
        """Keeps what was asked for of what a source shows, under the ids that all sources agree on; returns it."""
        if self.types is not None:
            sightings = [seen for seen in sightings if seen.type in self.types]
        self._sink.add(source, list(map(_joined, sightings)))
        self.tally.add(sightings=len(sightings))
        return sightings

    def cell(self, cell: Cell) -> None:
        self._sink.cell(cell)

    def work(self, tasks: Iterable[Task], watch: Callable[[Tally], object] = lambda _: None) -> None:
        """Does the tasks and whatever they bring up, ``workers`` at a time; ``watch`` is called a few times a second.

        What a task brings up comes before what was there already, so that an account is finished before the next is
        begun and little waits. The first exception ends it: what is under way stops at its next call.
        """
        pool = ThreadPoolExecutor(self.workers, "costguard")
        todo = list(tasks)[::-1]
        busy: set[Future[Iterable[Task]]] = set()
        try:
            while todo or busy:
                while todo and len(busy) < self.workers:
                    busy.add(pool.submit(todo.pop()))
                done, busy = wait(busy, _LOOK_UP, FIRST_COMPLETED)
                for future in done:
                    todo += list(future.result())[::-1]
                watch(self.tally)
        except BaseException:
            self.pacer.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
