"""A program that applies, resumes and dies as it is told: one JSON object a line on standard input, one word a line on
standard output.

It forks for each order, because importing what an apply needs takes longer than the apply. The order says what is to be
done and at which boundary of the journal the process kills itself: 0 is before the first call, 1 after it, 2 before
the second. Nothing is patched: the journal that the apply is given is one that counts.
"""

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from costguard.clouds.aws.api import Aws
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import TagWriter
from costguard.model.change import read
from costguard.model.resource import Cloud
from costguard.reconcile.apply import apply, resume
from costguard.reconcile.journal import Journal
from costguard.reconcile.journal.sql import open_journal
from tests.reconcile.build import WIDE


class Order(msgspec.Struct, frozen=True):
    """``run`` is the run to resume, empty to apply. ``kill_after`` so many seconds it is killed, wherever it is then.
    ``ahead`` is how many seconds its clock is."""

    journal: str
    changes: str
    run: str = ""
    boundary: int | None = None
    kill_after: float | None = None
    ahead: float = 0.0


class Dying:
    """A journal that kills its process at a boundary; ``reached`` counts them."""

    def __init__(self, journal: Journal, boundary: int | None) -> None:
        self._journal = journal
        self._boundary = boundary
        self._lock = threading.Lock()
        self.reached = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._journal, name)

        def counted(*arguments: Any) -> Any:
            self._count()
            answer = call(*arguments)
            self._count()
            return answer

        return counted

    def _count(self) -> None:
        with self._lock:
            if self.reached == self._boundary:
                os.kill(os.getpid(), signal.SIGKILL)
            self.reached += 1


def do(order: Order) -> int:
    """Does it; the number of boundaries there were."""
    # Nothing here is throttled, and nothing shows late: what would be waited for isn't.
    aws = Aws(Pacer(sleep=_at_once), writes=True)
    journal = Dying(open_journal(order.journal), order.boundary)

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=order.ahead)

    with open(order.changes, "rb") as file:  # noqa: PTH123 - a path from another process.
        changes = read(file.read(), order.changes)
    writers: Mapping[Cloud, TagWriter] = {"aws": AwsTags(aws.own)}
    limits = msgspec.structs.replace(WIDE, canary=2)
    kept = cast("Journal", journal)
    if order.run:
        resume(order.run, kept, writers, limits=limits, now=now, workers=2, sleep=_at_once)
    else:
        apply(changes, kept, writers, limits=limits, now=now, workers=2, sleep=_at_once)
    return journal.reached


def _warm() -> None:
    """Reads what every child needs and no child changes, the models of AWS's services above all."""
    access = Aws(Pacer(), writes=True).own("")
    for service in ("ec2", "resourcegroupstaggingapi", "sns", "sts"):
        access.client(service, "us-east-1")
    with tempfile.TemporaryDirectory() as folder, closing(open_journal(f"sqlite:///{folder}/journal.db")) as journal:
        journal.runs()


def _at_once(_: float) -> None:
    """No wait."""


def main() -> None:
    _warm()
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        child = os.fork()
        if child == 0:
            try:
                reached = do(order)
            except BaseException:  # noqa: BLE001 - whatever it is, this is the child, and ends here.
                traceback.print_exc()
                os._exit(1)
            print(f"reached {reached}", flush=True)  # noqa: T201 - the parent reads it.
            os._exit(0)
        if order.kill_after is not None:
            # Until it is waited for, its number is nobody else's.
            time.sleep(order.kill_after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)  # noqa: T201 - as above.


if __name__ == "__main__":
    main()
