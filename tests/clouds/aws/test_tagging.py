"""The Resource Groups Tagging API: what it shows, of whom, and where."""

import pytest

from costguard.clouds.aws import tagging
from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import Sighting
from tests.servers import faults, wire
from tests.servers.aws import HOME, AwsServer

EAST, WEST = "us-east-1", "eu-west-1"


@pytest.fixture
def caller(aws: AwsServer) -> Access:  # noqa: ARG001 - the environment is the fixture's.
    access = Aws(Pacer()).caller
    access.identify()
    return access


def read(caller: Access, region: str = EAST, types: frozenset[str] | None = None) -> list[Sighting]:
    return [seen for page in tagging.read(caller, region, types) for seen in page]


def shown(aws: AwsServer, *arns: str) -> None:
    mappings = [{"ResourceARN": arn, "Tags": [{"Key": "owner", "Value": "payments"}]} for arn in arns]
    page = {"ResourceTagMappingList": mappings, "PaginationToken": ""}
    aws.fault(faults.Effect(name="page", answer=lambda call: wire.render(call, page)), operation="GetResources")


def test_what_lost_its_tags_is_shown_with_none_and_what_never_had_any_is_not(aws: AwsServer, caller: Access) -> None:
    secrets = aws.client("secretsmanager")
    kept = secrets.create_secret(Name="kept", SecretString="-", Tags=[{"Key": "owner", "Value": "payments"}])["ARN"]
    secrets.create_secret(Name="never", SecretString="-")
    once = f"arn:aws:sqs:{EAST}:{HOME}:once"
    aws.previously_tagged(once)

    seen = {one.id: one for one in read(caller)}

    assert {id_: one.tags for id_, one in seen.items()} == {kept: {"owner": "payments"}, once: {}}
    assert seen[kept] == Sighting(
        id=kept, type="aws_secretsmanager_secret", account=HOME, region=EAST, tags={"owner": "payments"}
    )


@pytest.mark.parametrize(
    ("arn", "type_", "account", "region"),
    [
        (f"arn:aws:ec2:{WEST}:{HOME}:instance/i-1", "aws_instance", HOME, WEST),
        # A bucket's ARN names neither: it is listed where it lies, to its owner.
        ("arn:aws:s3:::one", "aws_s3_bucket", HOME, EAST),
        # What is global is listed in one region and lies in none.
        (f"arn:aws:cloudfront::{HOME}:distribution/E1", "aws_cloudfront_distribution", HOME, "global"),
        ("arn:aws:route53:::hostedzone/Z1", "aws_route53_zone", HOME, "global"),
        (f"arn:aws:novelty:{EAST}:{HOME}:thing/1", "novelty", HOME, EAST),  # Of an unknown service it says no more.
    ],
)
def test_an_arn_says_what_it_is_whose_and_where(
    aws: AwsServer, caller: Access, arn: str, type_: str, account: str, region: str
) -> None:
    shown(aws, arn)
    (seen,) = read(caller)
    assert (seen.type, seen.account, seen.region) == (type_, account, region)


def test_all_is_asked_for_where_no_type_is_named_and_where_a_type_has_no_filter(aws: AwsServer, caller: Access) -> None:
    read(caller)
    read(caller, types=frozenset({"aws_no_such_thing"}))
    assert [dict(one.parameters) for one in aws.calls("resourcegroupstaggingapi")] == [{"ResourcesPerPage": 100}] * 2
