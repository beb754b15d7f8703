"""The scale server of the benchmarks pages like AWS, adds up, and answers every other list with nothing."""

import runpy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # boto3 ships no types.
import pytest
from botocore.config import Config

from tests.servers.http1 import Server

ROOT = Path(__file__).resolve().parent.parent.parent
ACCOUNTS = ["100000000000", "100000000001", "100000000002"]
REGIONS = ["us-east-1", "eu-west-1"]
RESOURCES = 4801  # 800 in each of six places, and one more in the first.


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    program = runpy.run_path(str(ROOT / "bench" / "aws_server.py"))
    server = Server(program["Cloud"](RESOURCES, len(ACCOUNTS), len(REGIONS)))
    server.start()
    yield server.url
    server.stop()


def client(url: str, service: str, account: str = ACCOUNTS[0], region: str = "us-east-1") -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=f"AKIA{account}TEST",
        aws_secret_access_key="x" * 40,
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_explorer_lists_every_resource_once_a_fifth_of_them_never_tagged(url: str) -> None:
    sizes, arns, untagged = [], Counter[str](), 0
    for account in ACCOUNTS:
        pages = client(url, "resource-explorer-2", account).get_paginator("list_resources")
        for page in pages.paginate(PaginationConfig={"PageSize": 500}):
            sizes.append(len(page["Resources"]))
            for one in page["Resources"]:
                arns[one["Arn"]] += 1
                untagged += not one["Properties"]
                assert one["OwningAccountId"] == account
    assert sizes == [500, 500, 500, 101] + [500, 500, 500, 100] * 2
    assert (len(arns), set(arns.values())) == (RESOURCES, {1})
    # Of 20 in a row four were never tagged, and one was once; the odd one may be either.
    assert untagged - 4800 * 5 // 20 in (0, 1)


def test_tagging_lists_what_is_or_was_tagged_in_one_region(url: str) -> None:
    pages = list(
        client(url, "resourcegroupstaggingapi", ACCOUNTS[1], "eu-west-1").get_paginator("get_resources").paginate()
    )
    listed = [one for page in pages for one in page["ResourceTagMappingList"]]
    assert [len(page["ResourceTagMappingList"]) for page in pages][:-1] == [100] * (len(pages) - 1)
    # 800 resources: 16 of 20 are or were tagged, one of those has none now.
    assert (len(listed), sum(not one["Tags"] for one in listed)) == (640, 40)


def test_both_agree_on_the_tags_of_a_resource(url: str) -> None:
    account = ACCOUNTS[2]
    tagged = {
        one["ResourceARN"]: one["Tags"]
        for region in REGIONS
        for page in client(url, "resourcegroupstaggingapi", account, region).get_paginator("get_resources").paginate()
        for one in page["ResourceTagMappingList"]
    }
    shown: dict[str, list[dict[str, str]]] = {
        one["Arn"]: next((part["Data"] for part in one["Properties"]), [])
        for page in client(url, "resource-explorer-2", account).get_paginator("list_resources").paginate()
        for one in page["Resources"]
    }
    assert all(shown[arn] == tags for arn, tags in tagged.items())
    assert all(not shown[arn] for arn in set(shown) - set(tagged))


def test_a_role_leads_into_an_account_that_the_organisation_lists(url: str) -> None:
    listed = client(url, "organizations").get_paginator("list_accounts").paginate().search("Accounts[].Id")
    assert list(listed) == ACCOUNTS
    given = client(url, "sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNTS[2]}:role/Reader", RoleSessionName="test")
    assert given["Credentials"]["AccessKeyId"] == f"ASIA{ACCOUNTS[2]}TEST"
    assert client(url, "sts", ACCOUNTS[2]).get_caller_identity()["Account"] == ACCOUNTS[2]
    regions = client(url, "ec2").describe_regions()["Regions"]
    assert [region["RegionName"] for region in regions] == REGIONS


@pytest.mark.parametrize(
    ("service", "method", "path"),
    [
        ("ec2", "describe_instances", "Reservations"),
        ("rds", "describe_db_instances", "DBInstances"),
        ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"),
        ("elb", "describe_load_balancers", "LoadBalancerDescriptions"),
        ("elbv2", "describe_load_balancers", "LoadBalancers"),
        ("s3", "list_buckets", "Buckets"),
        ("route53", "list_hosted_zones", "HostedZones"),
        ("cloudfront", "list_distributions", "DistributionList.Items"),
        ("iam", "list_roles", "Roles"),
        ("dynamodb", "list_tables", "TableNames"),
        ("sqs", "list_queues", "QueueUrls"),
        ("lambda", "list_functions", "Functions"),
        ("apigateway", "get_rest_apis", "items"),
        ("apigatewayv2", "get_apis", "Items"),
        ("opensearch", "list_domain_names", "DomainNames"),
        ("config", "describe_configuration_aggregators", "ConfigurationAggregators"),
        ("eventbridgev2", "list_event_buses", "EventBuses"),
    ],
)
def test_every_other_list_is_empty(url: str, service: str, method: str, path: str) -> None:
    sdk = client(url, service)
    answer = getattr(sdk, method)()
    for name in path.split("."):
        answer = answer[name]
    assert answer == []
    if sdk.can_paginate(method):
        assert len(list(sdk.get_paginator(method).paginate())) == 1
