"""Who made what, by CloudTrail's history on loopback."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.aws.calls import INFERENCE, actions, calls, permitted
from costguard.clouds.aws.trail import Creator, creators
from costguard.clouds.pace import Pacer
from costguard.model.resource import Gap
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect, Quota, cut, denied, malformed, reset, throttled
from tests.servers.trail import NOW, Event

REGION = "us-east-1"
EC2 = f"arn:aws:ec2:{REGION}:{HOME}:"
ROLE = f"arn:aws:iam::{HOME}:role/shop/deploy"
SESSION = f"arn:aws:sts::{HOME}:assumed-role/deploy/ann"
WHERE = f"aws/{HOME}/{REGION}/*/cloudtrail"


def assumed(role: str = ROLE, session: str = SESSION) -> dict[str, Any]:
    """CloudTrail user guide, "CloudTrail userIdentity element": the example of a role."""
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:ann",
        "arn": session,
        "accountId": HOME,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "accountId": HOME, "userName": "deploy"}},
    }


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{HOME}:{rest}"


@pytest.fixture
def caller(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Access:
    """The account's own user, who doesn't wait and asks at most twice."""
    assert aws.url
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    access = Aws(Pacer(sleep=lambda _: None)).caller
    access.identify()
    return access


def happened(aws: AwsServer, name: str, service: str, days: float = 1, **more: Any) -> datetime:
    at = (NOW - timedelta(days=days)).replace(microsecond=0)
    fields = {"identity": assumed(), "account": HOME, "region": REGION, "at": at, **more}
    aws.trail.add(name, f"{service}.amazonaws.com", **fields)
    return at


def noise(aws: AwsServer, count: int, days: float = 89, name: str = "PutObject") -> None:
    """Other things that were written, evenly over the days."""
    for number in range(count):
        happened(aws, name, "s3", days * (number + 0.5) / count, request={"bucketName": "noise"})


def ask(caller: Access, wanted: Mapping[str, Sequence[str]], days: int = 90, **more: Any) -> dict[str, Creator]:
    """The creators, where all could be read."""
    found, gaps = creators(caller, REGION, wanted, days, NOW, **more)
    assert gaps == []
    return found


def asked(aws: AwsServer) -> list[str]:
    """The attributes that were asked for, call by call."""
    attributes = (call.parameters["LookupAttributes"][0] for call in aws.calls("cloudtrail", "LookupEvents"))
    return [f"{one['AttributeKey']}={one['AttributeValue']}" for one in attributes]


# Event, service, type, ids, what was asked, what was answered: by each service's documentation of its log entries.
_EVENTS: Sequence[tuple[str, str, str, list[str], Any, Any]] = (
    (
        "RunInstances",
        "ec2",
        "aws_instance",
        [f"{EC2}instance/i-0a", f"{EC2}instance/i-0b"],
        {"subnetId": "subnet-0c"},
        {"instancesSet": {"items": [{"instanceId": "i-0a", "vpcId": "vpc-0d"}, {"instanceId": "i-0b"}]}},
    ),
    (
        "CreateNatGateway",
        "ec2",
        "aws_nat_gateway",
        [f"{EC2}natgateway/nat-0a"],
        {"CreateNatGatewayRequest": {"SubnetId": "subnet-0c"}},
        {"CreateNatGatewayResponse": {"natGateway": {"natGatewayId": "nat-0a", "subnetId": "subnet-0c"}}},
    ),
    (
        "CreateSnapshot",
        "ec2",
        "aws_ebs_snapshot",
        [f"arn:aws:ec2:{REGION}::snapshot/snap-0a"],
        {"volumeId": "vol-0b"},
        {"snapshotId": "snap-0a", "volumeId": "vol-0b", "ownerId": HOME},
    ),
    ("CreateBucket", "s3", "aws_s3_bucket", ["arn:aws:s3:::ledger"], {"bucketName": "ledger"}, None),
    (
        "CreateFunction20150331",
        "lambda",
        "aws_lambda_function",
        [arn("lambda", "function:bill")],
        {"functionName": "bill"},
        {"functionName": "bill", "functionArn": arn("lambda", "function:bill"), "role": ROLE},
    ),
    (
        "CreateDBInstance",
        "rds",
        "aws_db_instance",
        [arn("rds", "db:stock")],
        {"dBInstanceIdentifier": "stock"},
        {"dBInstanceIdentifier": "stock", "dBInstanceArn": arn("rds", "db:stock")},
    ),
    (
        "CreateQueue",
        "sqs",
        "aws_sqs_queue",
        [arn("sqs", "orders")],
        {"queueName": "orders"},
        {"queueUrl": f"https://sqs.{REGION}.amazonaws.com/{HOME}/orders"},
    ),
    (
        "CreateAutoScalingGroup",
        "autoscaling",
        "aws_autoscaling_group",
        [arn("autoscaling", "autoScalingGroup:0a-0b:autoScalingGroupName/web")],
        {"autoScalingGroupName": "web"},
        None,
    ),
    (
        "CreateCluster",
        "ecs",
        "aws_ecs_cluster",
        [arn("ecs", "cluster/web")],
        {"clusterName": "web"},
        {"cluster": {"clusterArn": arn("ecs", "cluster/web"), "clusterName": "web"}},
    ),
    (
        "CreateLogGroup",
        "logs",
        "aws_cloudwatch_log_group",
        [arn("logs", "log-group:/shop/web")],
        {"logGroupName": "/shop/web"},
        None,
    ),
    (
        "CreateRestApi",
        "apigateway",
        "aws_api_gateway_rest_api",
        [f"arn:aws:apigateway:{REGION}::/restapis/0a1b"],
        {"createRestApiInput": {"name": "front"}},
        {"id": "0a1b", "name": "front"},
    ),
    (
        "CreateLoadBalancer",
        "elasticloadbalancing",
        "aws_elb",
        [arn("elasticloadbalancing", "loadbalancer/old")],
        {"loadBalancerName": "old"},
        {"dNSName": "old.example"},
    ),
)


@pytest.mark.parametrize(("name", "service", "type_", "ids", "request_", "response"), _EVENTS, ids=lambda value: value)
def test_an_event_names_what_it_made(
    name: str, service: str, type_: str, ids: list[str], request_: Any, response: Any, aws: AwsServer, caller: Access
) -> None:
    at = happened(aws, name, service, request=request_, response=response)
    other = ids[0][:-1] + "z"
    made = Creator(principal=ROLE, session=SESSION, at=at, event=name)
    assert ask(caller, {type_: [*ids, other]}) == dict.fromkeys(ids, made)


@pytest.mark.parametrize(
    ("identity", "principal", "session"),
    [
        (assumed(), ROLE, SESSION),
        ({"type": "IAMUser", "arn": f"arn:aws:iam::{HOME}:user/ann"}, f"arn:aws:iam::{HOME}:user/ann", ""),
        ({"type": "Root", "arn": f"arn:aws:iam::{HOME}:root"}, f"arn:aws:iam::{HOME}:root", ""),
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, None, ""),
        ({**assumed(), "invokedBy": "cloudformation.amazonaws.com"}, None, ""),
        (assumed(f"arn:aws:iam::{HOME}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRole"), None, ""),
        ({"type": "AWSAccount", "accountId": "111122223333"}, None, ""),
        ({}, None, ""),
    ],
    ids=["role", "user", "root", "service", "for a service", "service's role", "other account", "nobody"],
)
def test_who_it_was(
    identity: Mapping[str, Any], principal: str | None, session: str, aws: AwsServer, caller: Access
) -> None:
    happened(aws, "CreateVolume", "ec2", identity=identity, response={"volumeId": "vol-0a"})
    found = ask(caller, {"aws_ebs_volume": [f"{EC2}volume/vol-0a"]})
    said = [(one.principal, one.session) for one in found.values()]
    assert said == ([] if principal is None else [(principal, session)])


def test_what_failed_made_nothing_and_a_copy_did_not_make_what_it_was_made_from(aws: AwsServer, caller: Access) -> None:
    first, second = arn("rds", "snapshot:monday"), arn("rds", "snapshot:copy")
    happened(aws, "CreateBucket", "s3", 1, request={"bucketName": "taken"}, error="BucketAlreadyExists")
    at = happened(
        aws,
        "CopyDBSnapshot",
        "rds",
        2,
        response={"dBSnapshotArn": second, "sourceDBSnapshotIdentifier": first, "resource": {"resourceArn": "x"}},
    )
    found = ask(caller, {"aws_s3_bucket": ["arn:aws:s3:::taken"], "aws_db_snapshot": [first, second]})
    assert {id_: one.at for id_, one in found.items()} == {second: at}


def test_of_a_name_that_was_given_twice_the_latest_counts(aws: AwsServer, caller: Access) -> None:
    other = assumed(f"arn:aws:iam::{HOME}:role/first")
    happened(aws, "CreateBucket", "s3", 30, request={"bucketName": "ledger"}, identity=other)
    happened(aws, "CreateBucket", "s3", 2, request={"bucketName": "ledger"})
    (found,) = ask(caller, {"aws_s3_bucket": ["arn:aws:s3:::ledger"]}).values()
    assert found.principal == ROLE


def test_what_a_service_made_again_is_no_longer_its_first_maker_s(aws: AwsServer, caller: Access) -> None:
    happened(aws, "CreateBucket", "s3", 30, request={"bucketName": "ledger"})
    service = {"type": "AWSService", "invokedBy": "config.amazonaws.com"}
    happened(aws, "CreateBucket", "s3", 2, request={"bucketName": "ledger"}, identity=service)
    assert ask(caller, {"aws_s3_bucket": ["arn:aws:s3:::ledger"]}) == {}


def test_an_event_of_another_service_account_or_region_is_not_it(aws: AwsServer, caller: Access) -> None:
    response = {"cluster": {"clusterArn": arn("ecs", "cluster/web")}}
    happened(aws, "CreateCluster", "eks", response=response)
    happened(aws, "CreateCluster", "ecs", response=response, account="111122223333")
    happened(aws, "CreateCluster", "ecs", response=response, region="eu-west-1")
    happened(aws, "CreateCluster", "ecs", 20, response=response)
    assert ask(caller, {"aws_ecs_cluster": [arn("ecs", "cluster/web")]}, days=10) == {}


def test_a_short_history_is_read_at_once(aws: AwsServer, caller: Access) -> None:
    noise(aws, 40)
    happened(aws, "CreateVolume", "ec2", response={"volumeId": "vol-0a"})
    wanted = {"aws_ebs_volume": [f"{EC2}volume/vol-0a"], "aws_s3_bucket": ["arn:aws:s3:::b"], "aws_db_snapshot": []}
    assert set(ask(caller, wanted)) == {f"{EC2}volume/vol-0a"}
    assert asked(aws) == ["ReadOnly=false"]


def test_a_long_history_is_asked_for_by_the_kinds_of_events(aws: AwsServer, caller: Access) -> None:
    """A thousand writes are twenty pages; the two kinds of events are one page each."""
    noise(aws, 1000)
    happened(aws, "CreateVolume", "ec2", 80, response={"volumeId": "vol-0a"})
    happened(aws, "CreateBucket", "s3", 81, request={"bucketName": "ledger"})
    wanted = {"aws_ebs_volume": [f"{EC2}volume/vol-0a"], "aws_s3_bucket": ["arn:aws:s3:::ledger"]}
    assert set(ask(caller, wanted)) == {f"{EC2}volume/vol-0a", "arn:aws:s3:::ledger"}
    assert asked(aws) == ["ReadOnly=false", "EventName=CreateBucket", "EventName=CreateVolume"]
    # What the first page has shown isn't asked for again.
    first, *others = aws.calls("cloudtrail", "LookupEvents")
    assert {call.parameters["EndTime"] < first.parameters["EndTime"] for call in others} == {True}


def test_where_all_are_found_nothing_more_is_asked(aws: AwsServer, caller: Access) -> None:
    noise(aws, 1000)
    happened(aws, "CreateVolume", "ec2", 0.01, response={"volumeId": "vol-0a"})
    assert len(ask(caller, {"aws_ebs_volume": [f"{EC2}volume/vol-0a"]})) == 1
    assert len(asked(aws)) == 1


def test_what_nothing_is_known_of_is_not_asked_for(aws: AwsServer, caller: Access) -> None:
    assert ask(caller, {"aws_ssm_parameter": [arn("ssm", "parameter/p")], "aws_instance": []}) == {}
    assert ask(caller, {"aws_s3_bucket": ["arn:aws:s3:::b"]}, days=0) == {}
    assert asked(aws) == []


def test_a_history_that_is_longer_than_the_calls_is_a_gap_that_says_how_far_it_was_read(
    aws: AwsServer, caller: Access
) -> None:
    for number in range(300):
        response = {"volumeId": f"vol-{number:08x}"}
        happened(aws, "CreateVolume", "ec2", 0.1 + number * 0.2, response=response)
    ids = [f"{EC2}volume/vol-{number:08x}" for number in (0, 299)]
    found, gaps = creators(caller, REGION, {"aws_ebs_volume": ids}, 90, NOW, most=3)
    assert set(found) == {ids[0]}
    # Three pages are the 150 latest: the oldest of them is 0.1 + 149 * 0.2 days old.
    oldest = NOW - timedelta(days=0.1 + 149 * 0.2)
    (gap,) = gaps
    assert gap.where == WHERE
    assert f"read back to {oldest:%Y-%m-%d}; nothing is known" in gap.why
    assert len(asked(aws)) == 3


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        (denied("no"), "access denied to LookupEvents (AccessDeniedException: no)"),
        (throttled(), "throttled away: LookupEvents was refused as one call too many"),
        (reset(), "no whole answer"),
        (cut(), "no whole answer"),
        (malformed(), "no whole answer"),
    ],
    ids=["denied", "throttled", "reset", "cut", "malformed"],
)
def test_a_history_that_ends_early_is_a_gap_and_what_was_read_of_it_holds(
    effect: Effect, why: str, aws: AwsServer, caller: Access
) -> None:
    noise(aws, 60, days=0.5)
    happened(aws, "CreateVolume", "ec2", 0.001, response={"volumeId": "vol-0a"})
    happened(aws, "CreateVolume", "ec2", 60, response={"volumeId": "vol-0b"})
    aws.fault(effect, operation="LookupEvents", skip=1)
    ids = [f"{EC2}volume/vol-0{name}" for name in "ab"]
    found, gaps = creators(caller, REGION, {"aws_ebs_volume": ids}, 90, NOW)
    assert set(found) == {ids[0]}
    (gap,) = gaps
    assert gap.where == WHERE
    assert gap.why.startswith(f"who made what could not be read: {why}")


def test_no_more_is_asked_than_two_a_second(aws: AwsServer) -> None:
    """After the first two, each call waits for half a second of the clock."""
    for number in range(240):
        happened(aws, "CreateVolume", "ec2", number / 3, response={"volumeId": f"vol-{number:08x}"})
    waited: list[float] = []
    access = Aws(Pacer(clock=lambda: sum(waited), sleep=waited.append)).caller
    access.identify()
    creators(access, REGION, {"aws_ebs_volume": [f"{EC2}volume/vol-0a"]}, 90, NOW)
    count = len(asked(aws))
    assert count >= 5
    assert sum(waited) == pytest.approx((count - 2) / 2)


def test_a_server_that_counts_calls_is_asked_until_it_answers(aws: AwsServer, caller: Access) -> None:
    aws.quotas = (Quota("cloudtrail", ("LookupEvents",), 0.0001, 1),)
    noise(aws, 120)
    found, (gap,) = creators(caller, REGION, {"aws_s3_bucket": ["arn:aws:s3:::ledger"]}, 90, NOW)
    assert found == {}
    assert gap == Gap(WHERE, gap.why)
    assert "throttled away" in gap.why


_records = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["vol-0a", "arn:", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["userIdentity", "arn", "responseElements", "sessionContext", "sessionIssuer", "errorCode"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(records=st.lists(_records | st.just("{"), max_size=3), raw=st.text(max_size=20))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_event_holds_nothing_stumbles(records: list[Any], raw: str, aws: AwsServer, caller: Access) -> None:
    aws.trail.events = [
        Event(name="CreateVolume", source="ec2.amazonaws.com", account=HOME, region=REGION, at=NOW, raw=text)
        for text in (raw, *map(json.dumps, records), '{"a":' * 5000, "[1]" * 10)
    ]
    found, gaps = creators(caller, REGION, {"aws_ebs_volume": [f"{EC2}volume/vol-0a"]}, 90, NOW)
    assert gaps == []
    for one in found.values():
        assert one.principal.startswith("arn:")


def test_a_scan_needs_no_leave_to_read_the_history() -> None:
    asked_ = {(call.service, call.operation) for call in INFERENCE}
    assert asked_ <= permitted()
    assert asked_.isdisjoint((call.service, call.operation) for call in calls())
    assert {need for call in INFERENCE for need in call.needs}.isdisjoint(actions())
