"""The same laws as those of ``test_laws``, with AWS's own SDK against a server: few cases, but every way that there is
to write a tag (EC2's own, the tagging API, the services', a bucket's set, a scaling group's).

What the cloud holds is read and changed here by the services' own calls, past the server's record of what is written.
"""

import contextlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from costguard.cli.main import outcome as costguard
from costguard.clouds.aws.api import Aws
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Pacer
from costguard.clouds.store import Store
from costguard.config import ReconcileDoc
from costguard.errors import UsageError
from costguard.model.change import Change, ChangeSet, written
from costguard.policy.load import load
from costguard.reconcile.apply import apply, resume
from costguard.reconcile.journal import Journal
from costguard.reconcile.journal.sql import open_journal
from costguard.reconcile.plan import Planning, plan
from costguard.reconcile.run import Outcome, Settings, what
from costguard.reconcile.source import Sources
from costguard.reconcile.undo import undo
from costguard.scan import Judging
from tests.clouds.aws.tags.resources import MAKERS
from tests.reconcile.build import NOW, WIDE, change, change_set
from tests.servers import tagged
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect, denied, lost, reset, throttled
from tests.servers.wire import Call

Tags = Mapping[str, Mapping[str, str]]
Edits = Mapping[str, Mapping[str, str | None]]
"""What each resource's keys are to become, None for one that goes."""

LAWS = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # A cloud is too slow to look for a smaller case in it.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SETTINGS: Settings = {
    "limits": msgspec.structs.replace(WIDE, canary=1, errors=100),
    "now": lambda: NOW,
    "workers": 2,
    "sleep": lambda _: None,
}
_ROOM = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of the test's own is made in it.


class Kind(msgspec.Struct, frozen=True):
    """A resource, and how its service reads a tag, sets it and takes it away; each is told how the service names it."""

    type: str
    maker: str
    service: str
    named: Callable[[str], str]
    read: Callable[[Any, str], Mapping[str, str]]
    tag: Callable[[Any, str, str, str], object]
    untag: Callable[[Any, str, str], object]
    region: str = "us-east-1"


def _whole(arn: str) -> str:
    return arn


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


def _tail(arn: str) -> str:
    return arn.rpartition(":")[2]


def _pairs(tags: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """Moto leaves an empty value out of what S3 says."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _pair(key: str, value: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value}]


def _put(s3: Any, bucket: str, tags: Mapping[str, str]) -> None:
    """S3's own call replaces them all."""
    s3.delete_bucket_tagging(Bucket=bucket)
    if tags:
        shown = [{"Key": key, "Value": value} for key, value in tags.items()]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": shown})


def _of_bucket(s3: Any, bucket: str) -> Mapping[str, str]:
    """A bucket without tags has no set of them."""
    try:
        return _pairs(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}


def _ec2(type_: str, maker: str) -> Kind:
    return Kind(
        type_,
        maker,
        "ec2",
        _last,
        lambda c, id_: _pairs(c.describe_tags(Filters=[{"Name": "resource-id", "Values": [id_]}])["Tags"]),
        lambda c, id_, key, value: c.create_tags(Resources=[id_], Tags=_pair(key, value)),
        lambda c, id_, key: c.delete_tags(Resources=[id_], Tags=[{"Key": key}]),
    )


def _in_group(group: str, key: str) -> dict[str, Any]:
    return {"ResourceId": group, "ResourceType": "auto-scaling-group", "Key": key}


def _queue(region: str) -> Kind:
    def url(name: str) -> dict[str, str]:
        return {"QueueUrl": f"https://sqs.{region}.amazonaws.com/{HOME}/{name}"}

    return Kind(
        "aws_sqs_queue",
        "sqs queue",
        "sqs",
        _tail,
        lambda c, name: c.list_queue_tags(**url(name)).get("Tags", {}),
        lambda c, name, key, value: c.tag_queue(**url(name), Tags={key: value}),
        lambda c, name, key: c.untag_queue(**url(name), TagKeys=[key]),
        region,
    )


def _topic(region: str) -> Kind:
    return Kind(
        "aws_sns_topic",
        "sns topic",
        "sns",
        _whole,
        lambda c, arn: _pairs(c.list_tags_for_resource(ResourceArn=arn)["Tags"]),
        lambda c, arn, key, value: c.tag_resource(ResourceArn=arn, Tags=_pair(key, value)),
        lambda c, arn, key: c.untag_resource(ResourceArn=arn, TagKeys=[key]),
        region,
    )


KINDS: Mapping[str, Kind] = {
    "instance": _ec2("aws_instance", "ec2 instance"),
    "volume": _ec2("aws_ebs_volume", "ec2 volume"),
    "topic": _topic("us-east-1"),
    "topic elsewhere": _topic("eu-west-1"),
    "queue": _queue("us-east-1"),
    "logs": Kind(
        "aws_cloudwatch_log_group",
        "logs group",
        "logs",
        _whole,
        lambda c, arn: c.list_tags_for_resource(resourceArn=arn)["tags"],
        lambda c, arn, key, value: c.tag_resource(resourceArn=arn, tags={key: value}),
        lambda c, arn, key: c.untag_resource(resourceArn=arn, tagKeys=[key]),
    ),
    "bucket": Kind(
        "aws_s3_bucket",
        "s3 bucket",
        "s3",
        _tail,
        _of_bucket,
        lambda c, name, key, value: _put(c, name, {**_of_bucket(c, name), key: value}),
        lambda c, name, key: _put(c, name, {one: text for one, text in _of_bucket(c, name).items() if one != key}),
    ),
    "role": Kind(
        "aws_iam_role",
        "iam role",
        "iam",
        _last,
        lambda c, name: _pairs(c.list_role_tags(RoleName=name)["Tags"]),
        lambda c, name, key, value: c.tag_role(RoleName=name, Tags=_pair(key, value)),
        lambda c, name, key: c.untag_role(RoleName=name, TagKeys=[key]),
    ),
    "group": Kind(
        "aws_autoscaling_group",
        "autoscaling group",
        "autoscaling",
        lambda arn: arn.partition("autoScalingGroupName/")[2],
        lambda c, name: _pairs(
            c.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": [name]}])["Tags"],
        ),
        lambda c, name, key, value: c.create_or_update_tags(
            Tags=[{**_in_group(name, key), "Value": value, "PropagateAtLaunch": False}]
        ),
        lambda c, name, key: c.delete_tags(Tags=[_in_group(name, key)]),
    ),
}


class Cloud:
    """One resource of each kind. ``cloud[name]`` is its ARN."""

    def __init__(self, aws: AwsServer) -> None:
        self.aws = aws
        # What is throttled isn't waited out here.
        self.writer = AwsTags(Aws(Pacer(sleep=lambda _: None), writes=True).own)
        self._clients: dict[tuple[str, str], Any] = {}
        self._ids: dict[str, str] = {}

    def anew(self, tags: Tags) -> None:
        """Everything is made again, with these tags and no others."""
        self.aws.reset()
        for name, kind in KINDS.items():
            self._ids[name] = MAKERS[kind.maker](partial(self.client, region=kind.region))
            self._ids[name] = self._ids[name].replace("us-east-1", kind.region)
        for name, own in tags.items():
            for key, value in own.items():
                self.write(name, key, value)
        assert self.tags() == {name: dict(tags.get(name, {})) for name in KINDS}
        assert not self.aws.written

    def client(self, service: str, region: str) -> Any:
        """Past the server's record."""
        found = self._clients.get((service, region))
        if found is None:
            found = self._clients[service, region] = self.aws.moto_client(service, region)
        return found

    def __getitem__(self, name: str) -> str:
        return self._ids[name]

    def write(self, name: str, key: str, value: str | None) -> None:
        """Somebody else's write."""
        kind, id_ = KINDS[name], KINDS[name].named(self._ids[name])
        client = self.client(kind.service, kind.region)
        if value is None:
            kind.untag(client, id_, key)
        else:
            kind.tag(client, id_, key, value)

    def tags(self) -> dict[str, dict[str, str]]:
        """Of all resources, as their services say."""
        return {
            name: dict(kind.read(self.client(kind.service, kind.region), kind.named(self._ids[name])))
            for name, kind in KINDS.items()
        }

    def name_of(self, resource: str) -> str:
        """Whose tags a write that the server recorded was to change, however the call named it."""
        if resource.startswith("http"):
            resource = resource.rpartition("/")[2]
        (name,) = {name for name, id_ in self._ids.items() if resource in (id_, KINDS[name].named(id_))}
        return name

    def writes(self) -> Counter[tuple[str, str, str | None]]:
        """What costguard wrote: resource, key, value."""
        return Counter((self.name_of(one.resource), one.key, one.value) for one in self.aws.written)

    def sent(self) -> int:
        """How many calls that write arrived, whatever became of them."""
        return sum(tagged.is_write(Call(service=one.service, operation=one.operation)) for one in self.aws.requests)

    def changes(self, edits: Edits, before: Tags) -> ChangeSet:
        """As a plan makes them, which has seen ``before``."""
        return change_set(self._change(name, edits[name], before.get(name, {})) for name in edits)

    def _change(self, name: str, after: Mapping[str, str | None], own: Mapping[str, str]) -> Change:
        region = "global" if name == "role" else KINDS[name].region
        seen = {key: own.get(key) for key in after}
        return change(self[name], after, seen, type_=KINDS[name].type, account=HOME, region=region)

    def meanwhile(self, turns: Sequence["Turn"]) -> list["Turn"]:
        """Each turn is somebody else's write, which comes when a write of costguard's has arrived and isn't done. Those
        that have come are in the list."""
        come: list[Turn] = []

        def someone(call: Call) -> bool:
            if tagged.is_write(call) and len(come) < len(turns):
                come.append(turns[len(come)])
                self.write(*come[-1])
            return False  # Nothing goes wrong with the call itself.

        self.aws.fault(denied(), where=someone)
        return come

    def apply(self, changes: ChangeSet, journal: Journal) -> Outcome:
        return self._ended(apply(changes, journal, {"aws": self.writer}, **SETTINGS), journal)

    def undo(self, run: str, journal: Journal) -> Outcome:
        return self._ended(undo(run, journal, {"aws": self.writer}, **SETTINGS), journal)

    def _ended(self, outcome: Outcome, journal: Journal) -> Outcome:
        """Resumed until it is done."""
        for _ in range(4):
            if outcome.how in (None, "done"):
                return outcome
            outcome = resume(outcome.run, journal, {"aws": self.writer}, **SETTINGS)
        raise AssertionError(f"it never ended: {outcome.why}")


Turn = tuple[str, str, str | None]


@pytest.fixture
def cloud(aws: AwsServer) -> Cloud:
    return Cloud(aws)


@contextmanager
def _journal() -> Iterator[Journal]:
    with (
        tempfile.TemporaryDirectory(dir=_ROOM) as folder,
        closing(open_journal(f"sqlite:///{folder}/journal.db")) as journal,
    ):
        yield journal


_KEYS = st.sampled_from(["Owner", "Service", "team"])
_TEXTS = st.sampled_from(["shop", "web", "", "ü 1"])
_NAMES = st.sampled_from(list(KINDS))
_CLOUDS = st.dictionaries(_NAMES, st.dictionaries(_KEYS, _TEXTS, max_size=3), max_size=len(KINDS))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Tags, Edits]:
    """What there is, and what is to become of some of it: keys that are added, that change, and that go."""
    before = draw(_CLOUDS)
    edits: dict[str, dict[str, str | None]] = {}
    for name in draw(st.lists(_NAMES, min_size=1, max_size=6, unique=True)):
        wanted = draw(st.dictionaries(_KEYS, _TEXTS | st.none(), min_size=1, max_size=3))
        own = before.get(name, {})
        after = {key: text for key, text in wanted.items() if text != own.get(key)}
        if after:
            edits[name] = after
    assume(edits)
    return before, edits


def _applied(before: Tags, edits: Edits) -> dict[str, dict[str, str]]:
    found = {name: dict(before.get(name, {})) for name in KINDS}
    for name, after in edits.items():
        for key, text in after.items():
            if text is None:
                del found[name][key]
            else:
                found[name][key] = text
    return found


def _keys(edits: Edits) -> Counter[tuple[str, str, str | None]]:
    return Counter((name, key, text) for name, after in edits.items() for key, text in after.items())


@LAWS
@given(case=_cases())
def test_applying_does_what_the_change_set_says_and_doing_it_twice_writes_nothing(
    cloud: Cloud, case: tuple[Tags, Edits]
) -> None:
    before, edits = case
    cloud.anew(before)
    changes = cloud.changes(edits, before)
    with _journal() as journal:
        assert cloud.apply(changes, journal).complete
        assert cloud.tags() == _applied(before, edits)
        assert cloud.writes() == _keys(edits), "each once, and nothing else"
        sent = cloud.sent()
        again = cloud.apply(changes, journal)
        assert again.complete
        assert set(again.counts) == {"already"}
        assert cloud.sent() == sent


_EFFECTS: Mapping[str, Callable[[], Effect]] = {"lost": lost, "reset": reset, "throttled": throttled}
"""After the effect, before it, and refused."""


@LAWS
@given(case=_cases(), bad=st.lists(st.tuples(st.sampled_from(list(_EFFECTS)), st.integers(0, 3)), max_size=2))
def test_undoing_what_was_applied_leaves_what_was_there_also_when_calls_fail(
    cloud: Cloud, case: tuple[Tags, Edits], bad: list[tuple[str, int]]
) -> None:
    before, edits = case
    cloud.anew(before)

    def fail() -> None:
        cloud.aws.faults.clear()
        for effect, skip in bad:
            cloud.aws.fault(_EFFECTS[effect](), where=tagged.is_write, skip=skip, times=1)

    with _journal() as journal:
        fail()
        done = cloud.apply(cloud.changes(edits, before), journal)
        assert done.complete
        assert cloud.tags() == _applied(before, edits)
        assert cloud.writes() == _keys(edits), "each once, also where no answer came"
        fail()
        assert cloud.undo(done.run, journal).complete
        assert cloud.tags() == _applied(before, {})
        cloud.aws.written.clear()
        with suppress(UsageError):  # It was undone already, where there was anything to undo.
            cloud.undo(done.run, journal)
        assert not cloud.aws.written, "what was undone isn't undone twice"


_TURNS = st.lists(st.tuples(_NAMES, _KEYS, st.sampled_from(["theirs", "hers"]) | st.none()), max_size=6)


@LAWS
@given(case=_cases(), then=st.sampled_from(["before applying", "before undoing"]), turns=_TURNS)
def test_what_somebody_else_writes_in_between_is_never_lost_and_nothing_else_is_touched(
    cloud: Cloud, case: tuple[Tags, Edits], then: str, turns: list[Turn]
) -> None:
    before, edits = case
    cloud.anew(before)
    changes = cloud.changes(edits, before)
    with _journal() as journal:
        if then == "before applying":
            _written(cloud, turns)
            found = cloud.tags()
            done = cloud.apply(changes, journal)
            ours, expected = edits, before
        else:
            done = cloud.apply(changes, journal)
            cloud.aws.written.clear()
            _written(cloud, turns)
            found = cloud.tags()
            cloud.undo(done.run, journal)
            ours = {name: {key: before.get(name, {}).get(key) for key in after} for name, after in edits.items()}
            expected = _applied(before, edits)
        assert all(one in _keys(ours) for one in cloud.writes()), "nothing but what the change set, or its undo, says"
        # The table of what may be written: each key by itself where it is undone, a change as a whole where it is made.
        there = cloud.tags()
        for name in KINDS:
            own, wanted, seen = found[name], ours.get(name, {}), expected.get(name, {})
            as_seen = {key for key in wanted if own.get(key) == seen.get(key)}
            if then == "before applying" and as_seen != set(wanted) and not _half_done(own, wanted, seen):
                as_seen = set()
            allowed = {**own, **{key: text for key, text in wanted.items() if key in as_seen}}
            assert there[name] == {key: text for key, text in allowed.items() if text is not None}, name


def _half_done(own: Mapping[str, str], wanted: Mapping[str, str | None], seen: Mapping[str, str]) -> bool:
    """Whether somebody did by hand just what was planned to come first: what is set, before anything is taken away."""
    sets = {key for key, text in wanted.items() if text is not None}
    goes = set(wanted) - sets
    return all(own.get(key) == wanted[key] for key in sets) and all(own.get(key) == seen.get(key) for key in goes)


def _written(cloud: Cloud, turns: Sequence[Turn]) -> None:
    there = cloud.tags()
    for name, key, value in turns:
        if value is not None or key in there[name]:
            cloud.write(name, key, value)
            there[name] = {**there[name], key: value} if value is not None else _without(there[name], key)


def _without(tags: Mapping[str, str], key: str) -> dict[str, str]:
    return {one: text for one, text in tags.items() if one != key}


@LAWS
@given(case=_cases(), names=st.lists(_NAMES, min_size=1, max_size=4), undoing=st.booleans())
def test_another_key_that_somebody_sets_while_a_write_is_under_way_survives(
    cloud: Cloud, case: tuple[Tags, Edits], names: list[str], undoing: bool
) -> None:
    before, edits = case
    cloud.anew(before)
    turns: list[Turn] = [(name, f"Theirs{number}", "x") for number, name in enumerate(names)]
    come: list[Turn] = []
    with _journal() as journal:
        if not undoing:
            come = cloud.meanwhile(turns)
        done = cloud.apply(cloud.changes(edits, before), journal)
        if undoing:
            come = cloud.meanwhile(turns)
            cloud.undo(done.run, journal)
    assert come, "somebody came"
    expected = _applied(before, {} if undoing else edits)
    for name, key, value in come:
        assert value is not None
        expected[name][key] = value
    assert cloud.tags() == expected


@pytest.mark.parametrize("name", ["instance", "volume"])
def test_ec2_itself_keeps_what_somebody_sets_while_it_is_taken_away(cloud: Cloud, name: str) -> None:
    cloud.anew({})
    with _journal() as journal:
        done = cloud.apply(cloud.changes({name: {"Owner": "shop"}}, {}), journal)
        come = cloud.meanwhile([(name, "Owner", "theirs")])
        undone = cloud.undo(done.run, journal)
    assert come
    assert [(what(entry), entry.guard) for entry in undone.entries] == [("drifted", "compare")], "it was not taken away"
    assert cloud.tags()[name] == {"Owner": "theirs"}


# ------------------------------------------------------------------ from a scan to what is written


CONFIG = {
    "version": 1,
    "policies": ["policy.yaml"],
    "inventory": {"aws": {"regions": ["us-east-1"], "sources": ["native"]}},
}
POLICY = "version: 1\nname: owners\ntags: {owner: {aliases: [team]}}\n"
_READS = {"sqs": "ListQueueTags", "sns": "ListTagsForResource"}
_SHOWN = ("aws_sqs_queue", "aws_sns_topic")
_OWN: st.SearchStrategy[Mapping[str, str]] = st.sampled_from(
    [{}, {"team": "shop"}, {"Team": "web", "x": ""}, {"owner": "shop"}, {"owner": "", "team": "shop"}]
)


def _planned(folder: Path) -> ChangeSet:
    policy = load([str(folder / "policy.yaml")], base=folder)
    judging = Judging(policy=policy, today=date(2026, 11, 23))
    writer = AwsTags(Aws(Pacer(), writes=True).own)
    with Store.open(folder / "costguard-scan.db") as store:
        return plan(
            store,
            Planning(
                judging=judging,
                doc=ReconcileDoc(assume_unmanaged=True, limits=WIDE),
                scan="costguard-scan.db",
                now=NOW,
                sources=Sources(policy, None, judging.today),
                hindrance=writer.hindrance,
            ),
        ).changes


@settings(LAWS, max_examples=8)
@given(
    queues=st.lists(st.tuples(_OWN, st.booleans()), min_size=1, max_size=4),
    topics=st.lists(st.tuples(_OWN, st.booleans()), max_size=3),
    closed=st.booleans(),
)
def test_what_a_scan_could_not_read_is_never_written_and_the_same_scan_makes_the_same_plan(
    aws: AwsServer,
    tmp_path_factory: pytest.TempPathFactory,
    queues: list[tuple[Mapping[str, str], bool]],
    topics: list[tuple[Mapping[str, str], bool]],
    closed: bool,
) -> None:
    """Each resource has its tags, and whether they may be read; ``closed``: they still may not be when the change set
    is applied, or by then they may."""
    aws.reset()
    folder = tmp_path_factory.mktemp("scan")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "costguard.yaml").write_text(json.dumps(CONFIG))
    sqs, sns = aws.moto_client("sqs"), aws.moto_client("sns")
    tags: dict[str, Mapping[str, str]] = {}
    unread: set[str] = set()
    urls: dict[str, str] = {}
    for number, (own, may_be_read) in enumerate(queues):
        id_ = f"arn:aws:sqs:us-east-1:{HOME}:queue-{number}"
        urls[id_] = sqs.create_queue(QueueName=f"queue-{number}", tags=own)["QueueUrl"]
        tags[id_] = own
        unread |= set() if may_be_read else {id_}
    for number, (own, may_be_read) in enumerate(topics):
        shown = [{"Key": key, "Value": value} for key, value in own.items()]
        id_ = sns.create_topic(Name=f"topic-{number}", Tags=shown)["TopicArn"]
        tags[id_] = own
        unread |= set() if may_be_read else {id_}

    def is_closed(call: Call) -> bool:
        named = str(call.parameters.get("QueueUrl") or call.parameters.get("ResourceArn"))
        # A queue's address ends with its name, and so does its ARN.
        name = re.split("[/:]", named)[-1]
        return call.operation == _READS.get(call.service) and any(id_.endswith(f":{name}") for id_ in unread)

    fault = aws.fault(denied(), where=is_closed)
    with contextlib.chdir(folder):
        kinds = [argument for type_ in _SHOWN for argument in ("--type", type_)]
        code = costguard(["scan", *kinds, "--quiet", "--fail-on", "never"])
    assert code == (3 if unread else 0)
    assert bool(fault.hits) == bool(unread)
    changes = _planned(folder)
    assert written(changes) == written(_planned(folder))
    if not closed:
        aws.faults.clear()
    with _journal() as journal:
        writer = AwsTags(Aws(Pacer(sleep=lambda _: None), writes=True).own)
        done = apply(changes, journal, {"aws": writer}, **SETTINGS)
    assert done.complete
    aws.faults.clear()
    expected = {
        id_: {**own, "owner": team}
        if id_ not in unread and "owner" not in own and (team := own.get("team") or own.get("Team"))
        else own
        for id_, own in tags.items()
    }
    there: dict[str, Mapping[str, str]] = {}
    for id_ in tags:
        if id_ in urls:
            there[id_] = sqs.list_queue_tags(QueueUrl=urls[id_]).get("Tags", {})
        else:
            there[id_] = _pairs(sns.list_tags_for_resource(ResourceArn=id_)["Tags"])
    assert there == expected
    assert len(aws.written) == sum(expected[id_] != tags[id_] for id_ in tags)
