"""A run that is killed at any instant and resumed leaves the cloud and the journal of one that wasn't, and has written
everything exactly once.

The apply is the real one, in a process of its own, with the real SDK against AWS on loopback. ``COSTGUARD_CRASHES`` is
how often each database sees one killed: at the boundaries of the journal first, spread over all of them, then at random
instants. With 200 that is every boundary, and as many instants as are left.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest

from costguard.model.change import written
from costguard.reconcile.journal import Entry, Run
from costguard.reconcile.journal.sql import open_journal
from tests.conftest import ROOT
from tests.reconcile.build import change, change_set
from tests.servers.aws import HOME, AwsServer
from tests.servers.postgres import Postgres

CRASHES = int(os.environ.get("COSTGUARD_CRASHES", "12"))
_REGIONS = ("eu-west-1", "us-east-1")
_LATER = 3600.0
"""Seconds after which a killed run's leases have certainly run out."""

Tags = Mapping[str, Mapping[str, str]]


class Crashing:
    """The program that dies as it is told."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __enter__(self) -> Self:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reconcile.crashing"],
            cwd=ROOT,
            env={**kept, **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def do(self, **order: Any) -> tuple[int, int]:
        """(exit code, boundaries reached) of an order, as :mod:`tests.reconcile.crashing` takes it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        reached = 0
        line = self._line()
        if line.startswith("reached "):
            reached = int(line.split()[1])
            line = self._line()
        assert line.startswith("ended "), line
        return int(line.split()[1]), reached

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Cloud:
    """Two places with six resources each, and the change set that tags them."""

    def __init__(self, aws: AwsServer, folder: Path) -> None:
        self.aws = aws
        ids = []
        for region in _REGIONS:
            ec2, sns = aws.client("ec2", region), aws.client("sns", region)
            for number in range(4):
                volume = ec2.create_volume(AvailabilityZone=f"{region}a", Size=1)["VolumeId"]
                ids.append((f"arn:aws:ec2:{region}:{HOME}:volume/{volume}", "aws_ebs_volume", region))
                if number % 2:
                    ids.append((sns.create_topic(Name=f"topic-{number}")["TopicArn"], "aws_sns_topic", region))
        self.ids = [id_ for id_, _, _ in ids]
        changes = [
            # Every third gives a mis-cased key up for the right one.
            change(
                id_,
                {"Owner": "shop", "owner": None} if number % 3 == 0 else {"Owner": "shop"},
                {"owner": "shop"} if number % 3 == 0 else None,
                type_=type_,
                account=HOME,
                region=region,
            )
            for number, (id_, type_, region) in enumerate(ids)
        ]
        self.set = change_set(changes, made=datetime.now(UTC) - timedelta(minutes=1), life=timedelta(days=2))
        self.file = folder / "changes.json"
        self.file.write_bytes(written(self.set))
        self.writes = Counter({(one.id, value.key): 1 for one in changes for value in one.values})
        self._first = {one.id: {"owner": "shop"} if number % 3 == 0 else {} for number, one in enumerate(changes)}

    def begin(self) -> None:
        """Every tag is as it was at first, and no write is counted."""
        for region in _REGIONS:
            tagging = self.aws.client("resourcegroupstaggingapi", region)
            mine = [id_ for id_ in self.ids if f":{region}:" in id_]
            tagging.untag_resources(ResourceARNList=mine, TagKeys=["Owner", "owner"])
            again = [id_ for id_ in mine if self._first[id_]]
            tagging.tag_resources(ResourceARNList=again, Tags={"owner": "shop"})
        self.aws.written.clear()
        self.aws.requests.clear()

    def settle(self) -> None:
        """Waits until what a dead process had sent is done, as the time of its lease sees to outside of tests."""
        until = time.monotonic() + 10
        while self.aws.under_way and time.monotonic() < until:
            time.sleep(0.005)
        assert not self.aws.under_way

    def tags(self) -> Tags:
        found: dict[str, dict[str, str]] = {}
        for region in _REGIONS:
            ec2, sns = self.aws.client("ec2", region), self.aws.client("sns", region)
            for id_ in [id_ for id_ in self.ids if f":{region}:" in id_]:
                if ":sns:" in id_:
                    tags = sns.list_tags_for_resource(ResourceArn=id_)["Tags"]
                else:
                    wanted = [{"Name": "resource-id", "Values": [id_.rpartition("/")[2]]}]
                    tags = ec2.describe_tags(Filters=wanted)["Tags"]
                found[id_] = {tag["Key"]: tag["Value"] for tag in tags}
        return found

    def written(self) -> Counter[tuple[str, str]]:
        """How often each key of each resource was really written, whoever sent it."""
        return Counter((_arn(one.resource, one.region), one.key) for one in self.aws.writes())


def _arn(name: str, region: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:ec2:{region}:{HOME}:volume/{name}"


class Uninterrupted(msgspec.Struct, frozen=True):
    """What a run leaves that nobody kills, and how many boundaries and seconds it has."""

    tags: Tags
    entries: tuple[Entry, ...]
    boundaries: int
    seconds: float


def _latest(url: str) -> tuple[Run | None, tuple[Entry, ...]]:
    with closing(open_journal(url)) as journal:
        runs = journal.runs(1)
        return (runs[0], tuple(journal.entries(runs[0].id))) if runs else (None, ())


def _as_if(entry: Entry, reference: Entry) -> Entry:
    """The entry under the other run's name; where its answer died with the process, with the one that there was: that
    it was read, and not heard, is all that may differ."""
    entry = msgspec.structs.replace(entry, run=reference.run)
    if not entry.how:
        entry = msgspec.structs.replace(entry, how=reference.how, by=reference.by, guard=reference.guard)
    return entry


class Case:
    """One database in which runs are killed."""

    def __init__(self, cloud: Cloud, crashing: Crashing, urls: Iterator[str]) -> None:
        self.cloud, self.crashing, self._urls = cloud, crashing, urls

    def uninterrupted(self) -> Uninterrupted:
        self.cloud.begin()
        url = next(self._urls)
        began = time.monotonic()
        code, boundaries = self.crashing.do(journal=url, changes=str(self.cloud.file))
        seconds = time.monotonic() - began
        assert code == 0
        run, entries = _latest(url)
        assert run is not None
        assert run.how == "done"
        assert self.cloud.written() == self.cloud.writes
        assert {entry.found for entry in entries} == {"ours"}
        return Uninterrupted(self.cloud.tags(), entries, boundaries, seconds)

    def killed(self, reference: Uninterrupted, **how: Any) -> None:
        """One that is killed, and resumed until it is done; the second time nobody kills it."""
        self.cloud.begin()
        url = next(self._urls)
        again = how.pop("again", None)
        self.crashing.do(journal=url, changes=str(self.cloud.file), **how)
        for attempt in range(1, 4):
            self.cloud.settle()
            run, entries = _latest(url)
            if run is not None and run.how == "done":
                break
            kill = {"kill_after": again} if again is not None and attempt == 1 else {}
            order = {"journal": url, "changes": str(self.cloud.file), "run": run.id if run else ""}
            code, _ = self.crashing.do(**order, ahead=attempt * _LATER, **kill)
            assert code == 0 or kill
        assert run is not None
        assert run.how == "done"
        assert self.cloud.written() == self.cloud.writes
        assert self.cloud.tags() == reference.tags
        assert [_as_if(*pair) for pair in zip(entries, reference.entries, strict=True)] == list(reference.entries)


@pytest.fixture(scope="module")
def cloud(aws_server: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    aws_server.reset()
    return Cloud(aws_server, tmp_path_factory.mktemp("crash"))


@pytest.fixture(scope="module")
def crashing(aws_server: AwsServer) -> Iterator[Crashing]:
    with Crashing(aws_server.environment()) as program:
        yield program


@pytest.fixture(params=["sqlite", "postgresql"])
def case(request: pytest.FixtureRequest, cloud: Cloud, crashing: Crashing, tmp_path: Path) -> Iterator[Case]:
    def files() -> Iterator[str]:
        for number in range(10_000):
            yield f"sqlite:///{tmp_path}/journal-{number}.db"

    if request.param == "sqlite":
        yield Case(cloud, crashing, files())
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    yield Case(cloud, crashing, iter(postgres.database, ""))


def test_killed_at_any_instant_and_resumed_a_run_leaves_what_one_leaves_that_was_not_killed(case: Case) -> None:
    reference = case.uninterrupted()
    crashes = max(2, CRASHES)
    # At most three of four at boundaries, unless they are all reached anyway.
    at_boundaries = min(reference.boundaries, crashes * 3 // 4)
    for number in range(at_boundaries):
        case.killed(reference, boundary=number * reference.boundaries // at_boundaries)
    chance = random.Random(6)  # noqa: S311 - no secret.
    for _ in range(crashes - at_boundaries):
        again = chance.uniform(0, reference.seconds) if chance.random() < 0.3 else None
        case.killed(reference, kill_after=chance.uniform(0, reference.seconds), again=again)
