"""What goes wrong while a change set is applied to AWS: nothing is lost, the outcome isn't complete (exit 3), and what
can be done is done when the run is resumed, each write exactly once.

The SDK, the journal and the failures are real; the cloud is on loopback.
"""

import resource
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from costguard.clouds.aws.api import Aws
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Answer, Current, Edit, Target
from costguard.errors import JournalError
from costguard.model.change import Change, ChangeSet
from costguard.reconcile.apply import apply, resume
from costguard.reconcile.journal import Busy, Journal
from costguard.reconcile.journal.sql import open_journal
from costguard.reconcile.run import Outcome, Settings, what
from costguard.reconcile.undo import undo
from tests.reconcile.build import NOW, WIDE, change, change_set
from tests.servers import faults
from tests.servers.aws import HOME, AwsServer
from tests.servers.memory import MemoryCloud

REGION = "eu-west-1"
_WRITES = ("CreateTags", "TagResources")


class Watched:
    """The real writer, with somebody who does something just before each of its writes."""

    def __init__(self) -> None:
        # What is throttled isn't waited out here; that it would be is tested where the waiting is.
        self._writer = AwsTags(Aws(Pacer(sleep=lambda _: None), writes=True).own)
        self.batch = self._writer.batch
        self.before_write: Callable[[Sequence[Edit]], object] = lambda _: None

    def hindrance(self, target: Target) -> str:
        return self._writer.hindrance(target)

    def read(self, targets: Sequence[Target]) -> Sequence[Current]:
        return self._writer.read(targets)

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        self.before_write(edits)
        return self._writer.write(edits)


class World:
    """Some volumes and topics without tags, and the change set that gives each an owner."""

    def __init__(self, aws: AwsServer, volumes: int = 6, topics: int = 4) -> None:
        self.aws = aws
        self._ec2, self._sns = aws.client("ec2", REGION), aws.client("sns", REGION)
        self.volumes = [
            self._ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"] for _ in range(volumes)
        ]
        self.topics = [self._sns.create_topic(Name=f"topic-{number}")["TopicArn"] for number in range(topics)]
        self.writer = Watched()

        def owned(id_: str, type_: str) -> Change:
            return change(id_, {"Owner": "shop"}, type_=type_, account=HOME, region=REGION)

        self.changes: ChangeSet = change_set(
            [
                *(owned(_arn(id_), "aws_ebs_volume") for id_ in self.volumes),
                *(owned(id_, "aws_sns_topic") for id_ in self.topics),
            ],
            made=datetime.now(UTC),
        )

    def settings(self, **fields: float) -> Settings:
        return {
            "limits": msgspec.structs.replace(WIDE, **{"canary": 0, "errors": 100, **fields}),
            "now": lambda: datetime.now(UTC),
            "workers": 2,
            "sleep": lambda _: None,
        }

    def apply(self, journal: Journal, **limits: float) -> Outcome:
        return apply(self.changes, journal, {"aws": self.writer}, **self.settings(**limits))

    def resume(self, run: str, journal: Journal) -> Outcome:
        return resume(run, journal, {"aws": self.writer}, **self.settings())

    def delete(self, volume: str) -> None:
        self._ec2.delete_volume(VolumeId=volume)

    def owners(self) -> Mapping[str, str]:
        """Who has an owner now, as the cloud itself says."""
        there = {
            _arn(one["ResourceId"]): one["Value"]
            for one in self._ec2.describe_tags(Filters=[{"Name": "key", "Values": ["Owner"]}])["Tags"]
        }
        for topic in self.topics:
            tags = self._sns.list_tags_for_resource(ResourceArn=topic)["Tags"]
            there.update((topic, tag["Value"]) for tag in tags if tag["Key"] == "Owner")
        return there

    @property
    def all(self) -> Mapping[str, str]:
        return {one.id: "shop" for one in self.changes.changes}

    def written(self) -> Counter[str]:
        return Counter(
            one.resource if one.resource.startswith("arn:") else _arn(one.resource) for one in self.aws.writes()
        )


def _arn(volume: str) -> str:
    return f"arn:aws:ec2:{REGION}:{HOME}:volume/{volume}"


@pytest.fixture
def world(aws: AwsServer) -> World:
    return World(aws)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as opened:
        yield opened


def test_what_is_applied_to_aws_and_undone_leaves_what_was_there(world: World, journal: Journal) -> None:
    outcome = world.apply(journal, canary=3)
    assert outcome.complete
    assert world.owners() == world.all
    assert world.written() == Counter(world.all.keys())
    undone = undo(outcome.run, journal, {"aws": world.writer}, **world.settings())
    assert undone.complete
    assert world.owners() == {}
    # EC2 compares the value by itself; SNS has nothing of the kind.
    assert {entry.target.type: entry.guard for entry in undone.entries} == {
        "aws_ebs_volume": "compare",
        "aws_sns_topic": "read",
    }


def test_a_throttle_storm_that_ends_costs_time_and_nothing_else(world: World, journal: Journal) -> None:
    for operation in _WRITES:
        world.aws.fault(faults.throttled(), operation=operation, times=10)
    outcome = world.apply(journal)
    assert outcome.complete
    assert world.owners() == world.all
    assert world.written() == Counter(world.all.keys())


def test_a_throttle_storm_that_does_not_end_leaves_all_to_be_resumed(world: World, journal: Journal) -> None:
    storm = [world.aws.fault(faults.throttled(), operation=operation) for operation in _WRITES]
    outcome = world.apply(journal)
    assert not outcome.complete
    assert outcome.how == "failed"
    assert outcome.counts == {"postponed": 10}
    assert world.owners() == {}
    for one in storm:
        world.aws.faults.remove(one)
    assert world.resume(outcome.run, journal).complete
    assert world.owners() == world.all
    assert world.written() == Counter(world.all.keys())


def test_access_denied_on_one_type_costs_the_others_nothing(world: World, journal: Journal) -> None:
    world.aws.untouchable.append("arn:aws:sns:*")
    outcome = world.apply(journal)
    assert not outcome.complete
    assert outcome.counts == {"written": 6, "refused": 4}
    assert all("denied" in entry.why.lower() for entry in outcome.entries if what(entry) == "refused")
    assert set(world.owners()) == {_arn(id_) for id_ in world.volumes}
    # It was refused for good in this run; the same change set, or the next, does it when it may.
    world.aws.untouchable.clear()
    assert world.apply(journal).counts == {"already": 6, "written": 4}
    assert world.written() == Counter(world.all.keys())


def test_half_a_batch_that_is_deleted_between_reading_and_writing_does_not_spoil_the_other(
    world: World, journal: Journal
) -> None:
    doomed = world.volumes[::2]

    def delete(edits: Sequence[Edit]) -> None:
        for volume in doomed:
            if any(edit.target.id == _arn(volume) for edit in edits):
                world.delete(volume)

    world.writer.before_write = delete
    outcome = world.apply(journal)
    assert outcome.complete  # There is nothing left of them that could be tagged.
    assert outcome.counts == {"gone": 3, "written": 7}
    left = {id_: "shop" for id_ in world.all if id_.rpartition("/")[2] not in doomed}
    assert world.owners() == left
    assert world.written() == Counter(left.keys())


def test_a_batch_of_which_half_is_poisoned_is_written_without_it(world: World, journal: Journal) -> None:
    poisoned = world.topics[::2]
    world.aws.untouchable += poisoned
    outcome = world.apply(journal)
    assert not outcome.complete
    assert outcome.counts == {"refused": 2, "written": 8}
    assert world.written() == Counter(set(world.all) - set(poisoned))


@pytest.mark.parametrize("effect", ["lost", "reset"])
def test_a_network_cut_between_call_and_answer_is_settled_by_reading(
    world: World, journal: Journal, effect: str
) -> None:
    """``lost``: after the effect; ``reset``: before it. Both look alike from here."""
    for operation in _WRITES:
        world.aws.fault(getattr(faults, effect)(), operation=operation, times=1)
    outcome = world.apply(journal)
    assert outcome.complete
    assert world.owners() == world.all
    assert world.written() == Counter(world.all.keys())


@pytest.mark.parametrize("effect", ["lost", "reset"])
def test_a_network_that_stays_cut_leaves_what_resuming_settles(world: World, journal: Journal, effect: str) -> None:
    def cut(_: Sequence[Edit]) -> None:
        if not world.aws.faults:
            for operation in _WRITES:
                world.aws.fault(getattr(faults, effect)(), operation=operation, times=1)
            for operation in ("DescribeTags", "ListTagsForResource"):
                world.aws.fault(faults.denied(), operation=operation)

    world.writer.before_write = cut
    outcome = world.apply(journal)
    assert not outcome.complete
    assert outcome.how == "failed"
    assert outcome.counts["unsettled"] >= 1
    assert outcome.gaps
    world.aws.faults.clear()
    world.writer.before_write = lambda _: None
    assert world.resume(outcome.run, journal).complete
    assert world.owners() == world.all
    assert world.written() == Counter(world.all.keys())


@contextmanager
def _no_file_longer_than(size: int) -> Iterator[None]:
    """What a full disk is to a database: its files don't grow any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 4_000, 20_000])
def test_a_full_disk_under_the_journal_ends_the_run_and_resuming_settles_it(
    aws: AwsServer, tmp_path: Path, room: int
) -> None:
    world = World(aws, volumes=60, topics=0)
    with closing(open_journal(f"sqlite:///{tmp_path}/journal.db")) as journal:
        journal.runs()
        size = max(path.stat().st_size for path in tmp_path.glob("journal.db*"))
        with _no_file_longer_than(size + room):
            try:
                outcome = world.apply(journal)
            except JournalError:
                outcome = None  # There was no room for the run itself.
        if outcome is None:
            assert world.owners() == {}
            outcome = world.apply(journal)
        else:
            assert not outcome.complete
            assert outcome.how == "failed"
            assert "can't be kept" in outcome.why
            # All that the cloud shows stands in the journal as an intent at least.
            intended = {entry.target.id for entry in journal.entries(outcome.run)}
            assert set(world.owners()) <= intended
            # The disk was full when it was to give its leases back, so they run out.
            later: Settings = {**world.settings(), "now": lambda: datetime.now(UTC) + timedelta(minutes=3)}
            outcome = resume(outcome.run, journal, {"aws": world.writer}, **later)
    assert outcome.complete
    assert world.owners() == world.all
    assert world.written() == Counter(world.all.keys())


class HeldUp:
    """A cloud whose first reading takes so many seconds; before each write another machine, whose clock is ``ahead``,
    tries to take the place over. ``side_by_side`` counts the writes at which it could."""

    batch = 20

    def __init__(self, journal: Journal, seconds: int, ahead: int) -> None:
        self._cloud = MemoryCloud({"i-1": {}})
        self._journal, self._seconds, self._ahead = journal, seconds, ahead
        self.now = NOW
        self.side_by_side = 0

    def hindrance(self, target: Target) -> str:
        return ""

    def read(self, targets: Sequence[Target]) -> Sequence[Current]:
        found = self._cloud.read(targets)
        self.now = NOW + timedelta(seconds=self._seconds)
        return found

    def write(self, edits: Sequence[Edit]) -> Sequence[Answer]:
        theirs = self.now + timedelta(seconds=self._ahead)
        try:
            self._journal.lease(edits[0].target.place, "the other", theirs + timedelta(days=1), theirs)
        except Busy:
            return self._cloud.write(edits)
        self.side_by_side += 1
        return self._cloud.write(edits)


@pytest.mark.parametrize("ahead", [-29, 0, 29])
@pytest.mark.parametrize("seconds", [0, 60, 89, 91, 100, 119, 121, 200])
def test_two_machines_whose_clocks_are_half_a_minute_apart_do_not_write_side_by_side(
    journal: Journal, seconds: int, ahead: int
) -> None:
    """One is held up between reading and writing, perhaps so long that the other may take the place over."""
    cloud = HeldUp(journal, seconds, ahead)
    changes = change_set([change("i-1", {"Owner": "shop"}, account=HOME, region=REGION)])
    limits = msgspec.structs.replace(WIDE, canary=0)
    apply(changes, journal, {"aws": cloud}, limits=limits, now=lambda: cloud.now, workers=1, sleep=lambda _: None)
    assert cloud.side_by_side == 0
