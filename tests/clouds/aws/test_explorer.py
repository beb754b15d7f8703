"""Resource Explorer: which of its indexes is asked, and what its entries do and don't say."""

from datetime import UTC, datetime

import pytest

from costguard.clouds.aws import explorer
from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.pace import Pacer
from costguard.clouds.sighting import Sighting, SourceAbsent, SourceError
from tests.servers import faults, wire
from tests.servers.aws import HOME, AwsServer
from tests.servers.indexed import REPORTED, Item

EAST, WEST = "us-east-1", "eu-west-1"
OTHER = "111122223333"


@pytest.fixture
def caller(aws: AwsServer) -> Access:
    access = Aws(Pacer()).caller
    access.identify()
    aws.explorer.enable(HOME, WEST, aggregator=EAST)
    return access


def read(caller: Access, *, regions: set[str] | None = None, accounts: set[str] | None = None) -> dict[str, Sighting]:
    pages = explorer.read(caller, EAST, None, accounts or {HOME}, regions)
    return {seen.id: seen for page in pages for seen in page}


def queue(name: str, region: str = EAST, account: str = HOME, **tags: str) -> Item:
    return Item(
        arn=f"arn:aws:sqs:{region}:{account}:{name}", type="sqs:queue", account=account, region=region, tags=tags
    )


def test_the_aggregator_is_asked_where_there_is_one(aws: AwsServer, caller: Access) -> None:
    assert explorer.indexes(caller) == (EAST, frozenset({EAST, WEST}))
    aws.explorer.indexes.clear()
    aws.explorer.enable(HOME, EAST, WEST)
    assert explorer.indexes(caller) == (None, frozenset({EAST, WEST}))
    aws.explorer.indexes.clear()
    with pytest.raises(SourceAbsent, match="isn't turned on"):
        explorer.indexes(caller)


def test_a_resource_without_tags_has_none_and_one_of_iam_is_not_known(aws: AwsServer, caller: Access) -> None:
    """ "IAM tags are not indexed": that Explorer shows none of a role says nothing."""
    role = f"arn:aws:iam::{HOME}:role/deploy"
    aws.seed(
        queue("bare"),
        queue("kept", owner="payments"),
        Item(arn=role, type="iam:role", account=HOME, region="global", tags={"owner": "payments"}),
    )

    seen = read(caller)

    bare, kept = f"arn:aws:sqs:{EAST}:{HOME}:bare", f"arn:aws:sqs:{EAST}:{HOME}:kept"
    assert seen[bare].tags == {}
    assert seen[kept] == Sighting(
        id=kept,
        type="aws_sqs_queue",
        account=HOME,
        region=EAST,
        tags={"owner": "payments"},
        reported=int(REPORTED.timestamp()),
    )
    assert (seen[role].type, seen[role].tags, seen[role].unread) == ("aws_iam_role", None, "")


def test_keys_keep_their_case(aws: AwsServer, caller: Access) -> None:
    """Explorer's own search doesn't mind the case of a key; what it shows is as it is."""
    aws.seed(queue("one", Owner="a", owner="b"))
    (seen,) = read(caller).values()
    assert seen.tags == {"Owner": "a", "owner": "b"}


def test_what_was_not_asked_for_is_left_out(aws: AwsServer, caller: Access) -> None:
    role = Item(arn=f"arn:aws:iam::{HOME}:role/deploy", type="iam:role", account=HOME, region="global")
    aws.seed(queue("east"), queue("west", WEST), role)
    names = {id_.rpartition(":")[2] for id_ in read(caller, regions={WEST})}
    assert names == {"west", "role/deploy"}, "what is global is in every region"
    assert read(caller, accounts={OTHER}) == {}


@pytest.mark.parametrize("silent", [False, True])
def test_a_view_without_tags_leaves_them_unread(aws: AwsServer, caller: Access, silent: bool) -> None:
    aws.explorer.view(HOME, EAST, "bare", tags=False, silent=silent, default=True)
    aws.seed(queue("kept", owner="payments"))
    (seen,) = read(caller).values()
    assert seen.tags is None
    assert "doesn't include tags" in seen.unread


def test_a_view_with_a_filter_is_not_the_whole(aws: AwsServer, caller: Access) -> None:
    aws.explorer.view(HOME, EAST, "narrow", filter="service:sqs", default=True)
    aws.seed(queue("kept", owner="payments"))
    pages = explorer.read(caller, EAST, None, {HOME}, None)
    assert [len(page) for page in [next(pages)]] == [1], "what it shows is kept"
    with pytest.raises(SourceError, match=r"shows only what its filter \(service:sqs\) lets through"):
        next(pages)


def entry(**more: object) -> dict[str, object]:
    return {
        "Arn": f"arn:aws:sqs:{EAST}:{HOME}:q",
        "OwningAccountId": HOME,
        "Region": EAST,
        "ResourceType": "sqs:queue",
        "Service": "sqs",
        **more,
    }


@pytest.mark.parametrize(
    ("data", "tags"),
    [
        ([{"Key": "owner", "Value": "a"}], {"owner": "a"}),
        ([{"Key": "owner"}], {"owner": ""}),
        ([], {}),
        ({"owner": "a"}, None),
        ("owner", None),
        ([["owner", "a"]], None),
        ([{"Key": 7, "Value": "a"}], None),
    ],
)
def test_tags_of_another_form_than_the_documented_are_not_known(
    aws: AwsServer, caller: Access, data: object, tags: dict[str, str] | None
) -> None:
    """The property's data is a document, which may be anything."""
    shown = entry(Properties=[{"Name": "tags", "Data": data, "LastReportedAt": datetime(2026, 11, 2, tzinfo=UTC)}])
    effect = faults.Effect(name="odd", answer=lambda call: wire.render(call, {"Resources": [shown]}))
    aws.fault(effect, operation="ListResources")
    (seen,) = read(caller).values()
    assert seen.tags == tags
    assert seen.reported == int(datetime(2026, 11, 2, tzinfo=UTC).timestamp())


def test_an_entry_without_an_arn_or_an_owner_is_passed_over(aws: AwsServer, caller: Access) -> None:
    shown = [entry(Arn=None), entry(OwningAccountId=None), {}, entry(ResourceType=None, Service=None, Region=None)]
    shown = [{key: value for key, value in one.items() if value is not None} for one in shown]
    effect = faults.Effect(name="odd", answer=lambda call: wire.render(call, {"Resources": shown}))
    aws.fault(effect, operation="ListResources")
    (seen,) = read(caller).values()
    assert (seen.type, seen.region) == ("aws_sqs_queue", "global")
