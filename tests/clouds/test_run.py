"""The crew and the shards: everything is done once, and the first failure ends it."""

import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.clouds.pace import Quota, Stopped
from costguard.clouds.run import Run, Shard, Task
from costguard.clouds.sighting import Sighting
from costguard.model.coverage import Cell


class Kept:
    """A sink in memory."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self.cells: list[Cell] = []

    def add(self, source: str, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
        self.sightings.extend(sightings)
        return sightings

    def cell(self, cell: Cell) -> None:
        self.cells.append(cell)


@given(
    accounts=st.lists(st.text(st.sampled_from("0123456789"), min_size=12, max_size=12), unique=True),
    count=st.integers(1, 40),
)
def test_every_account_belongs_to_one_shard_whatever_other_accounts_there_are(accounts: list[str], count: int) -> None:
    shards = [Shard(index, count) for index in range(1, count + 1)]
    for account in accounts:
        assert sum(shard.owns(f"aws:{account}") for shard in shards) == 1


def test_four_shards_of_four_hundred_accounts_have_about_a_quarter_each() -> None:
    accounts = [f"aws:{index:012d}" for index in range(400)]
    for index in range(1, 5):
        # Of a fair draw the standard deviation is 8.7; this is four of them.
        assert 65 <= sum(Shard(index, 4).owns(account) for account in accounts) <= 135


def test_tasks_and_what_they_bring_up_are_each_done_once_and_no_more_at_a_time_than_there_are_workers() -> None:
    lock = threading.Lock()
    done: list[str] = []
    busy: list[int] = [0, 0]

    def task(name: str, depth: int) -> Task:
        def do() -> list[Task]:
            with lock:
                busy[0] += 1
                busy[1] = max(busy)
            time.sleep(0.001)
            with lock:
                busy[0] -= 1
                done.append(name)
            return [task(f"{name}.{index}", depth - 1) for index in range(3)] if depth else []

        return do

    Run(Kept(), workers=4).work([task("a", 3), task("b", 0)])
    assert len(done) == len(set(done)) == 1 + 3 + 9 + 27 + 1
    assert busy[1] <= 4


def test_a_task_that_fails_ends_the_run_and_what_is_under_way_sends_nothing_more() -> None:
    run = Run(Kept(), workers=2)
    ended: list[str] = []
    failed = threading.Event()

    def patient() -> list[Task]:
        failed.wait(10)
        bucket = run.pacer.bucket("any", Quota(1000, 1000))
        try:
            for _ in range(10_000):
                run.pacer.check()
                bucket.take()
                time.sleep(0.001)
        except Stopped:
            ended.append("stopped")
            raise
        return []

    def failing() -> list[Task]:
        failed.set()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run.work([patient, failing])
    deadline = time.monotonic() + 5
    while not ended and time.monotonic() < deadline:
        time.sleep(0.005)
    assert ended == ["stopped"]


def test_only_the_types_that_were_asked_for_are_kept() -> None:
    kept = Kept()
    run = Run(kept, types=frozenset({"aws_sqs_queue"}))
    queue = Sighting(id="arn:q", type="aws_sqs_queue", account="1", region="eu-west-1")
    run.add("tagging", [queue, Sighting(id="arn:t", type="aws_sns_topic", account="1", region="eu-west-1")])
    assert kept.sightings == [queue]
    assert run.tally.sightings == 1
