"""What a scan asks AWS for: which calls with which parameters, as whom, and how fast."""

import json
from collections import Counter

import pytest

from costguard.clouds.aws import calls
from tests.servers import faults
from tests.servers.aws import AwsServer
from tests.servers.faults import DOCUMENTED, Quota
from tests.servers.organisation import (
    ACCOUNTS,
    EAST,
    EXTERNAL_ID,
    LABS,
    MAIN,
    SHOP,
    TYPES,
    WEST,
    Organisation,
    Scan,
    role_arn,
)

EXPLORER, TAGGING = "resource-explorer-2", "resourcegroupstaggingapi"
INSTANCES, QUEUES, BUCKETS, SECRETS, REPOS = TYPES


# ------------------------------------------------------------------ what is asked


def test_a_scan_asks_in_the_largest_pages_that_are_safe(organisation: Organisation, scan: Scan) -> None:
    aws = organisation.aws

    assert scan().gaps == {}

    # Resource Explorer gives no token for the next page where a page may hold 1,000.
    assert [one.parameters["MaxResults"] for one in aws.calls(EXPLORER, "ListResources")] == [500, 500, 500]
    assert {one.parameters["Filters"]["FilterString"] for one in aws.calls(EXPLORER, "ListResources")} == {
        "resourcetype.supports:tags"
    }
    assert {one.parameters["ResourcesPerPage"] for one in aws.calls(TAGGING)} == {100}
    assert {one.parameters["MaxResults"] for one in aws.calls("secretsmanager")} == {100}
    assert {one.parameters["MaxResults"] for one in aws.calls("ec2", "DescribeInstances")} == {1000}
    assert {one.parameters["MaxResults"] for one in aws.calls("sqs", "ListQueues")} == {1000}
    # A page after the first carries the first one's token and nothing is asked twice.
    pages = [
        one.parameters.get("PaginationToken") for one in aws.calls(TAGGING) if (one.account, one.region) == (SHOP, EAST)
    ]
    assert pages[0] is None
    assert len(set(pages)) == len(pages) == 3


def test_types_that_were_named_are_what_is_asked_for(organisation: Organisation, scan: Scan) -> None:
    scan(types=(QUEUES, INSTANCES))
    filters = {tuple(one.parameters["ResourceTypeFilters"]) for one in organisation.aws.calls(TAGGING)}
    # The services alone: a queue's ARN doesn't name its kind, so that a filter of the kind may find none.
    assert filters == {("ec2", "sqs")}
    asked = {one.service for one in organisation.aws.requests}
    assert asked.isdisjoint({"s3", "secretsmanager", "rds", "lambda"})
    assert {one.operation for one in organisation.aws.calls("ec2")} == {"DescribeRegions", "DescribeInstances"}


def test_tags_are_asked_one_by_one_only_where_the_tagging_api_showed_none(
    organisation: Organisation, scan: Scan
) -> None:
    scan(types=(QUEUES, BUCKETS))
    queues = [one.parameters["QueueUrl"].rsplit("/", 1)[1] for one in organisation.aws.calls("sqs", "ListQueueTags")]
    assert Counter(queues) == {"bare": 6}, "three accounts, two regions"
    buckets = [one.parameters["Bucket"] for one in organisation.aws.calls("s3", "GetBucketTagging")]
    # A bucket without tags by that call's own error is asked once, too.
    assert set(buckets) >= {f"bare-{account}" for account in ACCOUNTS}
    assert len(buckets) == len(set(buckets))


def test_each_account_is_read_as_its_own_role(organisation: Organisation, scan: Scan) -> None:
    aws = organisation.aws
    scan(types=(INSTANCES,), **{"session-name": "nightly-audit"})

    assumed = [one.parameters for one in aws.calls("sts", "AssumeRole")]
    assert sorted(one["RoleArn"] for one in assumed) == sorted([role_arn(SHOP), role_arn(LABS)])
    assert {one["RoleSessionName"] for one in assumed} == {"nightly-audit"}
    assert {one["ExternalId"] for one in assumed} == {EXTERNAL_ID}
    keys: dict[str, set[str]] = {}
    for one in aws.requests:
        keys.setdefault(one.account, set()).add(one.key)
    assert set(keys) == {MAIN, SHOP, LABS}
    assert all(len(each) == 1 for each in keys.values()), "one session serves all of an account's calls"


def test_accounts_that_are_left_out_are_not_even_opened(organisation: Organisation, scan: Scan) -> None:
    scanned = scan(types=(INSTANCES,), **{"exclude-accounts": [SHOP, MAIN]})
    assert [one.parameters["RoleArn"] for one in organisation.aws.calls("sts", "AssumeRole")] == [role_arn(LABS)]
    assert set(scanned.statuses) == organisation.pick(account=LABS, type=INSTANCES)


def test_listed_accounts_need_no_organisation(organisation: Organisation, scan: Scan) -> None:
    scanned = scan("--account", LABS, "--account", MAIN, types=(INSTANCES,))
    assert organisation.aws.calls("organizations") == []
    assert set(scanned.statuses) == organisation.pick(account=LABS, type=INSTANCES) | organisation.pick(
        account=MAIN, type=INSTANCES
    )


def test_an_organisation_of_many_pages_is_read_whole(organisation: Organisation, scan: Scan) -> None:
    """AWS lists twenty accounts at most in a page; those that aren't ours to open are gaps."""
    from tests.servers.aws import Account

    others = [Account(f"{number:012d}") for number in range(1, 46)]
    organisation.aws.accounts[1:1] = others
    scanned = scan(types=(INSTANCES,))
    assert len(organisation.aws.calls("organizations", "ListAccounts")) == 3
    assert set(scanned.gaps) == {f"aws/{other.id}/global/*/account" for other in others}
    assert set(scanned.statuses) == organisation.pick(type=INSTANCES)


def test_named_regions_alone_are_asked(organisation: Organisation, scan: Scan) -> None:
    scanned = scan("--region", WEST, types=(INSTANCES,))
    assert {one.region for one in organisation.aws.calls("ec2", "DescribeInstances")} == {WEST}
    assert {one.region for one in organisation.aws.calls(TAGGING)} == {WEST}
    assert set(scanned.statuses) == organisation.pick(region=WEST, type=INSTANCES)


# ------------------------------------------------------------------ least privilege


def test_a_scan_is_refused_nothing_by_the_permissions_that_it_prints(organisation: Organisation, scan: Scan) -> None:
    """Every call is in the table of calls, and the policy document is that table."""
    aws = organisation.aws
    aws.allow = calls.permitted()

    scanned = scan()

    assert aws.refused == []
    assert scanned.gaps == {}
    needed = {
        action
        for call in calls.calls()
        for action in call.needs
        if (call.service, call.operation) in {(one.service, one.operation) for one in aws.requests}
    }
    statements = json.loads(calls.policy_document())["Statement"]
    allowed = [action for statement in statements for action in statement["Action"]]
    # Who assumes roles, lists accounts and reads states is the caller, whose permissions are beside those of the role.
    beside = {"sts:AssumeRole", "sts:GetCallerIdentity", "organizations:ListAccounts", "s3:ListBucket", "s3:GetObject"}
    assert needed - beside <= set(allowed)
    assert set(allowed) == {action for call in calls.calls() for action in call.needs} - beside
    assert len(allowed) == len(set(allowed)), "each is in one statement"
    assert all(statement["Action"] == sorted(statement["Action"]) for statement in statements)
    assert not any("*" in action for action in allowed)
    assert {statement["Effect"] for statement in statements} == {"Allow"}


def test_a_scan_for_everything_is_refused_nothing_either(organisation: Organisation, scan: Scan) -> None:
    aws = organisation.aws
    aws.allow = calls.permitted()

    scanned = scan("--account", "current", "--region", WEST, types=())

    assert aws.refused == []
    assert len({one.service for one in aws.requests}) > 40
    # What moto doesn't know is a 501 of the test's server.
    assert {where: why for where, why in scanned.gaps.items() if "HTTP 501" not in why} == {}
    assert organisation.pick(account=MAIN, region=WEST, type=INSTANCES) <= set(scanned.statuses)


def test_the_permissions_are_to_read() -> None:
    verbs = {action.partition(":")[2] for action in calls.actions()}
    reading = ("Describe", "Get", "List", "Select", "GET", "Search", "BatchGet", "Lookup")
    assert [verb for verb in sorted(verbs) if not verb.startswith(reading)] == []


# ------------------------------------------------------------------ how fast


def previously_tagged(aws: AwsServer, account: str, count: int) -> set[str]:
    arns = {f"arn:aws:codecommit:{EAST}:{account}:once-{number:05d}" for number in range(count)}
    for arn in arns:
        aws.previously_tagged(arn)
    return arns


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for other in times if at <= other < at + 1.0) for at in times)


def test_the_documented_quotas_are_kept_in_every_account(organisation: Organisation, scan: Scan) -> None:
    """Two accounts at a time, 30 pages each where 15 may be asked at once and 15 in a second."""
    aws = organisation.aws
    aws.quotas = DOCUMENTED
    arns = previously_tagged(aws, SHOP, 3_000) | previously_tagged(aws, LABS, 3_000)

    scanned = scan("--region", EAST, types=(REPOS,), sources=["tagging", "explorer"], accounts=[SHOP, LABS])

    assert set(scanned.gaps) == {f"aws/{LABS}/global/*/explorer"}, "it isn't turned on there, and was asked for"
    assert arns <= set(scanned.statuses)
    assert set(scanned.statuses) - arns == organisation.pick(account=SHOP, region=EAST, type=REPOS)
    for account in (SHOP, LABS):
        asked = [one for one in aws.calls(TAGGING) if one.account == account]
        assert len([one for one in asked if not one.fault]) == 30
        # Clocks differ by as much as a call takes: one or two may come too early.
        assert len([one for one in asked if one.fault]) <= 2
        assert most_in_a_second([one.at for one in asked]) <= 15 + 15 + 1
    assert len([one for one in aws.calls(EXPLORER) if one.fault]) <= 2


def test_a_cloud_that_allows_half_as_much_is_asked_more_slowly(
    organisation: Organisation, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    aws = organisation.aws
    aws.quotas = (Quota(TAGGING, ("GetResources",), 7.5, 7.5),)
    arns = previously_tagged(aws, LABS, 4_000)

    scanned = scan("--region", EAST, types=(REPOS,), sources=["tagging"], accounts=[LABS])

    assert scanned.gaps == {}
    assert set(scanned.statuses) == arns
    asked = aws.calls(TAGGING)
    assert len([one for one in asked if not one.fault]) == 40
    # Sixteen of each hundred calls that a loop makes without a pace are too many; each throttle halves ours.
    assert len([one for one in asked if one.fault]) <= 10


# ------------------------------------------------------------------ hostile text

ESC = "\x1b[31m"


def test_hostile_names_and_tags_are_text(organisation: Organisation, scan: Scan) -> None:
    strange = f"arn:aws:codecommit:{EAST}:{LABS}:"
    entries = [
        {"ResourceARN": f"{strange}{ESC}red", "Tags": [{"Key": "owner", "Value": f"{ESC}\r\n::error::<script>"}]},
        {"ResourceARN": f"{strange}half\ud800", "Tags": [{"Key": "\udfff", "Value": "\ud800"}]},
        {"ResourceARN": f"{strange}\u202egnp.exe", "Tags": [{"Key": "owner", "Value": "x" * 100_000}]},
        {"ResourceARN": f"{strange}none", "Tags": None},
        {"ResourceARN": f"{strange}odd", "Tags": [{"Key": "owner"}, {"Value": "x"}, {}]},
        {"ResourceARN": "nonsense", "Tags": []},
        {"ResourceARN": "arn:aws:::::", "Tags": []},
        {"ResourceARN": ""},
        {},
    ]
    body = json.dumps({"PaginationToken": "", "ResourceTagMappingList": entries}).encode()
    organisation.aws.fault(faults.malformed(body), service=TAGGING, account=LABS, region=EAST)

    scanned = scan("--region", EAST, types=(REPOS,), sources=["tagging"], accounts=[LABS])

    assert scanned.gaps == {}
    verdicts = {one.removeprefix(strange): verdict for one, verdict in scanned.verdicts.items()}
    assert verdicts == {r"half\ud800": "missing", "none": "missing", "odd": "empty"}
    assert scanned.statuses[f"{strange}{ESC}red"] == "compliant"
    assert scanned.code == 1
