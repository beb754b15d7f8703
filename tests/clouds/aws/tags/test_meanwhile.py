"""What somebody else writes between two tries of ours is never lost: nothing is sent a second time that wasn't read in
between and found as it was when it was decided on."""

from collections.abc import Callable, Mapping

import msgspec
import pytest

from costguard.clouds.aws.api import Aws
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Current, Edit, How, Target
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect, refused, throttled
from tests.servers.http1 import Response

KEY = "Owner"


class Kind(msgspec.Struct, frozen=True):
    """A kind of resource: how it is made, the calls by which its tags are set and taken away, and how somebody else
    sets one, past the server that counts ours."""

    make: Callable[[AwsServer], str]
    sets: str
    takes: str
    hand: Callable[[AwsServer, str, str, str], object]


def _topic(aws: AwsServer, name: str = "topic") -> str:
    return str(aws.client("sns").create_topic(Name=name)["TopicArn"])


def _volume(aws: AwsServer) -> str:
    made = aws.client("ec2").create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    return f"arn:aws:ec2:us-east-1:{HOME}:volume/{made}"


def _role(aws: AwsServer) -> str:
    return str(aws.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"])


KINDS: Mapping[str, Kind] = {
    "topic": Kind(
        _topic,
        "TagResources",
        "UntagResources",
        lambda aws, arn, key, value: aws.moto_client("sns").tag_resource(
            ResourceArn=arn, Tags=[{"Key": key, "Value": value}]
        ),
    ),
    "volume": Kind(
        _volume,
        "CreateTags",
        "DeleteTags",
        lambda aws, arn, key, value: aws.moto_client("ec2").create_tags(
            Resources=[arn.rpartition("/")[2]], Tags=[{"Key": key, "Value": value}]
        ),
    ),
    "role": Kind(
        _role,
        "TagRole",
        "UntagRole",
        lambda aws, arn, key, value: aws.moto_client("iam").tag_role(
            RoleName=arn.rpartition("/")[2], Tags=[{"Key": key, "Value": value}]
        ),
    ),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def _target(arn: str) -> Target:
    return Target(arn, "x", "aws", HOME, arn.split(":")[3] or ("us-east-1" if ":s3:" in arn else "global"))


def _writer() -> AwsTags:
    return AwsTags(Aws(Pacer(sleep=lambda _: None), writes=True).own)


def _tags(writer: AwsTags, arn: str) -> Mapping[str, str]:
    (current,) = writer.read([_target(arn)])
    assert current.tags is not None
    return current.tags


def after(effect: Effect, act: Callable[[], object]) -> Effect:
    """The effect, and what somebody does before its answer arrives."""
    answer = effect.answer
    assert answer is not None
    return Effect(name=effect.name, answer=lambda call: (act(), answer(call))[1])


@each_kind
@pytest.mark.parametrize(
    ("key", "how", "left"),
    [
        (KEY, "conflict", {KEY: "theirs"}),
        ("Theirs", "done", {KEY: "shop", "Theirs": "theirs"}),
    ],
    ids=["our key", "another key"],
)
def test_what_is_set_while_a_throttle_is_waited_out(
    aws: AwsServer, kind: Kind, key: str, how: How, left: Mapping[str, str]
) -> None:
    arn = kind.make(aws)
    aws.fault(after(throttled(), lambda: kind.hand(aws, arn, key, "theirs")), operation=kind.sets, times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({}))])
    assert answer.how == how
    assert _tags(writer, arn) == left


@each_kind
def test_what_is_to_be_taken_away_and_gets_another_value_while_a_throttle_is_waited_out(
    aws: AwsServer, kind: Kind
) -> None:
    arn = kind.make(aws)
    kind.hand(aws, arn, KEY, "shop")
    aws.fault(after(throttled(), lambda: kind.hand(aws, arn, KEY, "theirs")), operation=kind.takes, times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {}, {KEY: "shop"}, Current({KEY: "shop"}))])
    assert answer.how == "conflict"
    assert _tags(writer, arn) == {KEY: "theirs"}


def test_what_is_set_after_an_internal_error_of_the_tagging_api(aws: AwsServer) -> None:
    arn = _topic(aws)
    aws.tag_failures[arn] = "InternalServiceException"
    by_hand = Effect(name="by hand", change=lambda answer: (KINDS["topic"].hand(aws, arn, KEY, "theirs"), answer)[1])
    aws.fault(by_hand, operation="TagResources", times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({}))])
    assert answer.how == "conflict"
    assert _tags(writer, arn) == {KEY: "theirs"}
    assert len(aws.calls("*", "TagResource*")) == 1


def test_what_gets_another_value_after_an_internal_error_is_not_taken_away(aws: AwsServer) -> None:
    arn = _topic(aws)
    KINDS["topic"].hand(aws, arn, KEY, "shop")
    aws.tag_failures[arn] = "InternalServiceException"
    by_hand = Effect(name="by hand", change=lambda answer: (KINDS["topic"].hand(aws, arn, KEY, "theirs"), answer)[1])
    aws.fault(by_hand, operation="UntagResources", times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {}, {KEY: "shop"}, Current({KEY: "shop"}))])
    assert answer.how == "conflict"
    assert _tags(writer, arn) == {KEY: "theirs"}
    assert len(aws.calls("*", "Untag*")) == 1


# ------------------------------------------------------------------ in two parts, or by another way


def _by_hand(kind: Kind, aws: AwsServer, arn: str, key: str) -> Effect:
    """What somebody sets once a call of ours was answered."""
    return Effect(name="by hand", change=lambda answer: (kind.hand(aws, arn, key, "theirs"), answer)[1])


@each_kind
def test_a_rename_whose_old_key_gets_another_value_while_a_throttle_is_waited_out(aws: AwsServer, kind: Kind) -> None:
    """Nothing of it is written; of a role, setting the new key alone would take the other value away."""
    arn = kind.make(aws)
    kind.hand(aws, arn, "owner", "shop")
    aws.fault(after(throttled(), lambda: kind.hand(aws, arn, "owner", "theirs")), operation=kind.sets, times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {"owner": "shop"}, Current({"owner": "shop"}))])
    assert answer.how == "conflict"
    assert _tags(writer, arn) == {"owner": "theirs"}


@pytest.mark.parametrize("kind", [KINDS["topic"], KINDS["volume"]], ids=["topic", "volume"])
def test_a_rename_whose_old_key_gets_another_value_once_the_new_one_is_set(aws: AwsServer, kind: Kind) -> None:
    arn = kind.make(aws)
    kind.hand(aws, arn, "owner", "shop")
    aws.fault(_by_hand(kind, aws, arn, "owner"), operation=kind.sets, times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {"owner": "shop"}, Current({"owner": "shop"}))])
    assert answer.how in ("unknown", "done")
    assert _tags(writer, arn) == {"owner": "theirs", KEY: "shop"}


def test_what_is_set_before_the_service_is_asked_in_the_tagging_apis_place(aws: AwsServer) -> None:
    arn = _topic(aws)
    aws.tag_failures[arn] = "InvalidParameterException"
    aws.fault(_by_hand(KINDS["topic"], aws, arn, KEY), operation="TagResources", times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({}))])
    assert answer.how == "conflict"
    assert _tags(writer, arn) == {KEY: "theirs"}


@pytest.mark.parametrize("kind", [KINDS["topic"], KINDS["volume"]], ids=["topic", "volume"])
def test_what_is_set_while_the_one_that_spoils_a_batch_is_looked_for(aws: AwsServer, kind: Kind) -> None:
    arns = [kind.make(aws) for _ in range(2)] if kind is KINDS["volume"] else [_topic(aws, name) for name in "ab"]
    spoilt = after(refused("InvalidParameterException"), lambda: kind.hand(aws, arns[1], KEY, "theirs"))
    aws.fault(spoilt, operation=kind.sets, times=1)
    writer = _writer()
    answers = writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({})) for arn in arns])
    assert [answer.how for answer in answers] == ["done", "conflict"]
    assert [_tags(writer, arn) for arn in arns] == [{KEY: "shop"}, {KEY: "theirs"}]


# ------------------------------------------------------------------ buckets


def test_a_bucket_whose_old_key_gets_another_value_once_the_new_one_is_set(aws: AwsServer) -> None:
    arn = _bucket(aws, "bucket")

    def tag(value: str, *keys: str) -> object:
        tags = [{"Key": key, "Value": value} for key in keys]
        return aws.moto_client("s3").put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": tags})

    def meanwhile(answer: Response) -> Response:
        tag("theirs", "owner")
        return answer

    tag("shop", "owner")
    aws.fault(Effect(name="by hand", change=meanwhile), service="s3control", operation="TagResource", times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {"owner": "shop"}, Current({"owner": "shop"}))])
    assert answer.how == "unknown"
    assert _tags(writer, arn)["owner"] == "theirs"


def _bucket(aws: AwsServer, name: str) -> str:
    aws.client("s3").create_bucket(Bucket=name)
    return f"arn:aws:s3:::{name}"


def test_a_set_that_is_replaced_as_a_whole_is_made_anew_after_a_throttle(aws: AwsServer) -> None:
    arn = _bucket(aws, "bucket")
    aws.fault(refused("NotImplemented", status=501), service="s3control")
    theirs = {"TagSet": [{"Key": "Theirs", "Value": "1"}]}
    aws.fault(
        after(throttled(), lambda: aws.moto_client("s3").put_bucket_tagging(Bucket="bucket", Tagging=theirs)),
        operation="PutBucketTagging",
        times=1,
    )
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({}))])
    assert answer.how == "done"
    assert _tags(writer, arn) == {"Theirs": "1", KEY: "shop"}


def test_one_bucket_without_the_merging_call_changes_nothing_for_the_others(aws: AwsServer) -> None:
    odd, plain = _bucket(aws, "odd"), _bucket(aws, "plain")
    aws.abac.add("plain")  # It takes the merging call alone.
    aws.fault(refused("MethodNotAllowed", status=405), service="s3control", times=1)
    edits = [Edit(_target(arn), {KEY: "shop"}, {}, Current({})) for arn in (odd, plain)]
    assert [(answer.how, answer.by) for answer in _writer().write(edits)] == [
        ("done", "s3:PutBucketTagging"),
        ("done", "s3:TagResource"),
    ]


@pytest.mark.parametrize(
    "code_and_status", [("NotImplemented", 501), ("InvalidAction", 400), ("Unknown", 501)], ids=lambda one: one[0]
)
def test_a_place_without_the_merging_call_is_asked_for_it_once(
    aws: AwsServer, code_and_status: tuple[str, int]
) -> None:
    arns = [_bucket(aws, name) for name in ("one", "other")]
    code, status = code_and_status
    asked = aws.fault(refused(code, status=status), service="s3control")
    answers = _writer().write([Edit(_target(arn), {KEY: "shop"}, {}, Current({})) for arn in arns])
    assert [(answer.how, answer.by) for answer in answers] == [("done", "s3:PutBucketTagging")] * 2
    assert asked.hits == 1


# ------------------------------------------------------------------ services that have their own idea of a tag


@pytest.mark.parametrize("way", ["adding", "renaming"])
def test_a_role_with_the_key_in_another_case_keeps_it(aws: AwsServer, way: str) -> None:
    """To IAM the two are one key: setting ``Owner`` takes ``owner`` away."""
    arn = _role(aws)
    KINDS["role"].hand(aws, arn, "owner", "ann")
    writer = _writer()
    remove = {"owner": "ann"} if way == "renaming" else {}
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, remove, Current({"owner": "ann"}))])
    if way == "adding":
        assert (answer.how, _tags(writer, arn)) == ("refused", {"owner": "ann"})
        assert "are one key" in answer.why
        assert not aws.calls("iam", "TagRole")
    else:
        assert (answer.how, _tags(writer, arn)) == ("done", {KEY: "shop"})


def test_a_key_that_comes_in_another_case_while_a_throttle_is_waited_out_is_kept(aws: AwsServer) -> None:
    arn = _role(aws)
    aws.fault(after(throttled(), lambda: KINDS["role"].hand(aws, arn, "owner", "ann")), operation="TagRole", times=1)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({}))])
    assert answer.how == "conflict"
    assert _tags(writer, arn) == {"owner": "ann"}


def test_a_groups_tag_that_new_instances_get_is_not_taken_away(aws: AwsServer) -> None:
    """The journal has values alone: an undo would bring it back for the group, and not for its instances."""
    client = aws.client("autoscaling")
    client.create_launch_configuration(LaunchConfigurationName="l", ImageId="ami-12c6146b", InstanceType="t3.micro")
    client.create_auto_scaling_group(
        AutoScalingGroupName="group",
        LaunchConfigurationName="l",
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=["us-east-1a"],
        Tags=[
            {"Key": "shared", "Value": "1", "PropagateAtLaunch": True},
            {"Key": "own", "Value": "1", "PropagateAtLaunch": False},
        ],
    )
    arn = str(client.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"])
    writer = _writer()
    seen = Current({"shared": "1", "own": "1"})
    (kept,) = writer.write([Edit(_target(arn), {}, {"shared": "1"}, seen)])
    assert (kept.how, _tags(writer, arn)) == ("refused", {"shared": "1", "own": "1"})
    (taken,) = writer.write([Edit(_target(arn), {}, {"own": "1"}, seen)])
    assert (taken.how, _tags(writer, arn)) == ("done", {"shared": "1"})


def test_a_certificates_tag_is_taken_away_by_the_call_that_compares_it(aws: AwsServer) -> None:
    client = aws.client("acm")
    tags = [{"Key": KEY, "Value": "shop"}]
    arn = str(client.request_certificate(DomainName="x.example.com", Tags=tags)["CertificateArn"])

    def meanwhile(_: object) -> bool:
        other = [{"Key": KEY, "Value": "theirs"}]
        aws.moto_client("acm").add_tags_to_certificate(CertificateArn=arn, Tags=other)
        return False

    aws.fault(throttled(), operation="RemoveTagsFromCertificate", where=meanwhile)
    writer = _writer()
    (answer,) = writer.write([Edit(_target(arn), {}, {KEY: "shop"}, Current({KEY: "shop"}))])
    assert (answer.by, answer.guard) == ("acm:RemoveTagsFromCertificate", "compare")
    assert _tags(writer, arn) == {KEY: "theirs"}


def test_global_accelerator_is_asked_where_it_lives(aws: AwsServer) -> None:
    """Its calls are made in us-west-2, wherever the accelerator works, and so are the tagging API's about it."""
    arn = f"arn:aws:globalaccelerator::{HOME}:accelerator/0123abcd"
    writer = _writer()
    writer.read([_target(arn)])
    writer.write([Edit(_target(arn), {KEY: "shop"}, {}, Current({}))])
    for service in ("globalaccelerator", "resourcegroupstaggingapi"):
        assert {call.region for call in aws.calls(service)} == {"us-west-2"}
