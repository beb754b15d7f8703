"""What AWS's own listings make of answers that aren't plain: refusals, things that vanish, pages, what others made,
what nobody can tag, and texts that mean harm."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.aws import native
from costguard.clouds.aws.api import Access
from costguard.clouds.aws.native.listing import tags_of
from costguard.clouds.sighting import Sighting, SourceAbsent, SourceError
from costguard.model.resource import Manager
from tests.clouds.aws.native_reading import access, read, says
from tests.servers import wire
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect, cut, denied, denied_by_scp, malformed, refused, reset, throttled
from tests.servers.http1 import Response

EC2 = f"arn:aws:ec2:us-east-1:{HOME}:"
OTHER = "999988887777"
_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def _buckets(aws: AwsServer, *names: str, region: str = "us-east-1") -> None:
    s3 = aws.client("s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for name in names:
        s3.create_bucket(Bucket=name, **where)


def _impatient(monkeypatch: pytest.MonkeyPatch) -> Access:
    """Asks once, whatever comes."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return access.__wrapped__()


def _of(parameter: str, value: str) -> Callable[[wire.Call], bool]:
    return lambda call: value in str(call.parameters.get(parameter))


# ------------------------------------------------------------------ buckets


def test_a_bucket_is_asked_for_its_tags_where_it_lies(aws: AwsServer) -> None:
    _buckets(aws, "near")
    _buckets(aws, "far", region="eu-west-1")
    aws.client("s3", "eu-west-1").put_bucket_tagging(
        Bucket="far", Tagging={"TagSet": [{"Key": "Owner", "Value": "payments"}]}
    )
    aws.requests.clear()
    found = read(access(), "aws_s3_bucket")
    assert {id_: (seen.region, seen.tags) for id_, seen in found.items()} == {
        "arn:aws:s3:::near": ("us-east-1", {}),
        "arn:aws:s3:::far": ("eu-west-1", {"Owner": "payments"}),
    }
    asked = {(call.parameters["Bucket"], call.region) for call in aws.calls("s3", "GetBucketTagging")}
    assert asked == {("near", "us-east-1"), ("far", "eu-west-1")}


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        (denied(), "access denied to GetBucketTagging (AccessDenied: "),
        (denied_by_scp(), "access denied to GetBucketTagging (AccessDenied: "),
        (throttled(), "throttled away: GetBucketTagging "),
        (refused("PermanentRedirect", status=400), "GetBucketTagging was refused (PermanentRedirect: "),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_bucket_whose_tags_are_refused_is_unread_and_never_untagged(
    effect: Any, why: str, aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _buckets(aws, "closed", "open")
    aws.fault(effect, operation="GetBucketTagging", where=_of("Bucket", "closed"))
    found = read(_impatient(monkeypatch), "aws_s3_bucket")
    assert found["arn:aws:s3:::open"].tags == {}
    assert found["arn:aws:s3:::open"].unread == ""
    assert found["arn:aws:s3:::closed"].tags is None
    assert found["arn:aws:s3:::closed"].unread.startswith(why)


def test_a_bucket_that_vanished_meanwhile_is_left_out(aws: AwsServer) -> None:
    _buckets(aws, "gone", "here")
    aws.fault(refused("NoSuchBucket", status=404), operation="GetBucketTagging", where=_of("Bucket", "gone"))
    assert set(read(access(), "aws_s3_bucket")) == {"arn:aws:s3:::here"}


def test_buckets_are_listed_page_by_page_with_their_regions(aws: AwsServer) -> None:
    pages: Mapping[Any, Mapping[str, Any]] = {
        None: {"Buckets": [{"Name": "a", "BucketRegion": "us-east-1"}], "ContinuationToken": "more"},
        "more": {"Buckets": [{"Name": "b", "BucketRegion": "eu-west-1"}]},
    }
    aws.fault(says(lambda call: pages[call.parameters.get("ContinuationToken")]), operation="ListBuckets")
    aws.fault(refused("NoSuchTagSet", status=404), operation="GetBucketTagging")
    found = read(access(), "aws_s3_bucket")
    assert {id_: (seen.region, seen.tags) for id_, seen in found.items()} == {
        "arn:aws:s3:::a": ("us-east-1", {}),
        "arn:aws:s3:::b": ("eu-west-1", {}),
    }
    assert [call.parameters["MaxBuckets"] for call in aws.calls("s3", "ListBuckets")] == [1000, 1000]
    # Its region was told with its name.
    assert aws.calls("s3", "GetBucketLocation") == []


@pytest.mark.parametrize(("constraint", "region"), [("", "us-east-1"), ("EU", "eu-west-1"), ("eu-west-1", "eu-west-1")])
def test_a_server_that_does_not_tell_a_buckets_region_is_asked(constraint: str, region: str, aws: AwsServer) -> None:
    aws.fault(says({"Buckets": [{"Name": "b"}]}), operation="ListBuckets")
    body = f'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{constraint}</LocationConstraint>'
    aws.fault(Effect(name="location", answer=lambda _: Response(body=body.encode())), operation="GetBucketLocation")
    aws.fault(refused("NoSuchTagSet", status=404), operation="GetBucketTagging")
    assert read(access(), "aws_s3_bucket")["arn:aws:s3:::b"].region == region
    assert [call.region for call in aws.calls("s3", "GetBucketTagging")] == [region]


def test_a_region_that_cannot_be_one_is_no_reason_to_stop(aws: AwsServer) -> None:
    buckets = [{"Name": "odd", "BucketRegion": "../evil host"}, {"Name": "fine", "BucketRegion": "us-east-1"}]
    aws.fault(says({"Buckets": buckets}), operation="ListBuckets")
    aws.fault(refused("NoSuchTagSet", status=404), operation="GetBucketTagging")
    found = read(access(), "aws_s3_bucket")
    assert found["arn:aws:s3:::fine"].tags == {}
    assert found["arn:aws:s3:::odd"].tags is None
    assert found["arn:aws:s3:::odd"].unread


def test_the_buckets_that_the_tagging_api_has_shown_are_not_asked(aws: AwsServer) -> None:
    _buckets(aws, "known", "other")
    found = read(access(), "aws_s3_bucket", {"arn:aws:s3:::known"})
    assert found["arn:aws:s3:::known"].tags is None
    assert found["arn:aws:s3:::known"].unread == ""
    assert [call.parameters["Bucket"] for call in aws.calls("s3", "GetBucketTagging")] == ["other"]


# ------------------------------------------------------------------ tags by resource and by batch


def _functions(*names: str) -> Mapping[str, Any]:
    return {"Functions": [{"FunctionArn": f"arn:aws:lambda:us-east-1:{HOME}:function:{name}"} for name in names]}


def test_one_refusal_is_of_one_resource(aws: AwsServer) -> None:
    aws.fault(says(_functions("a", "b", "c")), operation="ListFunctions")
    aws.fault(denied("no"), operation="ListTags", where=_of("Resource", "function:a"))
    aws.fault(refused("ResourceNotFoundException", status=404), operation="ListTags", where=_of("Resource", ":b"))
    aws.fault(says({"Tags": {"Owner": "payments"}}), operation="ListTags")
    found = read(access(), "aws_lambda_function")
    assert {id_.rsplit(":", 1)[-1]: (seen.tags, seen.unread) for id_, seen in found.items()} == {
        "a": (None, "access denied to ListTags (AccessDeniedException: no)"),
        "c": ({"Owner": "payments"}, ""),
    }


def test_a_refused_listing_is_the_callers_to_word(aws: AwsServer) -> None:
    aws.fault(denied(), operation="ListFunctions")
    with pytest.raises(ClientError):
        read(access(), "aws_lambda_function")


@pytest.mark.parametrize(
    ("type_", "operation", "code"),
    [
        ("aws_ec2_client_vpn_endpoint", "DescribeClientVpnEndpoints", "InvalidAction"),
        ("aws_glue_trigger", "ListTriggers", "UnknownOperationException"),
        ("aws_kms_key", "ListKeys", "SubscriptionRequiredException"),
    ],
)
def test_what_a_service_does_not_have_in_a_region_is_absent(
    type_: str, operation: str, code: str, aws: AwsServer
) -> None:
    aws.fault(refused(code), operation=operation)
    with pytest.raises(SourceAbsent, match=rf"^\S+ doesn't have {operation} there \({code}\)$"):
        read(access(), type_)


def test_where_nobody_answers_a_few_are_asked_for_their_tags_and_all_are_shown(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be the same for each of ten thousand functions."""
    aws.fault(says(_functions(*"abcdefgh")), operation="ListFunctions")
    aws.fault(reset(), operation="ListTags")
    found = read(_impatient(monkeypatch), "aws_lambda_function")
    assert len(found) == 8
    assert all(seen.tags is None and seen.unread for seen in found.values())
    assert found[next(reversed(found))].unread == "not asked any more: 3 times in a row ListTags gave no whole answer"
    assert len(aws.calls("lambda", "ListTags")) == 3


@pytest.mark.parametrize("effect", [reset(), cut(), malformed()], ids=["reset", "cut", "not JSON"])
def test_one_answer_that_is_not_whole_leaves_one_resource_unread(
    aws: AwsServer, monkeypatch: pytest.MonkeyPatch, effect: Effect
) -> None:
    for name in "abc":
        aws.client("sqs").create_queue(QueueName=name, tags={"owner": "payments"})
    aws.fault(effect, operation="ListQueueTags", skip=1, times=1)
    found = list(read(_impatient(monkeypatch), "aws_sqs_queue").values())
    assert [seen.tags for seen in found] == [{"owner": "payments"}, None, {"owner": "payments"}]
    assert found[1].unread.startswith("no whole answer: ")


def test_a_gateway_s_first_route_table_comes_with_it_and_others_are_one_s_own(aws: AwsServer) -> None:
    tables = [
        {"TransitGatewayRouteTableId": "tgw-rtb-1", "State": "available", "DefaultAssociationRouteTable": True},
        {"TransitGatewayRouteTableId": "tgw-rtb-2", "State": "available", "DefaultAssociationRouteTable": False},
    ]
    aws.fault(says({"TransitGatewayRouteTables": tables}), operation="DescribeTransitGatewayRouteTables")
    found = read(access(), "aws_ec2_transit_gateway_route_table").values()
    assert [seen.default for seen in found] == ["AWS makes a default route table with a transit gateway", ""]


def test_buckets_elsewhere_are_not_asked_for_where_regions_are_named(aws: AwsServer) -> None:
    _buckets(aws, "here")
    _buckets(aws, "there", region="eu-west-1")
    only = access.__wrapped__()
    only.only = frozenset({"us-east-1"})
    assert [seen.region for seen in read(only, "aws_s3_bucket").values()] == ["us-east-1"]
    assert {call.region for call in aws.calls("s3", "GetBucketTagging")} == {"us-east-1"}


def _balancers(count: int) -> list[str]:
    prefix = f"arn:aws:elasticloadbalancing:us-east-1:{HOME}:loadbalancer/app"
    return [f"{prefix}/b{number:03}/{number:016x}" for number in range(count)]


def _described(call: wire.Call) -> Mapping[str, Any]:
    return {
        "TagDescriptions": [
            {"ResourceArn": arn, "Tags": [{"Key": "Name", "Value": arn[-4:]}]}
            for arn in call.parameters["ResourceArns"]
        ]
    }


def _listed(arns: list[str]) -> Mapping[str, Any]:
    return {"LoadBalancers": [{"LoadBalancerArn": arn} for arn in arns]}


def test_tags_are_asked_for_twenty_at_a_time(aws: AwsServer) -> None:
    arns = _balancers(45)
    aws.fault(says(_listed(arns)), operation="DescribeLoadBalancers")
    aws.fault(says(_described), operation="DescribeTags")
    found = read(access(), "aws_lb", {arns[0]})
    assert found[arns[0]].tags is None
    assert {id_: seen.tags for id_, seen in found.items()} == {
        **{arn: {"Name": arn[-4:]} for arn in arns},
        arns[0]: None,
    }
    sizes = [len(call.parameters["ResourceArns"]) for call in aws.calls("elbv2", "DescribeTags")]
    assert sizes == [20, 20, 4]


def test_one_that_vanished_does_not_spoil_its_batch(aws: AwsServer) -> None:
    arns = _balancers(20)
    aws.fault(says(_listed(arns)), operation="DescribeLoadBalancers")
    aws.fault(refused("LoadBalancerNotFound"), operation="DescribeTags", where=_of("ResourceArns", f"'{arns[7]}'"))
    aws.fault(says(_described), operation="DescribeTags")
    found = read(access(), "aws_lb")
    assert {id_: seen.tags for id_, seen in found.items()} == {
        arn: {"Name": arn[-4:]} for arn in arns if arn != arns[7]
    }
    # Twenty, ten, five, two or three, and one or two of these: not twenty times one.
    assert len(aws.calls("elbv2", "DescribeTags")) < 12


def test_what_a_batch_leaves_out_is_unread(aws: AwsServer) -> None:
    arns = _balancers(2)
    aws.fault(says(_listed(arns)), operation="DescribeLoadBalancers")
    aws.fault(says({"TagDescriptions": [{"ResourceArn": arns[0], "Tags": []}]}), operation="DescribeTags")
    found = read(access(), "aws_lb")
    assert found[arns[0]].tags == {}
    assert found[arns[1]].tags is None
    assert found[arns[1]].unread == "DescribeTags left it out of its answer"


def test_a_refused_batch_leaves_all_of_it_unread(aws: AwsServer) -> None:
    arns = _balancers(3)
    aws.fault(says(_listed(arns)), operation="DescribeLoadBalancers")
    aws.fault(denied("no"), operation="DescribeTags")
    found = read(access(), "aws_lb")
    assert {seen.unread for seen in found.values()} == {"access denied to DescribeTags (AccessDenied: no)"}
    assert {seen.tags for seen in found.values()} == {None}


# ------------------------------------------------------------------ pages


def test_all_pages_are_read(aws: AwsServer) -> None:
    logs = aws.client("logs")
    for number in range(12):
        logs.create_log_group(logGroupName=f"/g/{number}")
    aws.requests.clear()
    found = read(access(), "aws_cloudwatch_log_group", page=5)
    assert set(found) == {f"arn:aws:logs:us-east-1:{HOME}:log-group:/g/{number}" for number in range(12)}
    assert [call.parameters["limit"] for call in aws.calls("logs", "DescribeLogGroups")] == [5, 5, 5]


def test_pages_that_boto3_knows_nothing_of_are_read_too(aws: AwsServer) -> None:
    """boto3 has no paginator for these workgroups, or for their like in older versions."""
    pages: Mapping[Any, Mapping[str, Any]] = {
        None: {"WorkGroups": [{"Name": "a"}], "NextToken": "2"},
        "2": {"WorkGroups": [], "NextToken": "3"},
        "3": {"WorkGroups": [{"Name": "b"}]},
    }
    aws.fault(says(lambda call: pages[call.parameters.get("NextToken")]), operation="ListWorkGroups")
    aws.fault(says({"Tags": []}), operation="ListTagsForResource")
    found = read(access(), "aws_athena_workgroup")
    assert {id_.rsplit("/", 1)[-1] for id_ in found} == {"a", "b"}


def test_names_are_followed_where_a_service_only_says_that_there_is_more(aws: AwsServer) -> None:
    streams = {
        None: {"DeliveryStreamNames": ["a", "b"], "HasMoreDeliveryStreams": True},
        "b": {"DeliveryStreamNames": ["c"], "HasMoreDeliveryStreams": False},
    }
    tags = {
        None: {"Tags": [{"Key": "Owner", "Value": "payments"}], "HasMoreTags": True},
        "Owner": {"Tags": [{"Key": "env", "Value": "dev"}], "HasMoreTags": False},
    }
    aws.fault(
        says(lambda call: streams[call.parameters.get("ExclusiveStartDeliveryStreamName")]),
        operation="ListDeliveryStreams",
    )
    aws.fault(
        says(lambda call: tags[call.parameters.get("ExclusiveStartTagKey")]), operation="ListTagsForDeliveryStream"
    )
    found = read(access(), "aws_kinesis_firehose_delivery_stream")
    assert {id_.rsplit("/", 1)[-1]: seen.tags for id_, seen in found.items()} == {
        name: {"Owner": "payments", "env": "dev"} for name in "abc"
    }


@pytest.mark.parametrize(
    ("type_", "operation"), [("aws_athena_workgroup", "ListWorkGroups"), ("aws_lambda_function", "ListFunctions")]
)
def test_pages_that_go_round_in_circles_end(type_: str, operation: str, aws: AwsServer) -> None:
    token = {"ListWorkGroups": "NextToken", "ListFunctions": "NextMarker"}[operation]
    aws.fault(says({token: "again"}), operation=operation)
    with pytest.raises(Exception, match=r"twice|same next token"):
        read(access(), type_)


def test_what_is_in_something_that_vanished_is_left_out(aws: AwsServer) -> None:
    arn = f"arn:aws:eks:us-east-1:{HOME}:nodegroup/here/n/1"
    aws.fault(says({"clusters": ["gone", "here"]}), operation="ListClusters")
    aws.fault(
        refused("ResourceNotFoundException", status=404), operation="ListNodegroups", where=_of("clusterName", "gone")
    )
    aws.fault(says({"nodegroups": ["n", "late"]}), operation="ListNodegroups")
    aws.fault(
        refused("ResourceNotFoundException", status=404),
        operation="DescribeNodegroup",
        where=_of("nodegroupName", "late"),
    )
    aws.fault(says({"nodegroup": {"nodegroupArn": arn, "tags": {"a": "b"}}}), operation="DescribeNodegroup")
    found = read(access(), "aws_eks_node_group")
    assert {id_: seen.tags for id_, seen in found.items()} == {arn: {"a": "b"}}


# ------------------------------------------------------------------ what a resource is


def _one(aws: AwsServer, type_: str, operation: str, output: Mapping[str, Any]) -> Sighting | None:
    aws.fault(says(output), operation=operation)
    found = list(read(access(), type_).values())
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize("state", ["terminated", "shutting-down"])
def test_an_instance_that_is_over_does_not_count(state: str, aws: AwsServer) -> None:
    instances = [
        {"InstanceId": "i-old", "State": {"Code": 48, "Name": state}},
        {"InstanceId": "i-off", "State": {"Code": 80, "Name": "stopped"}},
    ]
    seen = _one(aws, "aws_instance", "DescribeInstances", {"Reservations": [{"Instances": instances}]})
    assert seen is not None
    assert seen.id == f"{EC2}instance/i-off"


@pytest.mark.parametrize(
    ("type_", "operation", "output"),
    [
        ("aws_nat_gateway", "DescribeNatGateways", {"NatGateways": [{"NatGatewayId": "n", "State": "deleted"}]}),
        ("aws_vpn_connection", "DescribeVpnConnections", {"VpnConnections": [{"State": "deleted"}]}),
        (
            "aws_vpc_peering_connection",
            "DescribeVpcPeeringConnections",
            {"VpcPeeringConnections": [{"Status": {"Code": "expired"}}]},
        ),
        (
            "aws_ec2_capacity_reservation",
            "DescribeCapacityReservations",
            {"CapacityReservations": [{"CapacityReservationId": "c", "State": "cancelled"}]},
        ),
        ("aws_subnet", "DescribeSubnets", {"Subnets": [{"SubnetId": "s", "OwnerId": OTHER}]}),
        ("aws_vpc", "DescribeVpcs", {"Vpcs": [{"VpcId": "v", "OwnerId": OTHER}]}),
        (
            "aws_ec2_managed_prefix_list",
            "DescribeManagedPrefixLists",
            {"PrefixLists": [{"PrefixListId": "pl-63a5400a", "OwnerId": "AWS"}]},
        ),
        (
            "aws_autoscaling_group",
            "DescribeAutoScalingGroups",
            {
                "AutoScalingGroups": [
                    {
                        "AutoScalingGroupName": "g",
                        "AutoScalingGroupARN": "arn:aws:autoscaling:g",
                        "MinSize": 0,
                        "MaxSize": 0,
                        "DesiredCapacity": 0,
                        "DefaultCooldown": 0,
                        "AvailabilityZones": [],
                        "HealthCheckType": "EC2",
                        "CreatedTime": _NEW_YEAR,
                        "Status": "Delete in progress",
                    }
                ]
            },
        ),
        (
            "aws_cloudtrail",
            "ListTrails",
            {"Trails": [{"TrailARN": f"arn:aws:cloudtrail:eu-west-1:{HOME}:trail/all", "Name": "all"}]},
        ),
        (
            "aws_cloudtrail",
            "ListTrails",
            {"Trails": [{"TrailARN": f"arn:aws:cloudtrail:us-east-1:{OTHER}:trail/org", "Name": "org"}]},
        ),
        (
            "aws_glue_catalog_database",
            "GetDatabases",
            {"DatabaseList": [{"Name": "shared", "CatalogId": OTHER}]},
        ),
        ("aws_fsx_lustre_file_system", "DescribeFileSystems", {"FileSystems": [{"OwnerId": OTHER}]}),
    ],
)
def test_what_is_deleted_or_somebody_elses_does_not_count(
    type_: str, operation: str, output: Mapping[str, Any], aws: AwsServer
) -> None:
    assert _one(aws, type_, operation, output) is None


def test_a_failed_gateway_is_still_there(aws: AwsServer) -> None:
    gateways = {"NatGateways": [{"NatGatewayId": "nat-1", "State": "failed"}]}
    assert _one(aws, "aws_nat_gateway", "DescribeNatGateways", gateways) is not None


@pytest.mark.parametrize(
    ("said", "manager"),
    [
        ({}, None),
        ({"InterfaceType": "interface", "Description": "ELB app/b/1"}, None),  # Anybody can write that.
        (
            {"InterfaceType": "nat_gateway", "Description": "Interface for NAT Gateway nat-0a1"},
            Manager(tool="ec2", name="nat-0a1"),
        ),
        (
            {"RequesterManaged": True, "RequesterId": "amazon-elb", "Description": "ELB app/front/50dc6c495c0c9188"},
            Manager(tool="elasticloadbalancing", name="app/front/50dc6c495c0c9188"),
        ),
        (
            {
                "InterfaceType": "lambda",
                "RequesterManaged": True,
                "Description": "AWS Lambda VPC ENI-pay-out-7c1d2f3a-0b1c-4d2e-8f30-112233445566",
            },
            Manager(tool="lambda", name="pay-out"),
        ),
        (
            {"RequesterManaged": True, "RequesterId": "amazon-rds", "Description": "RDSNetworkInterface"},
            Manager(tool="rds", name="RDSNetworkInterface"),
        ),
        (
            {"RequesterManaged": True, "RequesterId": "123", "Description": "something new"},
            Manager(tool="aws", name="123"),
        ),
        (
            {"InterfaceType": "quicksight", "Description": "something new"},
            Manager(tool="aws", name="quicksight"),
        ),
        (
            {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}},
            Manager(tool="aws", name="eks.amazonaws.com"),
        ),
    ],
)
def test_an_interface_says_what_made_it_and_is_judged_all_the_same(
    said: Mapping[str, Any], manager: Manager | None, aws: AwsServer
) -> None:
    output = {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "OwnerId": HOME, **said}]}
    seen = _one(aws, "aws_network_interface", "DescribeNetworkInterfaces", output)
    assert seen is not None
    assert seen.managers == ((manager,) if manager else ())
    assert seen.untaggable == ""
    assert seen.tags == {}


@pytest.mark.parametrize(
    ("said", "type_", "manager"),
    [
        ({"Engine": "mysql"}, "aws_db_instance", None),
        ({"Engine": "aurora-mysql", "DBClusterIdentifier": "c"}, "aws_rds_cluster_instance", None),
        ({"Engine": "docdb", "DBClusterIdentifier": "c"}, "aws_docdb_cluster_instance", None),
        ({"Engine": "neptune", "DBClusterIdentifier": "c"}, "aws_neptune_cluster_instance", None),
        ({"Engine": "postgres", "DBClusterIdentifier": "c"}, "aws_db_instance", Manager(tool="rds", name="c")),
    ],
)
def test_a_database_instance_is_of_its_engines_type(
    said: Mapping[str, Any], type_: str, manager: Manager | None, aws: AwsServer
) -> None:
    arn = f"arn:aws:rds:us-east-1:{HOME}:db:d"
    instance = {"DBInstanceArn": arn, "TagList": [{"Key": "a", "Value": "b"}], **said}
    seen = _one(aws, "aws_db_instance", "DescribeDBInstances", {"DBInstances": [instance]})
    assert seen is not None
    assert (seen.id, seen.type, seen.tags) == (arn, type_, {"a": "b"})
    assert seen.managers == ((manager,) if manager else ())


@pytest.mark.parametrize(
    ("engine", "type_"),
    [
        ("aurora-postgresql", "aws_rds_cluster"),
        ("mysql", "aws_rds_cluster"),
        ("docdb", "aws_docdb_cluster"),
        ("neptune", "aws_neptune_cluster"),
    ],
)
def test_a_database_cluster_is_of_its_engines_type(engine: str, type_: str, aws: AwsServer) -> None:
    cluster = {"DBClusterArn": f"arn:aws:rds:us-east-1:{HOME}:cluster:c", "Engine": engine}
    seen = _one(aws, "aws_rds_cluster", "DescribeDBClusters", {"DBClusters": [cluster]})
    assert seen is not None
    assert seen.type == type_


@pytest.mark.parametrize(
    ("how", "managers"),
    [
        ("manual", ()),
        ("automated", (Manager(tool="rds", name="ledger"),)),
        ("awsbackup", (Manager(tool="backup", name="ledger"),)),
    ],
)
def test_a_snapshot_says_who_took_it(how: str, managers: tuple[Manager, ...], aws: AwsServer) -> None:
    snapshot = {
        "DBSnapshotArn": f"arn:aws:rds:us-east-1:{HOME}:snapshot:rds:s",
        "SnapshotType": how,
        "DBInstanceIdentifier": "ledger",
    }
    seen = _one(aws, "aws_db_snapshot", "DescribeDBSnapshots", {"DBSnapshots": [snapshot]})
    assert seen is not None
    assert (seen.managers, seen.untaggable, seen.tags) == (managers, "", {})


@pytest.mark.parametrize(
    ("key", "type_", "untaggable"),
    [
        ({"KeyManager": "CUSTOMER", "KeyState": "Enabled"}, "aws_kms_key", ""),
        ({"KeyManager": "CUSTOMER", "KeyState": "Disabled"}, "aws_kms_key", ""),
        ({"KeyManager": "AWS", "KeyState": "Enabled"}, "aws_kms_key", "AWS manages this key"),
        (
            {"KeyManager": "CUSTOMER", "KeyState": "PendingDeletion"},
            "aws_kms_key",
            "the key waits to be deleted, and KMS takes no tags for it",
        ),
        ({"KeyManager": "CUSTOMER", "Origin": "EXTERNAL"}, "aws_kms_external_key", ""),
        (
            {
                "KeyManager": "CUSTOMER",
                "Origin": "AWS_KMS",
                "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA"},
            },
            "aws_kms_replica_key",
            "",
        ),
    ],
)
def test_a_key_that_takes_no_tags_is_not_asked_for_them(
    key: Mapping[str, Any], type_: str, untaggable: str, aws: AwsServer
) -> None:
    arn = f"arn:aws:kms:us-east-1:{HOME}:key/k"
    aws.fault(says({"KeyMetadata": {"KeyId": "k", **key}}), operation="DescribeKey")
    aws.fault(says({"Tags": [{"TagKey": "Owner", "TagValue": "payments"}]}), operation="ListResourceTags")
    seen = _one(aws, "aws_kms_key", "ListKeys", {"Keys": [{"KeyId": "k", "KeyArn": arn}]})
    assert seen is not None
    assert (seen.id, seen.type, seen.untaggable) == (arn, type_, untaggable)
    assert seen.tags == (None if untaggable else {"Owner": "payments"})
    assert seen.unread == ""
    assert len(aws.calls("kms", "ListResourceTags")) == (0 if untaggable else 1)


def test_a_key_whose_own_policy_refuses_us_is_unread(aws: AwsServer) -> None:
    aws.fault(denied("no"), operation="DescribeKey")
    arn = f"arn:aws:kms:us-east-1:{HOME}:key/k"
    seen = _one(aws, "aws_kms_key", "ListKeys", {"Keys": [{"KeyId": "k", "KeyArn": arn}]})
    assert seen is not None
    assert (seen.tags, seen.unread) == (None, "access denied to DescribeKey (AccessDeniedException: no)")


@pytest.mark.parametrize(
    ("path", "type_", "untaggable", "managers"),
    [
        ("/", "aws_iam_role", False, ()),
        ("/service-role/", "aws_iam_role", False, ()),
        (
            "/aws-service-role/elasticache.amazonaws.com/",
            "aws_iam_service_linked_role",
            False,
            (Manager(tool="aws", name="elasticache.amazonaws.com"),),
        ),
        ("/aws-reserved/sso.amazonaws.com/eu-west-1/", "aws_iam_role", True, ()),
    ],
)
def test_a_role_is_judged_unless_only_aws_can_change_it(
    path: str, type_: str, untaggable: bool, managers: tuple[Manager, ...], aws: AwsServer
) -> None:
    arn = f"arn:aws:iam::{HOME}:role{path}r"
    role = {"Path": path, "RoleName": "r", "RoleId": "AROA", "Arn": arn, "CreateDate": _NEW_YEAR}
    aws.fault(says({"Tags": []}), operation="ListRoleTags")
    seen = _one(aws, "aws_iam_role", "ListRoles", {"Roles": [role]})
    assert seen is not None
    assert (seen.id, seen.type, bool(seen.untaggable), seen.managers) == (arn, type_, untaggable, managers)
    assert len(aws.calls("iam", "ListRoleTags")) == (0 if untaggable else 1)


def test_a_rule_that_a_service_made_takes_no_tags(aws: AwsServer) -> None:
    arn = f"arn:aws:events:us-east-1:{HOME}:rule/AutoScalingManagedRule"
    rules = {"Rules": [{"Arn": arn, "ManagedBy": "autoscaling.amazonaws.com"}]}
    seen = _one(aws, "aws_cloudwatch_event_rule", "ListRules", rules)
    assert seen is not None
    assert seen.untaggable == "autoscaling.amazonaws.com made this rule, and EventBridge takes no tags for it"
    assert seen.managers == (Manager(tool="aws", name="autoscaling.amazonaws.com"),)
    assert seen.tags is None


@pytest.mark.parametrize(
    ("type_", "operation", "items", "arn", "name"),
    [
        (
            "aws_db_parameter_group",
            "DescribeDBParameterGroups",
            "DBParameterGroups",
            "DBParameterGroupArn",
            "DBParameterGroupName",
        ),
        ("aws_db_option_group", "DescribeOptionGroups", "OptionGroupsList", "OptionGroupArn", "OptionGroupName"),
        (
            "aws_elasticache_parameter_group",
            "DescribeCacheParameterGroups",
            "CacheParameterGroups",
            "ARN",
            "CacheParameterGroupName",
        ),
    ],
)
def test_default_groups_are_awss(type_: str, operation: str, items: str, arn: str, name: str, aws: AwsServer) -> None:
    separator = ":" if "option" in type_ else "."
    groups = [
        {arn: f"arn:aws:x:us-east-1:{HOME}:pg:default{separator}mysql8.0", name: f"default{separator}mysql8.0"},
        {arn: f"arn:aws:x:us-east-1:{HOME}:pg:defaults-of-ours", name: "defaults-of-ours"},
    ]
    aws.fault(says({items: groups}), operation=operation)
    aws.fault(says({"TagList": []}), operation="ListTagsForResource")
    found = list(read(access(), type_).values())
    assert [bool(seen.untaggable) for seen in found] == [True, False]
    assert [seen.tags for seen in found] == [None, {}]


def test_a_secret_that_a_service_keeps_says_so(aws: AwsServer) -> None:
    secret = {"ARN": f"arn:aws:secretsmanager:us-east-1:{HOME}:secret:rds!db-1", "OwningService": "rds"}
    seen = _one(aws, "aws_secretsmanager_secret", "ListSecrets", {"SecretList": [secret]})
    assert seen is not None
    assert (seen.tags, seen.managers, seen.untaggable) == ({}, (Manager(tool="aws", name="rds"),), "")


@pytest.mark.parametrize(
    ("arn", "untaggable"),
    [
        (f"arn:aws:ecs:us-east-1:{HOME}:service/web/api", False),
        (f"arn:aws:ecs:us-east-1:{HOME}:service/api", True),
    ],
)
def test_a_service_with_an_arn_of_the_old_format_takes_no_tags(arn: str, untaggable: bool, aws: AwsServer) -> None:
    aws.fault(says({"clusterArns": [f"arn:aws:ecs:us-east-1:{HOME}:cluster/web"]}), operation="ListClusters")
    aws.fault(
        says({"services": [{"serviceArn": arn, "tags": [{"key": "Owner", "value": "payments"}]}]}),
        operation="DescribeServices",
    )
    seen = _one(aws, "aws_ecs_service", "ListServices", {"serviceArns": [arn]})
    assert seen is not None
    assert bool(seen.untaggable) == untaggable
    assert seen.tags == (None if untaggable else {"Owner": "payments"})


def test_both_sides_of_a_peering_are_what_they_are(aws: AwsServer) -> None:
    peerings = [
        {
            "VpcPeeringConnectionId": "pcx-1",
            "RequesterVpcInfo": {"OwnerId": HOME},
            "AccepterVpcInfo": {"OwnerId": OTHER},
        },
        {
            "VpcPeeringConnectionId": "pcx-2",
            "RequesterVpcInfo": {"OwnerId": OTHER},
            "AccepterVpcInfo": {"OwnerId": HOME},
        },
    ]
    aws.fault(says({"VpcPeeringConnections": peerings}), operation="DescribeVpcPeeringConnections")
    found = read(access(), "aws_vpc_peering_connection")
    assert {id_.rsplit("/", 1)[-1]: seen.type for id_, seen in found.items()} == {
        "pcx-1": "aws_vpc_peering_connection",
        "pcx-2": "aws_vpc_peering_connection_accepter",
    }


def test_certificates_of_all_keys_are_asked_for(aws: AwsServer) -> None:
    """Without a filter the service shows those of two kinds of key alone."""
    aws.fault(says({"CertificateSummaryList": []}), operation="ListCertificates")
    read(access(), "aws_acm_certificate")
    (asked,) = aws.calls("acm", "ListCertificates")
    assert "EC_prime256v1" in asked.parameters["Includes"]["keyTypes"]


# ------------------------------------------------------------------ texts that mean harm

_TEXT = st.text(max_size=20) | st.sampled_from(["\x00", "\x1b[2J", "{account}", "%s", "\u202e", "\ud800", "aws:x"])


@given(tags=st.dictionaries(_TEXT, _TEXT, max_size=4))
def test_tags_of_any_spelling_and_any_text_are_read_as_they_are(tags: dict[str, str]) -> None:
    spellings: list[object] = [tags]
    for key, value in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue")):
        spellings.append([{key: name, value: text} for name, text in tags.items()])
    whole = {name: text for name, text in tags.items() if "\ud800" not in name + text}
    for spelt in spellings:
        found = tags_of(spelt)
        assert found is not None
        assert whole.items() <= found.items()
        msgspec.json.encode(found)


@pytest.mark.parametrize(
    "value",
    ["Owner", 5, [1], ["Owner"], [{"Key": 1, "Value": "a"}], [{"Key": "a", "Value": {}}], {"a": 1}, [{"Name": "a"}]],
)
def test_what_is_not_tags_is_no_empty_set_of_them(value: object) -> None:
    assert tags_of(value) is None


def test_a_tag_without_a_value_is_one() -> None:
    assert tags_of([{"Key": "a"}]) == {"a": ""}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=_TEXT.filter(lambda text: text != ""), tags=st.dictionaries(_TEXT, _TEXT, max_size=3))
def test_names_and_tags_are_never_more_than_text(name: str, tags: dict[str, str], aws: AwsServer) -> None:
    aws.faults.clear()
    aws.fault(says({"TableNames": [name]}), operation="ListTables")
    aws.fault(
        says({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}), operation="ListTagsOfResource"
    )
    (seen,) = read(access(), "aws_dynamodb_table").values()
    assert seen.id.startswith(f"arn:aws:dynamodb:us-east-1:{HOME}:table/")
    assert seen.tags is not None or seen.unread
    msgspec.json.encode(seen)


@pytest.mark.parametrize(
    ("type_", "operation", "output"),
    [
        ("aws_lambda_function", "ListFunctions", {"Functions": [{"FunctionName": "no-arn"}]}),
        ("aws_ebs_volume", "DescribeVolumes", {"Volumes": [{"Size": 1}]}),
        ("aws_ebs_volume", "DescribeVolumes", {"Volumes": [{"VolumeId": ""}]}),
    ],
)
def test_a_resource_without_a_name_makes_the_answer_no_whole_one(
    type_: str, operation: str, output: Mapping[str, Any], aws: AwsServer
) -> None:
    aws.fault(says(output), operation=operation)
    with pytest.raises(SourceError, match=r"no whole answer: .* shows a resource without its"):
        read(access(), type_)


def test_a_name_with_braces_is_not_filled_in(aws: AwsServer) -> None:
    aws.fault(says({"TableNames": ["{account}"]}), operation="ListTables")
    aws.fault(says({"Tags": []}), operation="ListTagsOfResource")
    assert list(read(access(), "aws_dynamodb_table")) == [
        f"arn:aws:dynamodb:us-east-1:{HOME}:table/{{account}}",
    ]


def test_the_table_is_made_once_for_all() -> None:
    assert all(one is other for one, other in zip(native.rows(), native.rows(), strict=True))
