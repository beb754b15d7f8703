"""Every row against botocore's model of its service: what it asks for, and where it looks in the answer, is there.

The cloud answers each call of a row with all that the model says there can be, so that a name which the model doesn't
have shows as a resource that is missing, or one without tags.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

from costguard import catalog
from costguard.catalog import native as names
from costguard.clouds.aws import native
from costguard.clouds.aws.calls import calls
from costguard.clouds.aws.native.listing import Listing
from costguard.clouds.sighting import GLOBAL
from tests.clouds.aws.native_reading import access
from tests.servers import wire
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect

# What would make a listing go on, or a resource not count.
_ENDS = frozenset(
    {
        "LastEvaluatedTableName",
        "Marker",
        "NextMarker",
        "NextToken",
        "State",
        "Status",
        "failures",
        "nextToken",
        "position",
    }
)


def _all_of(shape: Shape, name: str = "", depth: int = 6) -> Any:
    """An answer with every member that the shape has, once. Plain text is the account's number, so that whatever has an
    owner is the account's own; ARNs are ARNs."""
    match shape:
        case StructureShape():
            if depth == 0:
                return {}
            members = [member for member in shape.members if member not in _ENDS]
            # Of a union there is one.
            return {
                member: _all_of(shape.members[member], member, depth - 1)
                for member in (members[:1] if shape.is_tagged_union else members)
            }
        case ListShape():
            return [_all_of(shape.member, name, depth)]
        case MapShape():
            return {HOME: _all_of(shape.value, name, depth)}
    match shape.type_name:
        case "boolean":
            return False
        case "integer" | "long" | "float" | "double":
            return 0
        case "timestamp":
            return datetime.fromtimestamp(0, UTC)
        case "blob":
            return b""
    enum = shape.metadata.get("enum")
    if enum:
        return enum[0]
    return f"arn:aws:a:us-east-1:{HOME}:a/b/c" if name.lower().endswith(("arn", "arns", "stackid")) else HOME


# Calls whose answer has to have more sense than that.
_SENSIBLE: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("s3", "GetBucketLocation"): {"LocationConstraint": "eu-west-1"},
    ("s3", "ListBuckets"): {"Buckets": [{"Name": HOME, "BucketRegion": "eu-west-1"}]},
    ("cloudtrail", "ListTags"): {
        "ResourceTagList": [
            {"ResourceId": f"arn:aws:a:us-east-1:{HOME}:a/b/c", "TagsList": [{"Key": HOME, "Value": HOME}]}
        ]
    },
    ("ec2", "DescribeTransitGatewayAttachments"): {
        "TransitGatewayAttachments": [
            {
                "TransitGatewayAttachmentId": HOME,
                "ResourceType": "vpc",
                "ResourceOwnerId": HOME,
                "Tags": [{"Key": HOME, "Value": HOME}],
            }
        ]
    },
}
# Of these the first of each enumeration says that nobody can tag it.
_UNTAGGABLE = ("aws_kms_key", "aws_cloudwatch_event_rule")


def _answer(call: wire.Call) -> Any:
    if (call.service, call.operation) in _SENSIBLE:
        return wire.render(call, _SENSIBLE[call.service, call.operation])
    shape = wire.operation_model(call.service, call.operation).output_shape
    assert shape is not None
    return wire.render(call, _all_of(shape))


@pytest.mark.parametrize("row", native.rows(), ids=lambda row: f"{row.service}-{row.types[0]}")
def test_a_row_finds_in_an_answer_what_the_model_says_is_there(row: native.Row, aws: AwsServer) -> None:
    account = access()
    aws.fault(Effect(name="all", answer=_answer), service=row.service)
    before = len(aws.requests)
    found = [seen for page in row.read(account, "us-east-1", ()) for seen in page]
    assert len(found) == 1
    (seen,) = found
    assert seen.type in row.types
    assert seen.account == HOME
    assert (seen.region == GLOBAL) == (row.scope == "global" and row.service != "s3")
    assert seen.id.startswith("arn:aws:")
    assert "{" not in seen.id
    assert not seen.unread
    if seen.type in _UNTAGGABLE:
        assert seen.untaggable
    else:
        assert seen.tags == {HOME: HOME}
        asked = {(made.service, made.operation) for made in aws.requests[before:]}
        # Where a bucket lies is asked only of a server that doesn't tell.
        seldom = {("s3", "GetBucketLocation"), ("s3", "HeadBucket")}
        assert asked == {(one.service, one.operation) for one in row.calls} - seldom


@pytest.mark.parametrize("row", native.rows(), ids=lambda row: f"{row.service}-{row.types[0]}")
def test_a_page_is_as_large_as_the_service_allows(row: native.Row) -> None:
    """What a row asks for fits the bounds that the model states (botocore checks only the lower ones)."""
    if not isinstance(row, Listing) or not row.page:
        return
    shape = wire.operation_model(row.service, row.operation).input_shape
    assert shape is not None
    limits = [
        member.metadata["max"]
        for name, member in shape.members.items()
        if name in ("MaxResults", "maxResults", "MaxRecords", "MaxItems", "Limit", "limit", "PageSize", "MaxBuckets")
        and "max" in member.metadata
    ]
    assert all(row.page <= limit for limit in limits)


def test_a_type_has_one_row() -> None:
    """Two would each say of it that all of it was read."""
    counts = Counter(type_ for row in native.rows() for type_ in row.types)
    assert [type_ for type_, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("type_", sorted({type_ for row in native.rows() for type_ in row.types}))
def test_a_type_is_one_that_terraform_can_tag(type_: str) -> None:
    known = catalog.lookup(type_)
    assert known is not None
    assert known.own is not None


def test_calls_change_nothing() -> None:
    """Also by their names, so that a slip in the table shows."""
    verbs = ("BatchGet", "Describe", "Get", "Head", "List", "Select")
    assert [one for one in calls() if one.service != "sts" and not one.operation.startswith(verbs)] == []


_PROMISED = (
    "aws_instance aws_ebs_volume aws_ebs_snapshot aws_ami aws_eip aws_nat_gateway aws_network_interface "
    "aws_security_group aws_launch_template aws_autoscaling_group aws_elb aws_lb aws_lb_target_group "
    "aws_db_instance aws_rds_cluster aws_db_snapshot aws_db_cluster_snapshot aws_s3_bucket aws_lambda_function "
    "aws_dynamodb_table aws_ecs_cluster aws_ecs_service aws_ecs_task_definition aws_eks_cluster aws_eks_node_group "
    "aws_efs_file_system aws_elasticache_cluster aws_elasticache_replication_group aws_opensearch_domain "
    "aws_redshift_cluster aws_sqs_queue aws_sns_topic aws_kinesis_stream aws_msk_cluster aws_kms_key "
    "aws_secretsmanager_secret aws_cloudwatch_log_group aws_sfn_state_machine aws_api_gateway_rest_api "
    "aws_apigatewayv2_api aws_cloudfront_distribution aws_route53_zone aws_iam_role aws_iam_user "
    "aws_ecr_repository aws_sagemaker_endpoint aws_sagemaker_notebook_instance"
)


def test_the_rows_ask_for_what_was_promised() -> None:
    """The services that have to be read by themselves because no index shows all of theirs."""
    promised = _PROMISED.split()
    assert set(promised) <= {type_ for row in native.rows() for type_ in row.types}
    assert [type_ for type_ in promised if not names.native_types(type_)] == []
