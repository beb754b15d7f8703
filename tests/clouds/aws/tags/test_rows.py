"""Rows of the writer's table at work, against moto where that has the resource, its tags and their reading."""

import pytest

from costguard.clouds.aws.api import Aws
from costguard.clouds.aws.tags.services import row_for, rows
from costguard.clouds.aws.tags.writer import AwsTags
from costguard.clouds.pace import Pacer
from costguard.clouds.writing import Current, Edit, Target
from tests.clouds.aws.tags.resources import MAKERS, make
from tests.servers.aws import HOME, AwsServer

# What moto can't show: it has no such resource, or no call that reads its tags, or answers that with another service's.
# Their shapes are checked against botocore's models alone.
UNTRIED = frozenset(
    {
        "accessanalyzer",
        "acm-pca",
        "amp",
        "apigateway",
        "appconfig",
        "apprunner",
        "appsync",
        "athena",
        "batch",
        "codeartifact",
        "codebuild",
        "codecommit",
        "codeconnections",
        "codedeploy",
        "codepipeline",
        "codestar-connections",
        "cognito-identity",
        "cognito-idp",
        "config",
        "databrew",
        "datasync",
        "dax",
        "dlm",
        "dms",
        "ds",
        "elasticache",
        "emr-containers",
        "emr-serverless",
        "firehose",
        "fsx",
        "globalaccelerator",
        "grafana",
        "guardduty",
        "imagebuilder",
        "inspector2",
        "kafka",
        "kinesisanalyticsv2",
        "memorydb",
        "mq",
        "mwaa",
        "network-firewall",
        "opensearchserverless",
        "pipes",
        "redshift-serverless",
        "route53resolver",
        "rum",
        "schemas",
        "storagegateway",
        "synthetics",
        "timestream-write",
        "transfer",
        "vpc-lattice",
        "wafv2",
        "workspaces",
        "xray",
    }
)


def test_every_service_is_tried_or_is_known_not_to_be() -> None:
    tried = {name.split()[0] for name in MAKERS}
    assert {row.service for row in rows()} == tried | UNTRIED
    assert not tried & UNTRIED


def target(arn: str) -> Target:
    """As a scan has it."""
    region = arn.split(":")[3] or ("us-east-1" if ":s3:" in arn else "global")
    return Target(arn, "x", "aws", HOME, region)


@pytest.mark.parametrize("name", MAKERS)
def test_tags_are_set_read_back_and_taken_away(aws: AwsServer, name: str) -> None:
    writer = AwsTags(Aws(Pacer(sleep=lambda _: None), writes=True).own)
    one = target(make(aws, name))
    service = one.id.split(":")[2]
    assert writer.hindrance(one) == ""
    assert row_for(f"{service}:{one.id.split(':', 5)[5]}", one.type) is not None
    assert writer.read([one]) == [Current({})]

    (set_,) = writer.write([Edit(one, {"Owner": "shop é+/=@", "Two": "2"}, {}, Current({}))])
    assert set_.how == "done", set_
    assert writer.read([one]) == [Current({"Owner": "shop é+/=@", "Two": "2"})]

    (changed,) = writer.write([Edit(one, {"Three": "3"}, {"Owner": "shop é+/=@"}, Current({}))])
    assert changed.how == "done", changed
    assert writer.read([one]) == [Current({"Two": "2", "Three": "3"})]

    before = len(aws.writes())
    (conflict,) = writer.write([Edit(one, {"Four": "4"}, {"Three": "not that"}, Current({}))])
    assert conflict.how == "conflict"
    assert writer.read([one]) == [Current({"Two": "2", "Three": "3"})]
    assert len(aws.writes()) == before
