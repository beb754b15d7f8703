"""A topic of SNS, on moto, with the real SDK."""

import json
from typing import Any

import pytest

from costguard.notify import render, send
from costguard.notify.delivery import Delivery
from costguard.notify.sns import Topic
from tests.notify.receivers import NOW, Kept, Waits, digest
from tests.servers.aws import AwsServer
from tests.servers.faults import Effect, Fault, denied, failing, lost, malformed, reset, throttled


@pytest.fixture
def topic(aws: AwsServer) -> tuple[str, Any]:
    """A topic, and the queue's client that hears it: (arn, a function that returns the messages so far)."""
    sns, sqs = aws.client("sns", "eu-west-1"), aws.client("sqs", "eu-west-1")
    arn = sns.create_topic(Name="finops")["TopicArn"]
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)

    def heard() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    return arn, heard


def tell(arn: str, owner: str | None = "shop", waits: Waits | None = None) -> Delivery:
    [one] = send([digest(owner)], [Topic(arn)], Kept(), NOW, {}, (waits or Waits()).patience)
    return one


def test_subscribers_get_the_text_the_key_and_the_owner(topic: tuple[str, Any]) -> None:
    arn, heard = topic
    one = tell(arn)
    assert one.how == "sent"
    [message] = heard()
    assert message["Subject"] == "costguard: untagged resources: shop"
    assert message["Message"].startswith("1 resource: 1 flagged.\n\naws_instance arn:aws:ec2:")
    assert {name: value["Value"] for name, value in message["MessageAttributes"].items()} == {
        "costguard-key": one.key,
        "costguard-owner": "shop",
    }


def test_a_subject_is_one_line_of_ascii(topic: tuple[str, Any]) -> None:
    arn, heard = topic
    assert tell(arn, "größe\n" + "x" * 90).how == "sent"
    [message] = heard()
    assert message["Subject"].startswith(r"costguard: untagged resources: gr\xf6\xdfe\nxxx")
    assert message["Subject"].endswith("x...")
    assert len(message["Subject"]) == 99
    assert message["MessageAttributes"]["costguard-owner"]["Value"].startswith(r"größe\nxxx")


def test_a_digest_of_nobody(topic: tuple[str, Any]) -> None:
    arn, heard = topic
    assert tell(arn, None).how == "sent"
    assert heard()[0]["MessageAttributes"]["costguard-owner"]["Value"] == "no owner known"


@pytest.mark.parametrize("effect", [throttled(), failing(500), failing(503), reset()])
def test_what_may_pass_is_tried_again(aws: AwsServer, topic: tuple[str, Any], effect: Effect) -> None:
    arn, heard = topic
    waits = Waits()
    aws.faults = [Fault(effect, service="sns", operation="Publish", times=2)]
    one = tell(arn, waits=waits)
    assert (one.how, one.attempts, waits.slept) == ("sent", 3, [1.0, 2.0])
    assert len(heard()) == 1


@pytest.mark.parametrize("effect", [lost(), malformed()])
def test_what_is_sent_again_because_no_answer_came_that_can_be_read_has_the_same_key(
    aws: AwsServer, topic: tuple[str, Any], effect: Effect
) -> None:
    arn, heard = topic
    aws.faults = [Fault(effect, service="sns", operation="Publish", times=1)]
    one = tell(arn)
    assert (one.how, one.attempts) == ("sent", 2)
    keys = [message["MessageAttributes"]["costguard-key"]["Value"] for message in heard()]
    assert keys == [one.key, one.key]


def test_a_topic_that_may_not_be_published_to_is_asked_once(aws: AwsServer, topic: tuple[str, Any]) -> None:
    arn, heard = topic
    aws.faults = [Fault(denied(), service="sns", operation="Publish")]
    one = tell(arn)
    assert (one.how, one.attempts) == ("failed", 1)
    assert one.why.startswith(f"sns {arn}: AWS answers AuthorizationError: ")
    assert heard() == []


@pytest.mark.usefixtures("aws")
def test_a_topic_that_is_not_there() -> None:
    one = tell("arn:aws:sns:eu-west-1:123456789012:gone")
    assert (one.how, one.attempts) == ("failed", 1)
    assert "AWS answers NotFound" in one.why


@pytest.mark.usefixtures("aws")
def test_without_credentials_it_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    one = tell("arn:aws:sns:eu-west-1:123456789012:finops")
    assert (one.how, one.attempts) == ("failed", 1)
    assert "AWS can't be asked: Unable to locate credentials" in one.why


@pytest.mark.usefixtures("aws")
def test_an_aws_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    one = tell("arn:aws:sns:eu-west-1:123456789012:finops", waits=Waits(attempts=2))
    assert one.why.endswith("AWS can't be reached (EndpointConnectionError); it was tried twice")


def test_what_would_be_sent() -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:finops"
    assert render(digest(), Topic(arn)).startswith(
        f"Topic: {arn}\nSubject: costguard: untagged resources: shop\n\n1 resource: 1 flagged.\n"
    )
