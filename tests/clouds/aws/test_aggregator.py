"""AWS Config's aggregator: what it is asked, and that its silence about tags says nothing."""

from datetime import UTC, datetime

import pytest

from costguard.clouds.aws import aggregator
from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import Sighting, SourceAbsent, SourceError
from tests.servers import faults
from tests.servers.aws import HOME, AwsServer
from tests.servers.indexed import Item

EAST = "us-east-1"
SHOP = "111122223333"
CAPTURED = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


@pytest.fixture
def caller(aws: AwsServer) -> Access:
    access = Aws(Pacer()).caller
    access.identify()
    aws.client("config").put_configuration_aggregator(
        ConfigurationAggregatorName="all",
        AccountAggregationSources=[{"AccountIds": [SHOP], "AllAwsRegions": True}],
    )
    return access


def item(arn: str, config_type: str, account: str = SHOP, **tags: str) -> Item:
    return Item(arn=arn, config_type=config_type, account=account, region=EAST, tags=tags, reported=CAPTURED)


def read(caller: Access, accounts: list[str]) -> dict[str, Sighting]:
    return {seen.id: seen for page in aggregator.read(caller, EAST, "all", accounts) for seen in page}


def test_tags_that_are_recorded_are_told_and_none_means_nothing(aws: AwsServer, caller: Access) -> None:
    queue, other = f"arn:aws:sqs:{EAST}:{SHOP}:kept", f"arn:aws:sqs:{EAST}:{SHOP}:bare"
    aws.seed(item(queue, "AWS::SQS::Queue", owner="payments"), item(other, "AWS::SQS::Queue"))

    seen = read(caller, [SHOP])

    assert seen[queue] == Sighting(
        id=queue,
        type="aws_sqs_queue",
        account=SHOP,
        region=EAST,
        tags={"owner": "payments"},
        reported=int(CAPTURED.timestamp()),
    )
    # Config doesn't record the tags of every type: without any it doesn't know.
    assert (seen[other].tags, seen[other].unread) == (None, "")


def test_what_nobody_can_tag_is_no_sighting(aws: AwsServer, caller: Access) -> None:
    aws.seed(
        item(f"arn:aws:config:{EAST}:{SHOP}:config-rule/one", "AWS::Nowhere::Compliance"),
        Item(arn="", config_type="AWS::SQS::Queue", account=SHOP, region=EAST),
    )
    assert read(caller, [SHOP]) == {}


def test_other_accounts_are_not_asked_for(aws: AwsServer, caller: Access) -> None:
    theirs = f"arn:aws:sqs:{EAST}:999900001111:theirs"
    aws.seed(item(theirs, "AWS::SQS::Queue", "999900001111", owner="x"))
    assert read(caller, [SHOP]) == {}
    assert set(read(caller, ["999900001111"])) == {theirs}


def test_many_accounts_and_many_pages(aws: AwsServer, caller: Access) -> None:
    """An expression has 4,096 characters at most, a page 100 results."""
    accounts = [f"{number:012d}" for number in range(1, 341)]
    aws.seed(
        *(
            item(f"arn:aws:sqs:{EAST}:{account}:{queue}", "AWS::SQS::Queue", account, owner="x")
            for account in accounts
            for queue in ("a", "b")
        )
    )

    assert len(read(caller, accounts)) == 680

    asked = aws.calls("config", "SelectAggregateResourceConfig")
    expressions = list(dict.fromkeys(one.parameters["Expression"] for one in asked))
    # 150, 150 and 40 accounts; 300, 300 and 80 resources; three, three and one page.
    assert (len(expressions), len(asked)) == (3, 7)
    assert all(len(expression) <= 4096 for expression in expressions)
    assert {one.parameters.get("Limit", one.parameters.get("MaxResults")) for one in asked} == {100}


def test_the_first_aggregator_by_name_is_taken_and_none_is_absent(caller: Access) -> None:
    assert aggregator.find(caller, EAST) == "all"
    with pytest.raises(SourceAbsent, match="no AWS Config aggregator"):
        aggregator.find(caller, "eu-west-1")


def test_an_aggregator_that_may_not_be_looked_for_is_said_to_be_so(aws: AwsServer, caller: Access) -> None:
    aws.fault(faults.denied(), service="config")
    with pytest.raises(SourceError, match="access denied to DescribeConfigurationAggregators"):
        aggregator.find(caller, EAST)


@pytest.mark.parametrize(
    "row",
    [
        "",
        "no JSON",
        "[]",
        "null",
        '{"arn": 7}',
        '{"arn": "arn:aws:sqs:::q", "resourceType": "AWS::SQS::Queue", "tags": 1}',
    ],
)
def test_a_row_that_is_none_is_passed_over(aws: AwsServer, caller: Access, row: str) -> None:
    from tests.servers import wire

    effect = faults.Effect(name="odd", answer=lambda call: wire.render(call, {"Results": [row]}))
    aws.fault(effect, operation="SelectAggregateResourceConfig")
    assert read(caller, [HOME]) == {}


def test_a_time_that_is_none_is_no_age(aws: AwsServer, caller: Access) -> None:
    from tests.servers import wire

    row = (
        '{"arn": "arn:aws:sqs:us-east-1:111122223333:q", "resourceType": "AWS::SQS::Queue", '
        '"configurationItemCaptureTime": "yesterday", "tags": [{"key": "owner", "value": null}]}'
    )
    effect = faults.Effect(name="odd", answer=lambda call: wire.render(call, {"Results": [row]}))
    aws.fault(effect, operation="SelectAggregateResourceConfig")
    (seen,) = read(caller, [HOME]).values()
    assert (seen.reported, seen.tags, seen.region) == (None, {"owner": ""}, "global")
