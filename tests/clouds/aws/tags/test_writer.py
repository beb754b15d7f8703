"""What becomes of each resource when something goes wrong: a table of refusals, lost answers, and laws of halving.

Nothing sleeps here: the buckets' waits are cut short, so that only the order of calls is shown.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Answer, Current, Edit, Guard, How, Target
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect, cut, denied, expired, failing, lost, malformed, refused, reset, throttled
from tests.servers.http1 import Response
from tests.servers.wire import Call

_UNSEEN = Current({})
_TAGGING = "resourcegroupstaggingapi"


def _target(arn: str) -> Target:
    region = arn.split(":")[3] or ("us-east-1" if ":s3:" in arn else "global")
    return Target(arn, "x", "aws", HOME, region)


def _writer(pacer: Pacer | None = None) -> AwsTags:
    return AwsTags(Aws(pacer or Pacer(sleep=lambda _: None), writes=True).own)


def _set(arns: Sequence[str], tags: Mapping[str, str] | None = None) -> list[Edit]:
    return [Edit(_target(arn), tags or {"Owner": "shop"}, {}, _UNSEEN) for arn in arns]


def _take(arns: Sequence[str], tags: Mapping[str, str] | None = None) -> list[Edit]:
    return [Edit(_target(arn), {}, tags or {"Owner": "shop"}, _UNSEEN) for arn in arns]


def _hows(answers: Sequence[Answer]) -> list[How]:
    return [answer.how for answer in answers]


def _topics(aws: AwsServer, count: int) -> list[str]:
    client = aws.client("sns")
    return [str(client.create_topic(Name=f"topic-{number}")["TopicArn"]) for number in range(count)]


def _instances(aws: AwsServer, count: int) -> list[str]:
    made = aws.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count)["Instances"]
    return [f"arn:aws:ec2:us-east-1:{HOME}:instance/{one['InstanceId']}" for one in made]


def _volumes(aws: AwsServer, count: int) -> list[str]:
    client = aws.client("ec2")
    made = [client.create_volume(Size=1, AvailabilityZone="us-east-1a") for _ in range(count)]
    return [f"arn:aws:ec2:us-east-1:{HOME}:volume/{one['VolumeId']}" for one in made]


def _owner(current: Current) -> str | None:
    return None if current.tags is None else current.tags.get("Owner")


def _sent(aws: AwsServer, operation: str = "*Tag*") -> list[str]:
    """The calls that write, in their order."""
    reads = ("List", "Describe", "Get")
    return [call.operation for call in aws.calls("*", operation) if not call.operation.startswith(reads)]


# ------------------------------------------------------------------ one resource of an answer that is good


@pytest.mark.parametrize(
    ("code", "how", "calls"),
    [
        ("AccessDeniedException", "refused", ["TagResources"]),
        ("UnauthorizedOperation", "refused", ["TagResources"]),
        ("InvalidReplicationGroupState", "again", ["TagResources"]),
        ("ConcurrentModificationException", "again", ["TagResources"]),
        ("ResourceNotFoundException", "gone", ["TagResources"]),
        ("DBInstanceNotFoundFault", "gone", ["TagResources"]),
        ("CacheClusterNotFound", "gone", ["TagResources"]),
        ("InvalidParameterException", "done", ["TagResources", "TagResource"]),
        ("BadRequestException", "done", ["TagResources", "TagResource"]),
        ("BadResourceException", "done", ["TagResources", "TagResource"]),
        ("InternalServiceException", "done", ["TagResources"] * 3 + ["TagResource"]),
        ("ThrottlingException", "again", ["TagResources"] * 6),
        ("ThrottledException", "again", ["TagResources"] * 6),
        ("SomethingNewException", "refused", ["TagResources"]),
        ("\x1b[31m\ud800".encode("utf-8", "replace").decode(), "refused", ["TagResources"]),
    ],
)
def test_each_failure_of_one_resource_has_its_treatment_and_costs_no_other(
    aws: AwsServer, code: str, how: How, calls: list[str]
) -> None:
    bad, *good = _topics(aws, 4)
    aws.tag_failures[bad] = code
    answers = _writer().write(_set([bad, *good]))
    assert _hows(answers) == [how, "done", "done", "done"]
    assert _sent(aws) == calls
    assert [len(aws.writes(arn)) for arn in (bad, *good)] == [1 if how == "done" else 0, 1, 1, 1]


def test_what_is_sent_again_after_a_throttle_is_only_what_was_throttled(aws: AwsServer) -> None:
    bad, *good = _topics(aws, 3)
    aws.tag_failures[bad] = "ThrottlingException"
    _writer().write(_set([bad, *good]))
    first, *rest = aws.calls(_TAGGING, "TagResources")
    assert first.parameters["ResourceARNList"] == [bad, *good]
    assert [call.parameters["ResourceARNList"] for call in rest] == [[bad]] * 5


def test_a_throttle_inside_a_good_answer_slows_the_bucket_down(aws: AwsServer) -> None:
    (bad,) = _topics(aws, 1)
    aws.tag_failures[bad] = "ThrottlingException"
    pacer = Pacer(sleep=lambda _: None)
    _writer(pacer).write(_set([bad]))
    assert pacer.throttles == 6


def test_after_an_internal_error_nothing_is_sent_before_it_was_read(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    aws.tag_failures[topic] = "InternalServiceException"
    aws.requests.clear()
    _writer().write(_set([topic]))
    asked = [call.operation for call in aws.requests if "Tag" in call.operation]
    pair = ["TagResources", "ListTagsForResource"]
    # The last is the service's own call, before which others of the batch may have been waited for.
    assert asked == [*pair, *pair, *pair, "ListTagsForResource", "TagResource"]


def test_after_an_internal_error_what_turns_out_to_be_written_is_done(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    aws.client("sns").tag_resource(ResourceArn=topic, Tags=[{"Key": "Owner", "Value": "shop"}])
    aws.tag_failures[topic] = "InternalServiceException"
    assert _hows(_writer().write(_set([topic]))) == ["done"]
    assert _sent(aws, "TagResources") == ["TagResources"]


def test_after_an_internal_error_what_cannot_be_read_is_unknown(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    aws.tag_failures[topic] = "InternalServiceException"
    aws.fault(denied(), operation="ListTagsForResource")
    assert _hows(_writer().write(_set([topic]))) == ["unknown"]
    assert _sent(aws) == ["TagResources"]


def test_an_answer_that_names_resources_that_nobody_asked_for_tells_nothing(aws: AwsServer) -> None:
    topics = _topics(aws, 2)
    body = json.dumps({"FailedResourcesMap": {"arn:aws:sns:us-east-1:123456789012:other": {"ErrorCode": "X"}}})
    aws.fault(malformed(body.encode()), operation="TagResources")
    assert _hows(_writer().write(_set(topics))) == ["unknown", "unknown"]


# ------------------------------------------------------------------ the whole call


@pytest.mark.parametrize(
    ("effect", "how", "calls", "written"),
    [
        (lost(), "unknown", 1, 1),
        (reset(), "unknown", 1, 0),
        (cut(), "unknown", 1, 1),
        (malformed(), "unknown", 1, 1),
        (failing(500), "unknown", 1, 0),
        (failing(503), "unknown", 1, 0),
        (throttled(), "again", 6, 0),
        (expired(), "again", 1, 0),
        (denied(), "refused", 1, 0),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
@pytest.mark.parametrize("operation", ["TagResources", "CreateTags", "TagQueue", "TagRole"])
def test_a_call_that_may_have_been_taken_is_never_sent_again(
    aws: AwsServer, operation: str, effect: Any, how: How, calls: int, written: int
) -> None:
    arn = _MADE[operation](aws)
    if operation == "TagQueue":
        aws.tag_failures[arn] = "InvalidParameterException"
    aws.fault(effect, operation=operation)
    (answer,) = _writer().write(_set([arn]))
    assert answer.how == how, answer
    assert answer.why
    assert len(aws.calls("*", operation)) == calls
    assert len(aws.writes()) == written


def _queue(aws: AwsServer) -> str:
    aws.client("sqs").create_queue(QueueName="queue")
    return f"arn:aws:sqs:us-east-1:{HOME}:queue"


def _role(aws: AwsServer) -> str:
    made = aws.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")
    return str(made["Role"]["Arn"])


_MADE: Mapping[str, Callable[[AwsServer], str]] = {
    "TagResources": lambda aws: _topics(aws, 1)[0],
    "CreateTags": lambda aws: _instances(aws, 1)[0],
    "TagQueue": _queue,
    "TagRole": _role,
}


def test_a_throttle_that_ends_is_waited_out(aws: AwsServer) -> None:
    topics = _topics(aws, 3)
    aws.fault(throttled(), operation="TagResources", times=4)
    assert _hows(_writer().write(_set(topics))) == ["done"] * 3
    assert len(aws.writes()) == 3


def test_where_nobody_listens_nothing_was_sent(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (topic,) = _topics(aws, 1)
    writer = _writer()
    writer.read([_target(topic)])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert _hows(writer.write(_set([topic]))) == ["again"]


def test_a_run_that_is_stopped_sends_nothing_more_and_knows_that(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    pacer = Pacer(sleep=lambda _: None)
    writer = _writer(pacer)
    writer.read([_target(topic)])
    pacer.stop()
    assert _hows(writer.write(_set([topic]))) == ["again"]
    assert not aws.writes()
    assert writer.read([_target(topic)])[0].tags is None


def test_credentials_that_have_run_out_when_they_come_are_a_clock_that_is_wrong(aws: AwsServer) -> None:
    """A machine whose clock is hours ahead: botocore fetches new ones, finds them expired, and raises a plain error."""
    (topic,) = _topics(aws, 1)

    def outlived(answer: Response) -> Response:
        body = re.sub(rb"<Expiration>[^<]*<", b"<Expiration>2020-01-01T00:00:00Z<", answer.body)
        assert body != answer.body
        return msgspec.structs.replace(answer, body=body)

    aws.fault(Effect(name="outlived", change=outlived), operation="AssumeRole")
    way_in = Aws(Pacer(sleep=lambda _: None), writes=True)
    way_in.caller.identify()
    writer = AwsTags(lambda account: way_in.assume(f"arn:aws:iam::{account}:role/r", account, "costguard", None))
    (current,) = writer.read([_target(topic)])
    assert current.tags is None
    assert "the clock of this machine may be hours ahead" in current.why
    (answer,) = writer.write(_set([topic]))
    assert answer.how == "again"
    assert not _sent(aws)


def test_nothing_is_written_where_the_credentials_are_another_accounts(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    way = Aws(Pacer(), writes=True)

    def open_(account: str) -> Access:
        return way.own(account)

    other = Target("arn:aws:sns:us-east-1:999999999999:t", "x", "aws", "9" * 12, "us-east-1")
    writer = AwsTags(open_)
    (answer,) = writer.write([Edit(other, {"Owner": "shop"}, {}, _UNSEEN)])
    assert answer.how == "again"
    assert f"the credentials for 999999999999 are those of {HOME}" in answer.why
    assert writer.read([other])[0].why == answer.why.partition(";")[0]
    assert not aws.writes()
    assert _hows(writer.write(_set([topic]))) == ["done"]


# ------------------------------------------------------------------ one that spoils it for the others


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(poisoned=st.sets(st.integers(0, 19)))
def test_however_many_spoil_the_call_the_others_are_written_once(aws: AwsServer, poisoned: set[int]) -> None:
    aws.reset()
    topics = _topics(aws, 20)
    bad = {topics[number] for number in poisoned}
    spoilt = aws.fault(
        refused("InvalidParameterException", "not a valid ARN"),
        operation="TagResources",
        where=lambda call: bool(bad & set(call.parameters["ResourceARNList"])),
    )
    # What the tagging API doesn't take, the service itself refuses, too.
    aws.fault(
        refused("InvalidParameter"),
        service="sns",
        operation="TagResource",
        where=lambda call: call.parameters["ResourceArn"] in bad,
    )
    answers = _writer().write(_set(topics))
    assert _hows(answers) == ["refused" if number in poisoned else "done" for number in range(20)]
    for topic in topics:
        assert len(aws.writes(topic)) == (0 if topic in bad else 1)
    # Halving finds one of twenty in no more than five steps, each of which asks of both halves.
    assert spoilt.hits <= len(bad) * 6


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(missing=st.sets(st.integers(0, 7)))
def test_instances_that_are_gone_cost_the_others_nothing(aws: AwsServer, missing: set[int]) -> None:
    aws.reset()
    arns = _instances(aws, 8)
    for number in missing:
        arns[number] = f"arn:aws:ec2:us-east-1:{HOME}:instance/i-{number:017x}"
    answers = _writer().write(_set(arns))
    assert _hows(answers) == ["gone" if number in missing else "done" for number in range(8)]
    assert len(aws.writes()) == 8 - len(missing)


def test_a_kind_that_is_denied_costs_the_other_kinds_nothing(aws: AwsServer) -> None:
    instances, volumes, topics = _instances(aws, 3), _volumes(aws, 2), _topics(aws, 2)
    aws.untouchable += ["arn:aws:ec2:*:volume/*", topics[0]]
    answers = _writer().write(_set([*volumes, *instances, *topics]))
    assert _hows(answers) == ["refused"] * 2 + ["done"] * 3 + ["refused", "done"]
    assert "CreateTags" in answers[0].why


# ------------------------------------------------------------------ what is never sent


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"aws:cloudformation:stack-name": "x"}, "AWS's own"),
        ({"AWS:x": "x"}, "AWS's own"),
        ({"": "x"}, "1 to 128"),
        ({"k" * 129: "x"}, "1 to 128"),
        ({"k": "v" * 257}, "at most 256"),
    ],
)
def test_what_aws_never_takes_is_never_sent(aws: AwsServer, tags: dict[str, str], why: str) -> None:
    (topic,) = _topics(aws, 1)
    (answer,) = _writer().write(_set([topic], tags))
    assert answer.how == "refused"
    assert why in answer.why
    assert not _sent(aws)


def test_what_is_hindered_is_refused_and_the_rest_is_written(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    stack = f"arn:aws:cloudformation:us-east-1:{HOME}:stack/web/5b0e"
    answers = _writer().write(_set([stack, topic]))
    assert _hows(answers) == ["refused", "done"]
    assert aws.calls(_TAGGING, "TagResources")[0].parameters["ResourceARNList"] == [topic]


def test_nothing_asked_is_nothing_sent(aws: AwsServer) -> None:
    assert _writer().write([]) == []
    assert _writer().read([]) == []
    assert not aws.requests


# ------------------------------------------------------------------ taking away


@pytest.mark.parametrize(
    ("make", "guard"), [(_topics, "read"), (_instances, "compare")], ids=["a topic", "an instance"]
)
def test_only_the_value_that_is_expected_is_taken_away(
    aws: AwsServer, make: Callable[[AwsServer, int], list[str]], guard: Guard
) -> None:
    ours, theirs, without = make(aws, 3)
    writer = _writer()
    writer.write(_set([ours], {"Owner": "shop", "Kept": "1"}))
    writer.write(_set([theirs], {"Owner": "somebody else"}))
    before = len(aws.writes())
    answers = writer.write(_take([ours, theirs, without]))
    assert _hows(answers) == ["done", "conflict", "done"]
    assert answers[0].guard == guard
    assert [current.tags for current in writer.read([_target(arn) for arn in (ours, theirs, without)])] == [
        {"Kept": "1"},
        {"Owner": "somebody else"},
        {},
    ]
    assert len(aws.writes()) == before + 1


def test_ec2_itself_compares_what_changed_after_it_was_read(aws: AwsServer) -> None:
    (instance,) = _instances(aws, 1)
    writer = _writer()
    writer.write(_set([instance]))
    id_ = instance.rpartition("/")[2]

    def meanwhile(_: Call) -> bool:
        # moto, behind the proxy: somebody else's change between the reading and the call.
        other = aws.moto_client("ec2")
        other.create_tags(Resources=[id_], Tags=[{"Key": "Owner", "Value": "theirs"}])
        return False

    aws.fault(reset(), operation="DeleteTags", where=meanwhile)
    (answer,) = writer.write(_take([instance]))
    assert answer.guard == "compare"
    assert _owner(writer.read([_target(instance)])[0]) == "theirs"


def test_values_that_differ_among_resources_are_each_compared_with_their_own(aws: AwsServer) -> None:
    arns = [*_instances(aws, 2), *_topics(aws, 2)]
    writer = _writer()
    for number, arn in enumerate(arns):
        writer.write(_set([arn], {"Owner": f"team-{number}"}))
    edits = [Edit(_target(arn), {}, {"Owner": f"team-{number}"}, _UNSEEN) for number, arn in enumerate(arns)]
    assert _hows(writer.write(edits)) == ["done"] * 4
    assert [current.tags for current in writer.read([_target(arn) for arn in arns])] == [{}] * 4


def test_what_cannot_be_read_is_not_taken_away(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    writer = _writer()
    writer.write(_set([topic]))
    aws.fault(denied(), operation="ListTagsForResource")
    (answer,) = writer.write(_take([topic]))
    assert answer.how == "again"
    assert not _sent(aws, "UntagResources")


def test_half_an_edit_is_not_called_refused(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    writer = _writer()
    writer.write(_set([topic], {"Old": "1"}))
    aws.fault(denied(), operation="UntagResources")
    (answer,) = writer.write([Edit(_target(topic), {"New": "1"}, {"Old": "1"}, _UNSEEN)])
    assert answer.how == "unknown"
    assert "TagResources did its part" in answer.why
    assert writer.read([_target(topic)])[0].tags == {"Old": "1", "New": "1"}


# ------------------------------------------------------------------ services of their own kind


def _bucket(aws: AwsServer) -> str:
    aws.client("s3").create_bucket(Bucket="bucket")
    return "arn:aws:s3:::bucket"


def test_a_bucket_with_access_control_by_tags_is_written_by_the_call_that_it_takes(aws: AwsServer) -> None:
    arn = _bucket(aws)
    aws.abac.add("bucket")
    assert _writer().write(_set([arn]))[0].by == "s3:TagResource"
    assert [one.value for one in aws.writes(arn)] == ["shop"]


def test_where_s3_cannot_merge_the_whole_set_is_read_and_put_back(aws: AwsServer) -> None:
    arn = _bucket(aws)
    theirs = [{"Key": "Theirs", "Value": "1"}, {"Key": "Old", "Value": "1"}]
    aws.client("s3").put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": theirs})
    gone = aws.fault(refused("NotImplemented", status=501), service="s3control")
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {"Owner": "shop"}, {"Old": "1"}, _UNSEEN)])
    assert (answer.how, answer.by, answer.guard) == ("done", "s3:PutBucketTagging", "read")
    assert writer.read([_target(arn)])[0].tags == {"Theirs": "1", "Owner": "shop"}
    assert _hows(writer.write(_set([arn]))) == ["done"]
    assert len(aws.calls("s3", "PutBucketTagging")) == 2, "what is so already is not put again"
    assert gone.hits == 1, "one refusal of the call is enough to know"


def test_a_set_that_cannot_be_read_is_never_replaced(aws: AwsServer) -> None:
    arn = _bucket(aws)
    aws.fault(refused("NotImplemented", status=501), service="s3control")
    aws.fault(denied(), operation="GetBucketTagging")
    assert _hows(_writer().write(_set([arn]))) == ["again"]
    assert not aws.calls("s3", "PutBucketTagging")


@pytest.mark.usefixtures("aws")
def test_a_bucket_that_is_gone_is_gone() -> None:
    assert _hows(_writer().write(_set(["arn:aws:s3:::no-such-bucket"]))) == ["gone"]
    assert _writer().read([_target("arn:aws:s3:::no-such-bucket")])[0].gone


def _scaling(aws: AwsServer) -> str:
    made = aws.client("ec2").create_launch_template(
        LaunchTemplateName="t", LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}
    )
    client = aws.client("autoscaling")
    client.create_auto_scaling_group(
        AutoScalingGroupName="group",
        MinSize=0,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateId": made["LaunchTemplate"]["LaunchTemplateId"]},
        AvailabilityZones=["us-east-1a"],
        Tags=[{"Key": "Owner", "Value": "old", "PropagateAtLaunch": True}],
    )
    shown = client.describe_auto_scaling_groups(AutoScalingGroupNames=["group"])
    return str(shown["AutoScalingGroups"][0]["AutoScalingGroupARN"])


def test_what_a_groups_tag_says_of_new_instances_stays_and_a_new_tag_says_no(aws: AwsServer) -> None:
    arn = _scaling(aws)
    assert _hows(_writer().write(_set([arn], {"Owner": "shop", "New": "1"}))) == ["done"]
    tags = aws.client("autoscaling").describe_tags()["Tags"]
    assert {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in tags} == {
        "Owner": ("shop", True),
        "New": ("1", False),
    }


def test_a_group_that_is_gone_is_gone(aws: AwsServer) -> None:
    arn = f"arn:aws:autoscaling:us-east-1:{HOME}:autoScalingGroup:5b0e:autoScalingGroupName/nobody"
    assert _writer().read([_target(arn)])[0].gone
    assert _hows(_writer().write(_set([arn]))) == ["gone"]
    assert not aws.writes()


def test_a_parameter_that_could_be_either_of_two_is_neither(aws: AwsServer) -> None:
    shown = json.dumps({"Parameters": [{"Name": "app"}, {"Name": "/app"}]})
    aws.fault(malformed(shown.encode()), operation="DescribeParameters")
    arn = f"arn:aws:ssm:us-east-1:{HOME}:parameter/app"
    assert _writer().read([_target(arn)])[0].why == "its ARN may mean /app or app"
    assert _hows(_writer().write(_set([arn]))) != ["done"]
    assert not aws.writes()


# ------------------------------------------------------------------ reading


def test_many_ids_are_read_two_hundred_at_a_time(aws: AwsServer) -> None:
    arns = _instances(aws, 3) + [f"arn:aws:ec2:us-east-1:{HOME}:volume/vol-{number:017x}" for number in range(247)]
    writer = _writer()
    writer.write(_set(arns[:2]))
    found = writer.read([_target(arn) for arn in arns])
    assert [_owner(current) for current in found[:3]] == ["shop", "shop", None]
    assert len(aws.calls("ec2", "DescribeTags")) == 2


@pytest.mark.parametrize("effect", [denied(), malformed(), malformed(b"{}"), refused("Whatever")])
@pytest.mark.parametrize("make", [_topics, _instances])
def test_what_cannot_be_read_is_never_untagged(
    aws: AwsServer, make: Callable[[AwsServer, int], list[str]], effect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (arn,) = make(aws, 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    writer = _writer()
    aws.fault(effect, operation="ListTagsForResource" if "sns" in arn else "DescribeTags")
    (current,) = writer.read([_target(arn)])
    assert current.tags is None
    assert current.why
    assert not current.gone


def test_one_that_is_gone_is_no_trouble_for_the_others_that_are_read(aws: AwsServer) -> None:
    (topic,) = _topics(aws, 1)
    gone = f"arn:aws:sns:us-east-1:{HOME}:nobody"
    first, second, third = _writer().read([_target(gone), _target(topic), _target("arn:aws:quicksight:::x")])
    assert (first.gone, second.tags, third.tags) == (True, {}, None)
    assert third.why
