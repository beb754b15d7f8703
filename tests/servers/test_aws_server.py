"""The cloud that other tests rest on does what AWS documents, seen through the real SDK."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import boto3  # type: ignore[import-untyped]  # boto3 ships no types.
import botocore.exceptions
import pytest
from botocore.config import Config

from tests.servers import faults, wire
from tests.servers.aws import HOME, SECRET, Account, AwsServer, Role, access_key
from tests.servers.faults import Effect
from tests.servers.indexed import Item

OTHER = "111122223333"
EXPLORER, TAGGING = "resource-explorer-2", "resourcegroupstaggingapi"


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def instance(number: int, *, account: str = HOME, region: str = "us-east-1", **tags: str) -> Item:
    return Item(
        arn=f"arn:aws:ec2:{region}:{account}:instance/i-{number:017d}",
        type="ec2:instance",
        config_type="AWS::EC2::Instance",
        account=account,
        region=region,
        tags=tags,
    )


# ------------------------------------------------------------------ errors in each service's words

# The codes are those that AWS documents for the service or its protocol ("Common errors"); the SDK must read them back.
WORDS = [
    # service, method, throttled, denied, expired, region not enabled
    ("ec2", "describe_instances", "RequestLimitExceeded", "UnauthorizedOperation", "RequestExpired", "AuthFailure"),
    ("rds", "describe_db_instances", "Throttling", "AccessDenied", "ExpiredToken", "InvalidClientTokenId"),
    (
        "autoscaling",
        "describe_auto_scaling_groups",
        "Throttling",
        "AccessDenied",
        "ExpiredToken",
        "InvalidClientTokenId",
    ),
    ("elb", "describe_load_balancers", "Throttling", "AccessDenied", "ExpiredToken", "InvalidClientTokenId"),
    ("elbv2", "describe_load_balancers", "Throttling", "AccessDenied", "ExpiredToken", "InvalidClientTokenId"),
    ("sns", "list_topics", "Throttling", "AuthorizationError", "ExpiredToken", "InvalidClientTokenId"),
    ("s3", "list_buckets", "SlowDown", "AccessDenied", "ExpiredToken", "InvalidToken"),
    ("route53", "list_hosted_zones", "Throttling", "AccessDenied", "ExpiredToken", "InvalidClientTokenId"),
    ("cloudfront", "list_distributions", "Throttling", "AccessDenied", "ExpiredToken", "InvalidClientTokenId"),
    (
        "dynamodb",
        "list_tables",
        "ThrottlingException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    ),
    (
        TAGGING,
        "get_resources",
        "ThrottledException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    ),
    (
        EXPLORER,
        "list_indexes",
        "ThrottlingException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    ),
    (
        "lambda",
        "list_functions",
        "TooManyRequestsException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    ),
    (
        "eventbridgev2",  # The SDK speaks CBOR with it.
        "list_event_buses",
        "ThrottlingException",
        "AccessDeniedException",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    ),
]


@pytest.mark.parametrize(
    ("service", "method", "throttled", "denied", "expired", "disabled"), WORDS, ids=[row[0] for row in WORDS]
)
def test_each_service_fails_in_its_own_words(
    aws: AwsServer, service: str, method: str, throttled: str, denied: str, expired: str, disabled: str
) -> None:
    client = aws.client(service)
    told = {}
    for effect in (faults.throttled(), faults.denied(), faults.expired(), faults.region_disabled()):
        ordered = aws.fault(effect, service=service, times=1)
        told[effect.name] = code_of(getattr(client, method))
        assert ordered.hits == 1, "the call was recognised as one of this service"
    assert told == {"throttled": throttled, "denied": denied, "expired": expired, "region disabled": disabled}


@pytest.mark.parametrize("service", ["ec2", "rds", "s3", "route53", "dynamodb", TAGGING, EXPLORER])
@pytest.mark.parametrize("status", [500, 503])
def test_a_failing_service_is_tried_again_by_the_sdk(aws: AwsServer, service: str, status: int) -> None:
    method = next(row[1] for row in WORDS if row[0] == service)
    client = boto3.client(service, region_name="us-east-1", config=Config(retries={"total_max_attempts": 2}))
    aws.fault(faults.failing(status), service=service, times=1)
    getattr(client, method)()
    assert [made.status for made in aws.calls(service)] == [status, 200]


def test_a_policy_of_the_organisation_says_so(aws: AwsServer) -> None:
    aws.fault(faults.denied_by_scp())
    with pytest.raises(botocore.exceptions.ClientError, match="with an explicit deny in a service control policy"):
        aws.client("dynamodb").list_tables()


def test_what_moto_lacks_fails_fast_and_is_not_tried_again(aws: AwsServer) -> None:
    client = boto3.client("cloudcontrol", region_name="us-east-1", config=Config(retries={"total_max_attempts": 5}))
    assert code_of(lambda: client.list_resources(TypeName="AWS::SNS::Topic")) == "NotImplemented"
    assert [made.status for made in aws.calls("cloudcontrol")] == [501]


def test_what_moto_lacks_may_be_empty(aws: AwsServer) -> None:
    aws.absent_is_empty = True
    client = aws.client("cloudcontrol")
    assert client.list_resources(TypeName="AWS::SNS::Topic")["ResourceDescriptions"] == []
    assert code_of(lambda: client.get_resource(TypeName="AWS::SNS::Topic", Identifier="x")) == "NotImplemented"


# ------------------------------------------------------------------ connections


@pytest.mark.parametrize(
    ("effect", "raised"),
    [
        (faults.reset(), botocore.exceptions.ConnectionClosedError),
        (faults.cut(0.5), botocore.parsers.ResponseParserError),
        (faults.malformed(), botocore.parsers.ResponseParserError),
    ],
    ids=["reset", "cut", "malformed"],
)
def test_connections_and_bodies_break(aws: AwsServer, effect: Effect, raised: type[Exception]) -> None:
    aws.fault(effect, service="ec2", times=1)
    client = aws.client("ec2")
    with pytest.raises(raised):
        client.describe_regions()
    assert client.describe_regions()["Regions"], "the next call is well"


@pytest.mark.parametrize("effect", [faults.cut(0.5), faults.malformed()], ids=["cut", "malformed"])
@pytest.mark.parametrize("service", ["dynamodb", "lambda", TAGGING, EXPLORER])
def test_the_sdk_takes_a_broken_json_answer_for_an_empty_one(aws: AwsServer, service: str, effect: Effect) -> None:
    """botocore asks urllib3 not to mind the length (``enforce_content_length=False``) and makes a body that isn't JSON
    a message that no output has: whoever reads the answer alone sees a last, empty page."""
    aws.fault(effect, service=service)
    answer = getattr(aws.client(service), next(row[1] for row in WORDS if row[0] == service))()
    assert set(answer) == {"ResponseMetadata"}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_slow_answer_is_right_and_late(aws: AwsServer) -> None:
    aws.fault(faults.slow(0.2), operation="DescribeRegions", times=1)
    begun = time.monotonic()
    assert aws.client("ec2").describe_regions()["Regions"]
    assert time.monotonic() - begun >= 0.2


def test_a_fault_strikes_what_it_was_ordered_for(aws: AwsServer) -> None:
    ordered = aws.fault(
        faults.throttled(), service="ec2", operation="Describe*", account=OTHER, region="eu-west-1", skip=1, times=2
    )
    aws.client("ec2", "us-east-1", OTHER).describe_regions()
    aws.client("ec2", "eu-west-1", HOME).describe_regions()
    client = aws.client("ec2", "eu-west-1", OTHER)
    client.describe_regions()
    assert code_of(client.describe_regions) == code_of(client.describe_regions) == "RequestLimitExceeded"
    client.describe_regions()
    assert ordered.hits == 2
    assert [made.fault for made in aws.requests] == ["", "", "", "throttled", "throttled", ""]


def test_a_fault_may_strike_a_share(aws: AwsServer) -> None:
    ordered = aws.fault(faults.throttled(), share=0.5)
    client = aws.client("ec2")
    for _ in range(40):
        try:
            client.describe_regions()
        except botocore.exceptions.ClientError:
            continue
    # Of 40 tosses of a fair coin fewer than 8 or more than 32 come once in 10,000 times; the coin is seeded.
    assert 8 <= ordered.hits <= 32


def test_quotas_refill() -> None:
    now = [0.0]
    buckets = faults.Buckets(lambda: now[0])
    quota = next(quota for quota in faults.DOCUMENTED if quota.operations == ("GetResources",))
    assert [buckets.take(quota, HOME, "us-east-1") for _ in range(16)] == [True] * 15 + [False]
    assert buckets.take(quota, HOME, "eu-west-1")
    assert buckets.take(quota, OTHER, "us-east-1")
    now[0] = 1 / 15 + 0.001
    assert [buckets.take(quota, HOME, "us-east-1") for _ in range(2)] == [True, False]


def test_a_used_up_quota_throttles(aws: AwsServer) -> None:
    aws.quotas = faults.DOCUMENTED
    client = aws.client(EXPLORER)
    codes = set()
    for _ in range(12):
        try:
            client.list_indexes()
        except botocore.exceptions.ClientError as error:
            codes.add(error.response["Error"]["Code"])
    assert codes == {"ThrottlingException"}
    assert "quota" in {made.fault for made in aws.calls(EXPLORER)}


# ------------------------------------------------------------------ the record


def test_every_call_is_recorded_in_the_words_of_the_sdk(aws: AwsServer) -> None:
    aws.client("ec2", "eu-west-1", OTHER).describe_instances(
        Filters=[{"Name": "tag:owner", "Values": ["a", "b & c"]}], MaxResults=7
    )
    aws.client(TAGGING).get_resources(ResourcesPerPage=50)
    aws.client("rds").describe_db_instances(Filters=[{"Name": "engine", "Values": ["mysql"]}])
    aws.client("lambda").list_functions(MaxItems=5)
    aws.client("s3").create_bucket(Bucket="one")
    aws.client("s3").list_objects_v2(Bucket="one", Prefix="a b/")
    aws.client("apigatewayv2").get_apis(MaxResults="3")
    told = [(made.service, made.operation, made.region, made.account) for made in aws.requests]
    assert told == [
        ("ec2", "DescribeInstances", "eu-west-1", OTHER),
        (TAGGING, "GetResources", "us-east-1", HOME),
        ("rds", "DescribeDBInstances", "us-east-1", HOME),
        ("lambda", "ListFunctions", "us-east-1", HOME),
        ("s3", "CreateBucket", "us-east-1", HOME),
        ("s3", "ListObjectsV2", "us-east-1", HOME),
        ("apigatewayv2", "GetApis", "us-east-1", HOME),
    ]
    asked = [made.parameters for made in aws.requests]
    assert asked[0] == {"Filters": [{"Name": "tag:owner", "Values": ["a", "b & c"]}], "MaxResults": 7}
    assert asked[1] == {"ResourcesPerPage": 50}
    assert asked[2] == {"Filters": [{"Name": "engine", "Values": ["mysql"]}]}
    assert asked[3] == {"MaxItems": 5}
    assert asked[5]["Bucket"] == "one"
    assert asked[5]["Prefix"] == "a b/"
    assert asked[6] == {"MaxResults": "3"}
    assert {made.status for made in aws.requests} == {200}


def test_what_is_not_allowed_is_refused_and_told(aws: AwsServer) -> None:
    aws.allow = {("ec2", "DescribeRegions")}
    aws.client("ec2").describe_regions()
    assert code_of(aws.client("ec2").describe_instances) == "UnauthorizedOperation"
    assert aws.refused == [("ec2", "DescribeInstances")]


def test_the_environment_is_all_that_an_sdk_needs(aws: AwsServer) -> None:
    client = boto3.client("sts")
    assert client.get_caller_identity()["Account"] == HOME
    assert aws.calls("sts", "GetCallerIdentity")[0].key == access_key(HOME)


@pytest.mark.usefixtures("loopback_only")
def test_nothing_leaves_loopback() -> None:
    from tests import conftest

    connection = http.client.HTTPConnection("192.0.2.1", timeout=1)
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("example.com", timeout=1).connect()
    assert conftest._strays == ["192.0.2.1", "example.com"]
    conftest._strays.clear()


# ------------------------------------------------------------------ accounts, roles, regions


def test_a_role_leads_into_its_account(aws: AwsServer) -> None:
    aws.client("sqs", account=OTHER).create_queue(QueueName="theirs")
    aws.client("sqs").create_queue(QueueName="mine")
    role = f"arn:aws:iam::{OTHER}:role/Reader"
    given = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    client = boto3.client(
        "sqs",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert [url.rsplit("/", 2)[1:] for url in client.list_queues()["QueueUrls"]] == [[OTHER, "theirs"]]
    assert aws.calls("sqs", "ListQueues")[0].account == OTHER


def test_a_role_may_ask_for_an_external_id_or_not_be_there(aws: AwsServer) -> None:
    role = f"arn:aws:iam::{OTHER}:role/Reader"
    aws.roles = {role: Role(external_id="secret-handshake")}
    assume = aws.client("sts").assume_role
    assert code_of(lambda: assume(RoleArn=role, RoleSessionName="test")) == "AccessDenied"
    assert code_of(lambda: assume(RoleArn=role, RoleSessionName="test", ExternalId="guess")) == "AccessDenied"
    assert assume(RoleArn=role, RoleSessionName="test", ExternalId="secret-handshake")["Credentials"]
    assert code_of(lambda: assume(RoleArn=role + "2", RoleSessionName="test", ExternalId="x2")) == "AccessDenied"


def test_the_organisation_is_listed_in_pages_to_its_management_account(aws: AwsServer) -> None:
    aws.accounts = [Account(f"{number:012d}", status="SUSPENDED" if number == 7 else "ACTIVE") for number in range(45)]
    pages = list(aws.client("organizations").get_paginator("list_accounts").paginate())
    assert [len(page["Accounts"]) for page in pages] == [20, 20, 5]
    listed = [account["Id"] for page in pages for account in page["Accounts"]]
    assert listed == [account.id for account in aws.accounts]
    assert pages[0]["Accounts"][7]["Status"] == "SUSPENDED"
    assert code_of(aws.client("organizations", account=OTHER).list_accounts) == "AccessDeniedException"


def test_regions_have_their_status_and_a_disabled_one_knows_nobody(aws: AwsServer) -> None:
    client = aws.client("ec2")
    assert [region["RegionName"] for region in client.describe_regions()["Regions"]] == ["eu-west-1", "us-east-1"]
    every = client.describe_regions(AllRegions=True)["Regions"]
    assert {region["RegionName"]: region["OptInStatus"] for region in every} == aws.regions
    chosen = client.describe_regions(AllRegions=True, Filters=[{"Name": "opt-in-status", "Values": ["not-opted-in"]}])
    assert [region["RegionName"] for region in chosen["Regions"]] == ["ap-east-1"]
    assert code_of(aws.client("ec2", "ap-east-1").describe_instances) == "AuthFailure"
    assert code_of(aws.client("dynamodb", "ap-east-1").list_tables) == "UnrecognizedClientException"
    aws.regions_of[OTHER] = {"ap-east-1": "opted-in"}
    assert aws.client("ec2", "ap-east-1", OTHER).describe_regions()["Regions"][0]["RegionName"] == "ap-east-1"


# ------------------------------------------------------------------ Resource Explorer


def test_explorer_pages_by_tokens_below_1000_and_by_none_at_1000(aws: AwsServer) -> None:
    aws.explorer.enable(HOME, aggregator="us-east-1")
    aws.seed(*(instance(number) for number in range(1200)))
    client = aws.client(EXPLORER)
    pages = [client.list_resources(MaxResults=500)]
    while token := pages[-1].get("NextToken"):
        pages.append(client.list_resources(MaxResults=500, NextToken=token))
    assert [len(page["Resources"]) for page in pages] == [500, 500, 200]
    assert len({one["Arn"] for page in pages for one in page["Resources"]}) == 1200
    trap = client.list_resources(MaxResults=1000)
    assert len(trap["Resources"]) == 1000
    assert "NextToken" not in trap


def test_explorer_tokens_expire(aws: AwsServer) -> None:
    aws.explorer.enable(HOME, aggregator="us-east-1")
    aws.seed(instance(1), instance(2))
    client = aws.client(EXPLORER)
    token = client.list_resources(MaxResults=1)["NextToken"]
    aws.expire_tokens()
    assert code_of(lambda: client.list_resources(MaxResults=1, NextToken=token)) == "ValidationException"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3, 4]),
        ("tag:none", [1, 4]),
        ("tag:all", [2, 3]),
        ("-tag:none", [2, 3]),
        ("tag:none resourcetype.supports:tags", [1]),
        ("tag.key:OWNER", [2, 3]),
        ("tag:owner=ann", [2]),
        ("-tag:owner=ann tag.key:owner", [3]),
        ("region:us* service:ec2", [1, 2, 4]),
        ("region:eu-west-1,ap-east-1", [3]),
        (f"accountid:{HOME} resourcetype:ec2:instance", [1, 2, 3, 4]),
    ],
)
def test_explorer_filters(aws: AwsServer, query: str, found: list[int]) -> None:
    aws.explorer.enable(HOME, "eu-west-1", aggregator="us-east-1")
    plain = instance(4)
    aws.seed(instance(1), instance(2, owner="Ann"), instance(3, region="eu-west-1", Owner="Bob"))
    aws.seed(Item(arn=plain.arn, type=plain.type, account=HOME, region="us-east-1", taggable=False))
    answer = aws.client(EXPLORER).list_resources(Filters={"FilterString": query})
    assert sorted(int(one["Arn"][-17:]) for one in answer["Resources"]) == found


def test_explorer_takes_no_free_text(aws: AwsServer) -> None:
    aws.explorer.enable(HOME, "us-east-1")
    client = aws.client(EXPLORER)
    assert code_of(lambda: client.list_resources(Filters={"FilterString": "web"})) == "ValidationException"
    assert code_of(lambda: client.list_resources(Filters={"FilterString": "colour:red"})) == "ValidationException"


def test_a_view_without_tags_shows_none_and_refuses_to_search_them(aws: AwsServer) -> None:
    aws.explorer.enable(HOME, "us-east-1")
    blind = aws.explorer.view(HOME, "us-east-1", "blind", tags=False)
    silent = aws.explorer.view(HOME, "us-east-1", "silent", tags=False, silent=True)
    aws.seed(instance(1, owner="ann"))
    client = aws.client(EXPLORER)
    assert client.list_resources()["Resources"][0]["Properties"][0]["Data"] == [{"Key": "owner", "Value": "ann"}]
    assert client.list_resources(ViewArn=blind)["Resources"][0]["Properties"] == []
    none = {"FilterString": "tag:none"}
    assert code_of(lambda: client.list_resources(ViewArn=blind, Filters=none)) == "ValidationException"
    assert client.list_resources(ViewArn=silent, Filters=none)["Resources"] == []
    assert client.get_view(ViewArn=blind)["View"]["IncludedProperties"] == []
    assert client.get_view(ViewArn=client.get_default_view()["ViewArn"])["View"]["IncludedProperties"] == [
        {"Name": "tags"}
    ]


def test_a_local_index_knows_its_region_and_an_aggregator_all_that_have_one(aws: AwsServer) -> None:
    aws.explorer.enable(HOME, "eu-west-1", aggregator="us-east-1")
    aws.seed(instance(1), instance(2, region="eu-west-1"), instance(3, region="eu-north-1"))
    aws.seed(instance(4, account=OTHER))
    seen = {
        region: [int(one["Arn"][-17:]) for one in aws.client(EXPLORER, region).list_resources()["Resources"]]
        for region in ("us-east-1", "eu-west-1")
    }
    assert seen == {"us-east-1": [2, 1], "eu-west-1": [2]}
    assert code_of(aws.client(EXPLORER, "eu-north-1").get_index) == "ResourceNotFoundException"
    assert code_of(aws.client(EXPLORER, "eu-north-1").list_resources) == "UnauthorizedException"
    indexes = aws.client(EXPLORER, "eu-north-1").list_indexes()["Indexes"]
    assert {index["Region"]: index["Type"] for index in indexes} == {"eu-west-1": "LOCAL", "us-east-1": "AGGREGATOR"}
    assert aws.client(EXPLORER, "eu-west-1").get_index()["ReplicatingTo"] == ["us-east-1"]


def test_a_view_of_the_organisation_shows_its_accounts(aws: AwsServer) -> None:
    for account in (HOME, OTHER):
        aws.explorer.enable(account, aggregator="us-east-1")
    aws.seed(instance(1), instance(2, account=OTHER))
    everything = aws.explorer.view(HOME, "us-east-1", "org", organization=True)
    shown = aws.client(EXPLORER).list_resources(ViewArn=everything)["Resources"]
    assert sorted(one["OwningAccountId"] for one in shown) == [OTHER, HOME]


def test_the_tags_of_iam_are_not_indexed(aws: AwsServer) -> None:
    aws.explorer.enable(HOME, aggregator="us-east-1")
    arn = f"arn:aws:iam::{HOME}:role/tagged"
    aws.seed(Item(arn=arn, type="iam:role", account=HOME, region="global", tags={"owner": "ann"}))
    shown = aws.client(EXPLORER).list_resources(Filters={"FilterString": "tag:none"})["Resources"]
    assert [(one["Arn"], one["Properties"]) for one in shown] == [(arn, [])]


def test_the_indexes_can_mirror_what_there_is(aws: AwsServer) -> None:
    aws.explorer.enable(OTHER, aggregator="eu-west-1")
    ec2 = aws.client("ec2", "eu-west-1", OTHER)
    volume = ec2.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    topic = aws.client("sns", "eu-west-1", OTHER).create_topic(Name="news", Tags=[{"Key": "owner", "Value": "ann"}])
    aws.client("sns", "eu-west-1").create_topic(Name="of-another-account")
    before = len(aws.requests)
    aws.mirror("eu-west-1", account=OTHER)
    assert len(aws.requests) == before
    shown = aws.client(EXPLORER, "eu-west-1", OTHER).list_resources(
        Filters={"FilterString": "resourcetype:ec2:volume,sns:topic"}
    )["Resources"]
    assert {one["Arn"]: one["Properties"] != [] for one in shown} == {
        f"arn:aws:ec2:eu-west-1:{OTHER}:volume/{volume}": False,
        topic["TopicArn"]: True,
    }


# ------------------------------------------------------------------ Config


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", [1, 2, 3]),
        (" WHERE resourceType = 'AWS::EC2::Instance'", [1, 2, 3]),
        (f" WHERE accountId IN ('{HOME}', '999999999999')", [1, 2]),
        (f" WHERE accountId NOT IN ('{HOME}') AND awsRegion = 'us-east-1'", [3]),
        (" WHERE awsRegion LIKE 'eu-%'", [2]),
        (" where awsRegion <> 'eu-west-1'", [1, 3]),
        (" WHERE configuration.state.name = 'running'", [1]),
    ],
)
def test_config_selects(aws: AwsServer, where: str, found: list[int]) -> None:
    running = instance(1, owner="ann")
    aws.seed(
        Item(
            arn=running.arn,
            config_type="AWS::EC2::Instance",
            account=HOME,
            region="us-east-1",
            tags={"owner": "ann"},
            configuration={"state": {"name": "running"}},
        ),
        instance(2, region="eu-west-1"),
        instance(3, account=OTHER),
        Item(arn="arn:aws:x:::y", type="x:y", account=HOME, region="us-east-1"),
    )
    client = aws.client("config")
    client.put_configuration_aggregator(
        ConfigurationAggregatorName="all", AccountAggregationSources=[{"AccountIds": [HOME], "AllAwsRegions": True}]
    )
    answer = client.select_aggregate_resource_config(
        Expression=f"SELECT arn, tags, configuration.state.name{where}", ConfigurationAggregatorName="all"
    )
    rows = [json.loads(text) for text in answer["Results"]]
    assert [int(row["arn"][-17:]) for row in rows] == found
    if 1 in found:
        assert rows[0]["tags"] == [{"key": "owner", "value": "ann", "tag": "owner=ann"}]
        assert rows[0]["configuration"] == {"state": {"name": "running"}}


def test_config_pages_and_its_errors(aws: AwsServer) -> None:
    aws.seed(*(instance(number) for number in range(130)))
    client = aws.client("config")
    client.put_configuration_aggregator(
        ConfigurationAggregatorName="all", AccountAggregationSources=[{"AccountIds": [HOME], "AllAwsRegions": True}]
    )
    select = client.select_aggregate_resource_config
    asked = {"Expression": "SELECT arn", "ConfigurationAggregatorName": "all"}
    assert len(select(**asked)["Results"]) == 25
    pages = client.get_paginator("select_aggregate_resource_config").paginate(
        **asked, PaginationConfig={"PageSize": 100}
    )
    assert [len(page["Results"]) for page in pages] == [100, 30]
    assert code_of(lambda: select(**asked, Limit=101)) == "InvalidLimitException"
    assert code_of(lambda: select(**{**asked, "Expression": "DROP x"})) == "InvalidExpressionException"
    assert code_of(lambda: select(**asked, NextToken="made-up")) == "InvalidNextTokenException"
    none = {**asked, "ConfigurationAggregatorName": "none"}
    assert code_of(lambda: select(**none)) == "NoSuchConfigurationAggregatorException"


# ------------------------------------------------------------------ Resource Groups Tagging


def queue(aws: AwsServer, name: str, region: str = "us-east-1") -> str:
    """A topic, which this API and moto both tag."""
    return str(aws.client("sns", region).create_topic(Name=name)["TopicArn"])


def test_tagging_shows_what_is_tagged_and_what_was(aws: AwsServer) -> None:
    client = aws.client(TAGGING)
    tagged, untagged, _never = queue(aws, "tagged"), queue(aws, "untagged"), queue(aws, "never")
    told = queue(aws, "told")
    client.tag_resources(ResourceARNList=[tagged, untagged], Tags={"owner": "ann"})
    client.untag_resources(ResourceARNList=[untagged], TagKeys=["owner"])
    aws.previously_tagged(told)
    shown = {one["ResourceARN"]: one["Tags"] for one in client.get_resources()["ResourceTagMappingList"]}
    assert shown == {tagged: [{"Key": "owner", "Value": "ann"}], untagged: [], told: []}
    some = client.get_resources(ResourceARNList=[untagged])["ResourceTagMappingList"]
    assert some == [{"ResourceARN": untagged, "Tags": []}]
    filtered = client.get_resources(TagFilters=[{"Key": "owner"}])["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in filtered] == [tagged]


def test_tagging_pages_and_its_tokens_expire(aws: AwsServer) -> None:
    client = aws.client(TAGGING)
    arns = [queue(aws, f"queue-{number:03d}") for number in range(25)]
    client.tag_resources(ResourceARNList=arns[:20], Tags={"owner": "ann"})
    client.tag_resources(ResourceARNList=arns[20:], Tags={"owner": "ann"})
    pages = list(client.get_paginator("get_resources").paginate(ResourcesPerPage=10))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [10, 10, 5]
    assert sorted(one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]) == arns
    token = client.get_resources(ResourcesPerPage=10)["PaginationToken"]
    again = {"ResourcesPerPage": 10, "PaginationToken": token}
    assert code_of(lambda: client.get_resources(**{**again, "ResourcesPerPage": 20})) == "InvalidParameterException"
    aws.expire_tokens()
    assert code_of(lambda: client.get_resources(**again)) == "PaginationTokenExpiredException"


def test_a_page_ends_where_its_tags_would_not_fit(aws: AwsServer) -> None:
    client = aws.client(TAGGING)
    arns = [queue(aws, f"queue-{number:03d}") for number in range(12)]
    client.tag_resources(ResourceARNList=arns, Tags={f"key-{number}": "value" for number in range(30)})
    pages = list(client.get_paginator("get_resources").paginate(TagsPerPage=100))
    # Three resources of 30 tags fit into 100; a fourth would be split.
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [3, 3, 3, 3]


@pytest.mark.parametrize(
    "asked",
    [
        {"ResourceARNList": ["arn:aws:sns:us-east-1:123456789012:q"] * 101},
        {"ResourceARNList": ["arn:aws:sns:us-east-1:123456789012:q"], "ResourcesPerPage": 10},
        {"ResourceARNList": ["arn:aws:sns:us-east-1:123456789012:q"], "TagFilters": [{"Key": "a"}]},
        {"ResourceARNList": ["arn:aws:sns:us-east-1:123456789012:q"], "ResourceTypeFilters": ["sns"]},
        {"ResourcesPerPage": 101},
        {"TagsPerPage": 99},
        {"TagsPerPage": 501},
        {"ResourceTypeFilters": ["sns"] * 101},
        {"TagFilters": [{"Key": str(number)} for number in range(51)]},
        {"TagFilters": [{"Key": "a", "Values": [str(number) for number in range(21)]}]},
        {"PaginationToken": "made-up"},
    ],
    ids=lambda asked: "+".join(asked),
)
def test_tagging_refuses_what_its_documentation_forbids(aws: AwsServer, asked: dict[str, Any]) -> None:
    assert code_of(lambda: aws.client(TAGGING).get_resources(**asked)) == "InvalidParameterException"


@pytest.mark.parametrize(
    "asked",
    [
        {"ResourceARNList": [f"arn:aws:sns:us-east-1:123456789012:q{number}" for number in range(21)]},
        {"Tags": {f"key-{number}": "x" for number in range(51)}},
        {"Tags": {"aws:owner": "ann"}},
        {"Tags": {"k" * 129: "x"}},
        {"Tags": {"k": "x" * 257}},
    ],
    ids=["21 resources", "51 tags", "aws:", "long key", "long value"],
)
def test_tagging_writes_within_its_limits(aws: AwsServer, asked: dict[str, Any]) -> None:
    usual = {"ResourceARNList": [queue(aws, "q")], "Tags": {"owner": "ann"}}
    assert code_of(lambda: aws.client(TAGGING).tag_resources(**{**usual, **asked})) == "InvalidParameterException"


def test_tagging_tells_which_resources_failed(aws: AwsServer) -> None:
    good, throttled = queue(aws, "good"), queue(aws, "throttled")
    there = queue(aws, "there", "eu-west-1")
    theirs = f"arn:aws:sns:us-east-1:{OTHER}:q"
    aws.tag_failures[throttled] = "ThrottlingException"
    answer = aws.client(TAGGING).tag_resources(ResourceARNList=[good, throttled, there, theirs], Tags={"owner": "ann"})
    failed = {arn: told["ErrorCode"] for arn, told in answer["FailedResourcesMap"].items()}
    assert failed == {
        throttled: "ThrottlingException",
        there: "InvalidParameterException",
        theirs: "InvalidParameterException",
    }
    shown = aws.client(TAGGING).get_resources()["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in shown] == [good]


def test_tagging_speaks_cbor_too(aws: AwsServer) -> None:
    """Its model offers RPC v2; which of the two an SDK speaks depends on its version."""
    topic = queue(aws, "q")
    aws.client(TAGGING).tag_resources(ResourceARNList=[topic], Tags={"owner": "ann"})
    connection = http.client.HTTPConnection("127.0.0.1", int(aws.url.rsplit(":", 1)[1]), timeout=10)
    scope = f"Credential={access_key(HOME)}/20260101/us-east-1/tagging/aws4_request"
    connection.request(
        "POST",
        "/service/ResourceGroupsTaggingAPI_20170126/operation/GetResources",
        body=wire.to_cbor({"ResourcesPerPage": 10}),
        headers={
            "smithy-protocol": "rpc-v2-cbor",
            "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={SECRET}",
        },
    )
    with connection.getresponse() as answer:
        told = wire.from_cbor(answer.read())
    connection.close()
    assert told["ResourceTagMappingList"] == [{"ResourceARN": topic, "Tags": [{"Key": "owner", "Value": "ann"}]}]


# ------------------------------------------------------------------ S3


@pytest.mark.parametrize("noun", ["role", "user"])
def test_to_iam_the_keys_of_roles_and_users_are_one_in_any_case(aws: AwsServer, noun: str) -> None:
    client = aws.client("iam")
    named = {f"{noun.capitalize()}Name": "one"}
    getattr(client, f"create_{noun}")(**named, **({"AssumeRolePolicyDocument": "{}"} if noun == "role" else {}))
    for key in ("owner", "other", "Owner"):
        getattr(client, f"tag_{noun}")(**named, Tags=[{"Key": key, "Value": key}])
    tags = {tag["Key"]: tag["Value"] for tag in getattr(client, f"list_{noun}_tags")(**named)["Tags"]}
    assert tags == {"other": "other", "Owner": "Owner"}


def test_a_bucket_is_tagged_in_its_own_region_alone(aws: AwsServer) -> None:
    client = aws.client("s3", "eu-west-1")
    client.create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_tagging(Bucket="there", Tagging={"TagSet": [{"Key": "owner", "Value": "ann"}]})
    shown = {
        region: [one["ResourceARN"] for one in aws.client(TAGGING, region).get_resources()["ResourceTagMappingList"]]
        for region in ("eu-west-1", "us-east-1")
    }
    assert shown == {"eu-west-1": ["arn:aws:s3:::there"], "us-east-1": []}


def test_a_bucket_of_another_region_redirects_and_the_sdk_follows(aws: AwsServer) -> None:
    client = aws.client("s3", "eu-west-1")
    client.create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_tagging(Bucket="there", Tagging={"TagSet": [{"Key": "owner", "Value": "ann"}]})
    assert aws.client("s3").get_bucket_tagging(Bucket="there")["TagSet"] == [{"Key": "owner", "Value": "ann"}]
    told = [(made.region, made.status) for made in aws.calls("s3", "GetBucketTagging")]
    assert told == [("us-east-1", 301), ("eu-west-1", 200)]


def test_objects_come_back_as_they_went(aws: AwsServer) -> None:
    client = aws.client("s3")
    client.create_bucket(Bucket="states")
    body = bytes(range(256)) * 4096
    client.put_object(Bucket="states", Key="live/a b+c/ä.tfstate", Body=body)
    assert client.get_object(Bucket="states", Key="live/a b+c/ä.tfstate")["Body"].read() == body
    assert client.head_object(Bucket="states", Key="live/a b+c/ä.tfstate")["ContentLength"] == len(body)


# ------------------------------------------------------------------ the smallest answers


@pytest.mark.parametrize(
    ("service", "operation", "shape"),
    [
        ("ec2", "DescribeInstances", {"Reservations": []}),
        ("rds", "DescribeDBInstances", {"DBInstances": []}),
        ("dynamodb", "ListTables", {"TableNames": []}),
        ("iam", "ListRoles", {"Roles": [], "IsTruncated": False}),
        ("lambda", "ListFunctions", {"Functions": []}),
    ],
)
def test_the_smallest_answer_of_a_list_is_that_there_is_nothing(
    service: str, operation: str, shape: dict[str, Any]
) -> None:
    output = wire.operation_model(service, operation).output_shape
    assert output is not None
    assert wire.smallest(output, 3) == shape
