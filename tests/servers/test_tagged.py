"""The cloud on loopback refuses of tags what AWS refuses, and knows what was written."""

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import lost

_TAG = {"Key": "Owner", "Value": "shop"}


def _topic(aws: AwsServer, name: str = "t") -> str:
    return str(aws.client("sns").create_topic(Name=name)["TopicArn"])


def _instance(aws: AwsServer) -> str:
    made = aws.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    return str(made["Instances"][0]["InstanceId"])


def _told(aws: AwsServer) -> list[tuple[str, str, str | None]]:
    return [(one.resource, one.key, one.value) for one in aws.writes()]


def _code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "arn", ["", "not an arn", "arn:aws:sns", "arn:aws:sns:us-east-1:12:t", "arn:aws:sns:us-east-1::"]
)
def test_one_malformed_arn_fails_the_whole_call(aws: AwsServer, arn: str) -> None:
    topic = _topic(aws)
    with pytest.raises(ClientError) as error:
        aws.client("resourcegroupstaggingapi").tag_resources(ResourceARNList=[topic, arn or "x"], Tags={"k": "v"})
    assert _code(error) == "InvalidParameterException"
    assert not aws.writes()


def test_what_is_not_there_or_elsewhere_fails_by_itself(aws: AwsServer) -> None:
    topic = _topic(aws)
    bad = {
        f"arn:aws:ec2:us-east-1:{HOME}:instance/i-0123456789abcdef0": "InvalidInstanceID.NotFound",
        "arn:aws:s3:::nobodys-bucket": "NoSuchBucket",
        f"arn:aws:sns:eu-west-1:{HOME}:t": "InvalidParameterException",
        "arn:aws:sns:us-east-1:999999999999:t": "InvalidParameterException",
    }
    client = aws.client("resourcegroupstaggingapi")
    answer = client.tag_resources(ResourceARNList=[*bad, topic], Tags={"Owner": "shop"})
    assert {arn: one["ErrorCode"] for arn, one in answer["FailedResourcesMap"].items()} == bad
    assert _told(aws) == [(topic, "Owner", "shop")]


def test_one_bad_id_fails_all_of_ec2s_call(aws: AwsServer) -> None:
    with pytest.raises(ClientError) as error:
        aws.client("ec2").create_tags(Resources=[_instance(aws), "i-0123456789abcdef0"], Tags=[_TAG])
    assert _code(error) == "InvalidInstanceID.NotFound"
    assert not aws.writes()


@pytest.mark.parametrize(
    "tag", [{"Key": "aws:x", "Value": ""}, {"Key": "k" * 129, "Value": ""}, {"Key": "k", "Value": "v" * 257}]
)
def test_ec2_takes_no_tag_that_aws_forbids(aws: AwsServer, tag: dict[str, str]) -> None:
    with pytest.raises(ClientError) as error:
        aws.client("ec2").create_tags(Resources=[_instance(aws)], Tags=[tag])
    assert _code(error) == "InvalidParameterValue"


def test_what_nobody_may_change_is_denied_by_every_way(aws: AwsServer) -> None:
    topic, instance = _topic(aws), _instance(aws)
    aws.untouchable += [topic, "arn:aws:ec2:*:instance/*"]
    answer = aws.client("resourcegroupstaggingapi").tag_resources(ResourceARNList=[topic], Tags={"k": "v"})
    assert answer["FailedResourcesMap"][topic]["ErrorCode"] == "AccessDeniedException"
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.client("sns").tag_resource(ResourceArn=topic, Tags=[_TAG])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        aws.client("ec2").create_tags(Resources=[instance], Tags=[_TAG])
    assert not aws.writes()


def test_an_answer_that_is_lost_was_an_effect_all_the_same(aws: AwsServer) -> None:
    topic = _topic(aws)
    aws.fault(lost(), operation="TagResources")
    with pytest.raises(BotoCoreError):
        aws.client("resourcegroupstaggingapi").tag_resources(ResourceARNList=[topic], Tags={"Owner": "shop"})
    assert aws.client("sns").list_tags_for_resource(ResourceArn=topic)["Tags"] == [_TAG]
    assert _told(aws) == [(topic, "Owner", "shop")]


def test_what_is_written_and_taken_away_is_told_of_whatever_service(aws: AwsServer) -> None:
    instance, topic = _instance(aws), _topic(aws)
    aws.client("s3").create_bucket(Bucket="a-bucket")
    aws.client("ec2").create_tags(Resources=[instance], Tags=[_TAG])
    aws.client("ec2").delete_tags(Resources=[instance], Tags=[_TAG])
    aws.client("sns").tag_resource(ResourceArn=topic, Tags=[_TAG])
    aws.client("sns").untag_resource(ResourceArn=topic, TagKeys=["Owner"])
    aws.client("s3").put_bucket_tagging(Bucket="a-bucket", Tagging={"TagSet": [_TAG]})
    assert _told(aws) == [
        (instance, "Owner", "shop"),
        (instance, "Owner", None),
        (topic, "Owner", "shop"),
        (topic, "Owner", None),
        ("a-bucket", "Owner", "shop"),
    ]


def test_a_bucket_with_access_control_by_tags_takes_no_whole_set(aws: AwsServer) -> None:
    aws.client("s3").create_bucket(Bucket="a-bucket")
    aws.abac.add("a-bucket")
    with pytest.raises(ClientError, match="MethodNotAllowed"):
        aws.client("s3").put_bucket_tagging(Bucket="a-bucket", Tagging={"TagSet": [_TAG]})
