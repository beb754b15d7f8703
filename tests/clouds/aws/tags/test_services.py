"""The writer's table against botocore's models, the scan's types and the door; no cloud is asked."""

import json
import re
from typing import Any

import pytest
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from hypothesis import example, given
from hypothesis import strategies as st

from costguard.clouds.aws import calls
from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.aws.native import rows as listings
from costguard.clouds.aws.native.listing import Batch
from costguard.clouds.aws.tags.services import Native, Removal, Write, hazard, row_for, rows
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Bucket, Pacer
from costguard.clouds.writing import Target

_LOADER = create_loader()
_MODELS: dict[str, ServiceModel] = {}
_REGULAR = [row for row in rows() if row.way in ("tagging", "native")]


def _operation(service: str, operation: str) -> tuple[Any, Any]:
    if service not in _MODELS:
        _MODELS[service] = ServiceModel(_LOADER.load_service_model(service, "service-2"), service)
    model = _MODELS[service].operation_model(operation)
    assert model.input_shape is not None
    return model.input_shape, model.output_shape


def _named(row: Native) -> str:
    return f"{row.service}-{row.form.pattern}"


@pytest.mark.parametrize("row", _REGULAR, ids=_named)
def test_every_read_asks_for_what_the_service_takes_and_looks_where_it_answers(row: Native) -> None:
    asked, shown = _operation(row.service, row.read.operation)
    names = {*row.read.asks, *([row.read.parameter] if isinstance(row.read, Batch) else [])}
    assert set(asked.required_members) <= names <= set(asked.members)
    path = row.read.answers if isinstance(row.read, Batch) else row.read.tags
    at: Any = shown
    for name in re.split(r"[.\[\]]+", path):
        at = at.member if at.type_name == "list" else at
        assert name in at.members
        at = at.members[name]
    if isinstance(row.read, Batch):
        assert {row.read.key, row.read.tags} <= set(at.member.members)


_SHAPES = {"map": "map", "Items": "structure", "Key": "list", "key": "list", "TagKey": "list"}


@pytest.mark.parametrize("row", [row for row in _REGULAR if row.add], ids=_named)
def test_every_write_is_spelt_as_the_service_takes_it(row: Native) -> None:
    assert row.add is not None
    asked = _checked(row.service, row.add)
    shape = asked.members[row.add.tags]
    assert shape.type_name == _SHAPES[row.add.form]
    if shape.type_name == "list":
        assert row.add.form in shape.member.members


@pytest.mark.parametrize("row", [row for row in _REGULAR if row.remove], ids=_named)
def test_every_removal_is_spelt_as_the_service_takes_it(row: Native) -> None:
    assert row.remove is not None
    asked = _checked(row.service, row.remove)
    shape = asked.members[row.remove.tags]
    if row.remove.form is None:
        assert shape.type_name == "list"
        assert shape.member.type_name == "string"
    elif row.remove.form == "Items":
        assert "Items" in shape.members
    else:
        assert shape.type_name == "list"
        assert "Key" in shape.member.members


def _checked(service: str, write: Write | Removal) -> Any:
    asked, _ = _operation(service, write.operation)
    assert set(asked.required_members) <= {*write.asks, write.tags} <= set(asked.members)
    for name, value in write.asks.items():
        assert asked.members[name].type_name == ("list" if isinstance(value, list) else "string")
    return asked


@pytest.mark.parametrize("call", sorted(calls.reconciled(), key=str), ids=str)
def test_every_call_of_the_reconciler_is_one_of_the_service(call: calls.Call) -> None:
    _operation(call.service, call.operation)


def test_no_scan_may_write() -> None:
    assert not calls.permitted() & calls.permitted_to_write()


_EC2_IDS = {
    "instance": "i-1c",
    "volume": "vol-1c",
    "snapshot": "snap-1c",
    "image": "ami-1c",
    "elastic-ip": "eipalloc-1c",
    "natgateway": "nat-1c",
    "network-interface": "eni-1c",
    "security-group": "sg-1c",
    "launch-template": "lt-1c",
    "key-pair": "key-1c",
    "dedicated-host": "h-1c",
    "capacity-reservation": "cr-1c",
    "vpc": "vpc-1c",
    "subnet": "subnet-1c",
    "route-table": "rtb-1c",
    "internet-gateway": "igw-1c",
    "egress-only-internet-gateway": "eigw-1c",
    "network-acl": "acl-1c",
    "dhcp-options": "dopt-1c",
    "vpc-flow-log": "fl-1c",
    "prefix-list": "pl-1c",
    "vpc-endpoint": "vpce-1c",
    "vpc-endpoint-service": "vpce-svc-1c",
    "vpc-peering-connection": "pcx-1c",
    "transit-gateway": "tgw-1c",
    "transit-gateway-attachment": "tgw-attach-1c",
    "transit-gateway-route-table": "tgw-rtb-1c",
    "vpn-connection": "vpn-1c",
    "vpn-gateway": "vgw-1c",
    "customer-gateway": "cgw-1c",
    "client-vpn-endpoint": "cvpn-endpoint-1c",
}


def test_every_type_of_the_scans_listings_can_be_read_back_or_has_a_reason_not_to_be_written() -> None:
    checked = 0
    for row in listings():
        template = getattr(row, "id", "")
        if not template.startswith("arn:"):
            continue
        place = {"{partition}": "aws", "{region}": "eu-west-1", "{account}": "1" * 12}
        # EC2's ids tell their kind.
        name = _EC2_IDS.get(template.split(":", 5)[5].partition("/")[0], "?-1c") if ":ec2:" in template else "ab-1c"
        arn = re.sub(r"\{[^}]*\}", lambda found, place=place, name=name: place.get(found[0], name), template)
        form = ":".join((arn.split(":")[2], arn.split(":", 5)[5]))
        for type_ in row.types:
            assert hazard(form) or row_for(form, type_), form
            checked += 1
    assert checked > 40


@pytest.mark.parametrize(
    ("form", "type_", "service", "fields"),
    [
        ("ec2:instance/i-0abc", "aws_instance", "ec2", {"id": "i-0abc"}),
        ("ec2:image/ami-0abc", "aws_ami", "ec2", {"id": "ami-0abc"}),
        ("ec2:elastic-ip/eipalloc-1", "aws_eip", "ec2", {"id": "eipalloc-1"}),
        ("ec2:transit-gateway-attachment/tgw-attach-1a", "x", "ec2", {"id": "tgw-attach-1a"}),
        ("s3:a.bucket-1", "aws_s3_bucket", "s3", {"bucket": "a.bucket-1"}),
        ("iam:role/aws-reserved/team/name", "aws_iam_role", "iam", {"name": "name"}),
        ("iam:role/name", "aws_iam_role", "iam", {"name": "name"}),
        (
            "autoscaling:autoScalingGroup:11111111-2222:autoScalingGroupName/a/b c",
            "aws_autoscaling_group",
            "autoscaling",
            {"name": "a/b c"},
        ),
        ("elasticloadbalancing:loadbalancer/app/web/50dc", "aws_lb", "elbv2", {}),
        ("elasticloadbalancing:loadbalancer/web", "aws_elb", "elb", {"name": "web"}),
        ("apigateway:/vpclinks/ab1", "aws_apigatewayv2_vpc_link", "apigatewayv2", {}),
        ("apigateway:/vpclinks/ab1", "aws_api_gateway_vpc_link", "apigateway", {}),
        ("apigateway:/restapis/ab1/stages/live", "aws_api_gateway_stage", "apigateway", {}),
        ("ssm:parameter/app/db", "aws_ssm_parameter", "ssm", {"path": "app/db"}),
        ("logs:log-group:/app/web", "aws_cloudwatch_log_group", "logs", {}),
        ("rds:cluster:docs", "aws_docdb_cluster", "rds", {}),
        ("route53:hostedzone/Z1", "aws_route53_zone", "route53", {"id": "Z1"}),
    ],
)
def test_an_arn_tells_its_service_and_what_that_calls_the_resource(
    form: str, type_: str, service: str, fields: dict[str, str]
) -> None:
    found = row_for(form, type_)
    assert found is not None
    assert found[0].service == service
    assert found[1] == fields


@pytest.mark.parametrize(
    "form",
    [
        "sns:topic:5b0e-subscription",  # A subscription has no tags.
        "ecs:service/old-format",  # ECS takes no tags with an ARN of the old format.
        "logs:log-group:/app/web:log-stream:one",
        "lambda:function:name:7",  # A version has its function's.
        "dynamodb:table/t/index/i",
        "nosuch:thing/1",
        "",
    ],
)
def test_what_no_row_knows_is_no_resource_that_can_be_written(form: str) -> None:
    assert row_for(form, "x") is None


def _hindrance(arn: str, region: str = "eu-west-1") -> str:
    def never(account: str) -> Access:
        raise AssertionError(f"a hindrance asks nobody, and {account} was")

    return AwsTags(never).hindrance(Target(arn, "x", "aws", "1" * 12, region))


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (f"arn:aws:cloudformation:eu-west-1:{'1' * 12}:stack/web/5b0e", "updates it"),
        (f"arn:aws:cloudformation:eu-west-1:{'1' * 12}:stackset/web:5b0e", "every account"),
        (f"arn:aws:elasticbeanstalk:eu-west-1:{'1' * 12}:environment/app/env", "updates it"),
        (f"arn:aws:elasticmapreduce:eu-west-1:{'1' * 12}:cluster/j-1", "instances"),
        (f"arn:aws:elasticache:eu-west-1:{'1' * 12}:replicationgroup:cache", "all of its clusters"),
        (f"arn:aws:servicecatalog:eu-west-1:{'1' * 12}:stack/a/b", "provisioned"),
        (f"arn:aws:quicksight:eu-west-1:{'1' * 12}:dashboard/d", "reads its tags back"),
        (f"arn:aws:ec2:eu-west-1:{'2' * 12}:subnet/subnet-1", "belongs to account 222222222222"),
        (f"arn:aws:ec2:eu-north-1:{'1' * 12}:subnet/subnet-1", "eu-north-1"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "belongs to account aws"),
        ("i-0123", "no ARN"),
        ("arn:aws:s3", "no ARN"),
        ("", "no ARN"),
        ("arn:aws:\x00:\n:\ud800:{}", "belongs to account"),
    ],
)
def test_what_must_not_be_tagged_says_why(arn: str, why: str) -> None:
    assert why in _hindrance(arn)


@pytest.mark.parametrize(
    ("arn", "region"),
    [
        (f"arn:aws:ec2:eu-west-1:{'1' * 12}:subnet/subnet-1", "eu-west-1"),
        (f"arn:aws:ec2:eu-west-1:{'1' * 12}:image/ami-1", "eu-west-1"),
        ("arn:aws:s3:::bucket", "eu-west-1"),
        (f"arn:aws:iam::{'1' * 12}:role/r", "global"),
        ("arn:aws:route53:::hostedzone/Z1", "global"),
        ("arn:aws-cn:s3:::bucket", "cn-north-1"),
    ],
)
def test_nothing_hinders_the_usual(arn: str, region: str) -> None:
    assert _hindrance(arn, region) == ""


def _door(writes: bool) -> Access:
    return Aws(Pacer(), writes=writes).own("1" * 12)


@pytest.mark.usefixtures("aws")
def test_the_door_of_a_scan_lets_no_write_through() -> None:
    access = _door(writes=False)
    for client in (access.client("ec2", "us-east-1"), access.writing("ec2", "us-east-1")):
        with pytest.raises(AssertionError, match="ec2:CreateTags is not in the table"):
            client.create_tags(Resources=["i-1"], Tags=[])


@pytest.mark.usefixtures("aws")
def test_the_door_of_the_reconciler_lets_no_write_through_where_it_might_be_repeated() -> None:
    with pytest.raises(AssertionError, match="ec2:CreateTags is not in the table"):
        _door(writes=True).client("ec2", "us-east-1").create_tags(Resources=["i-1"], Tags=[])


@pytest.mark.usefixtures("aws")
def test_the_door_of_the_reconciler_lets_nothing_through_that_nobody_wrote_down() -> None:
    with pytest.raises(AssertionError, match="ec2:DeleteVpc is not in the table"):
        _door(writes=True).writing("ec2", "us-east-1").delete_vpc(VpcId="vpc-1")


def test_the_writers_policy_allows_what_the_tagging_api_needs_of_each_service_and_nothing_on_all() -> None:
    document = json.loads(calls.writer_policy_document())
    allowed = {action for statement in document["Statement"] for action in statement["Action"]}
    assert {
        "tag:TagResources",
        "ec2:CreateTags",
        "s3:PutBucketTagging",
        "sqs:TagQueue",
        "rds:AddTagsToResource",
    } <= allowed
    assert not any("*" in action for action in allowed)
    assert not any(re.search(r":(?:Terminate|Stop|Delete(?!Tags))", action) for action in allowed)
    gateway = [one for one in document["Statement"] if "apigateway:PUT" in one["Action"]]
    assert [one["Resource"] for one in gateway] == ["arn:*:apigateway:*::/tags/*"]


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("resourcegroupstaggingapi", "TagResources"),
        ("resourcegroupstaggingapi", "UntagResources"),
        ("ec2", "CreateTags"),
        ("ec2", "DeleteTags"),
    ],
)
@given(pauses=st.lists(st.sampled_from([0.0, 0.01, 0.2, 1.0, 7.0]), min_size=30, max_size=80))
@example(pauses=[0.0] * 50)
def test_writes_never_exceed_five_calls_in_any_second_however_they_come(
    service: str, operation: str, pauses: list[float]
) -> None:
    family, quota = calls.quota(service, operation)
    assert family == (service, operation), "reads don't use up what writes may"
    now, sent = 0.0, []

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    bucket = Bucket(quota, lambda: now, wait)
    for pause in pauses:
        now += pause
        bucket.take()
        sent.append(now)
    # Each comes up to a twentieth of a second late, as the network has it.
    assert all(sixth - first >= 1.05 for first, sixth in zip(sent, sent[5:], strict=False))
    if not any(pauses):
        assert len(sent) / (sent[-1] - sent[0]) >= 0.9 * 5


@pytest.mark.parametrize(
    "resource",
    [
        "placement-group/vol-0abc",
        "key-pair/vol-0abc",
        "key-pair/fleet-0abc",
        "instance/vol-0abc",
        "volume/i-0abc",
        "vpc/vpce-0abc",
        "vpc-endpoint/vpc-0abc",
        "anything/sg-0abc",
        "volume/vol-not-hexadecimal",
    ],
)
def test_what_is_called_like_another_kinds_id_is_never_told_to_ec2(resource: str) -> None:
    """EC2 would take the id's word for it, and tag the volume whose id somebody named a placement group after."""
    target = Target(f"arn:aws:ec2:eu-west-1:{'1' * 12}:{resource}", "x", "aws", "1" * 12, "eu-west-1")
    assert AwsTags(lambda _: pytest.fail("nobody is asked")).hindrance(target)
