"""What goes wrong in a cloud, and what the report then says: the fault table.

Each row scans the same organisation with one thing wrong in it, through the command, the real SDK and a real server.
The report must be what it is without the fault but for what the fault hides: that is a gap, or a line of the ledger
where nobody asked for it, and a resource whose tags could not be read is ``unknown``, never ``missing``.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from costguard.cli.main import outcome
from tests.servers import faults, wire
from tests.servers.aws import Account, Role
from tests.servers.faults import Effect
from tests.servers.organisation import (
    ACCOUNTS,
    EAST,
    LABS,
    MAIN,
    OTHER_REGION,
    REPOSITORIES,
    SHOP,
    TYPES,
    WEST,
    Organisation,
    Scan,
    Scanned,
    role_arn,
)
from tests.servers.wire import Call

EXPLORER, TAGGING = "resource-explorer-2", "resourcegroupstaggingapi"
VIEW = "00000000-0000-4000-8000-000000000000"
INSTANCES, QUEUES, BUCKETS, SECRETS, REPOS = TYPES


def statuses(
    organisation: Organisation,
    types: tuple[str, ...],
    without: frozenset[str],
    unknown: frozenset[str],
    accounts: Collection[str] = ACCOUNTS,
) -> dict[str, str]:
    """What the organisation is known to hold, less what can't be seen."""
    return {
        one.arn: "unknown" if one.arn in unknown else "compliant" if one.tagged else "violating"
        for one in organisation.made
        if one.type in types and one.account in accounts and one.arn not in without
    }


Pick = Callable[[Organisation], frozenset[str]]


def nothing(_: Organisation) -> frozenset[str]:
    return frozenset()


def these(**what: Any) -> Pick:
    return lambda organisation: organisation.pick(**what)


def later_repositories(pages: int) -> Pick:
    """The repositories that Explorer lists after so many pages of 500: it sorts by ARN, and theirs come first."""
    return lambda organisation: frozenset(sorted(organisation.pick(type=REPOS))[500 * pages :])


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """``order`` makes something go wrong. ``gaps`` are all gaps, each with words that its reason must have; ``ledger``
    are cells that must be. ``lost`` can't be seen; ``unknown`` is there, its tags are not."""

    name: str
    order: Callable[[Organisation], object]
    gaps: Mapping[str, tuple[str, ...]] = {}
    ledger: Mapping[str, tuple[str, int]] = {}
    lost: Pick = nothing
    unknown: Pick = nothing
    types: tuple[str, ...] = (INSTANCES, QUEUES, BUCKETS)
    accounts: tuple[str, ...] = ACCOUNTS
    aws: Mapping[str, object] = {}


def fault(effect: Effect, **to: Any) -> Callable[[Organisation], object]:
    return lambda organisation: organisation.aws.fault(effect, **to)


def following(parameter: str) -> Callable[[Call], bool]:
    """Calls for any page but the first."""
    return lambda call: bool(call.parameters.get(parameter))


def of_queue(name: str) -> Callable[[Call], bool]:
    return lambda call: str(call.parameters.get("QueueUrl", "")).endswith(f"/{name}")


def page_that_repeats(output: Mapping[str, object]) -> Effect:
    return Effect(name="repeating", answer=lambda call: wire.render(call, dict(output)))


def both(*orders: Callable[[Organisation], object]) -> Callable[[Organisation], object]:
    def order(organisation: Organisation) -> None:
        for one in orders:
            one(organisation)

    return order


PLACES: Final = ((MAIN, EAST), (MAIN, WEST), (LABS, EAST), (LABS, WEST))  # Where there is no index.


def each_place(*effects: Effect) -> Callable[[Organisation], object]:
    """The listing of instances goes wrong in each of the places in another way."""
    return both(
        *(
            fault(effect, operation="DescribeInstances", account=account, region=region)
            for (account, region), effect in zip(PLACES, effects, strict=True)
        )
    )


def in_each_place(*words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {
        f"aws/{account}/{region}/{INSTANCES}/native": said
        for (account, region), said in zip(PLACES, words, strict=True)
    }


def in_those_places(*, tagged: bool) -> Pick:
    return lambda organisation: frozenset().union(
        *(
            organisation.pick(account=account, region=region, type=INSTANCES, tagged=tagged)
            for account, region in PLACES
        )
    )


def view(**properties: Any) -> Callable[[Organisation], object]:
    """Resource Explorer's default view in the shop's first region is another."""
    return lambda organisation: organisation.aws.explorer.view(SHOP, EAST, "narrow", default=True, **properties)


def without_default_view(organisation: Organisation) -> None:
    organisation.aws.explorer.defaults.clear()


def organisation_view(organisation: Organisation) -> None:
    explorer = organisation.aws.explorer
    explorer.enable(MAIN, aggregator=EAST)
    explorer.view(MAIN, EAST, "all", organization=True)


def one_local_index(organisation: Organisation) -> None:
    explorer = organisation.aws.explorer
    explorer.indexes.clear()
    explorer.enable(SHOP, WEST)


def suspended(organisation: Organisation) -> None:
    organisation.aws.accounts[-1] = Account(LABS, "labs", status="SUSPENDED")


def with_members(count: int) -> Callable[[Organisation], object]:
    """Before the known accounts the organisation lists others, whose roles nobody may assume."""

    def order(organisation: Organisation) -> None:
        organisation.aws.accounts[:0] = [Account(f"{number:012d}") for number in range(1, count + 1)]

    return order


def no_role(organisation: Organisation) -> None:
    assert organisation.aws.roles is not None
    del organisation.aws.roles[role_arn(SHOP)]


def another_external_id(organisation: Organisation) -> None:
    assert organisation.aws.roles is not None
    organisation.aws.roles[role_arn(LABS)] = Role("another")


ANY_ACCOUNT_EAST: Final = {f"aws/{account}/{EAST}" for account in ACCOUNTS}

# What goes wrong so early that an account, or all of them, can't be opened.
ACCOUNT_ROWS = (
    Row(
        name="a role that may not be assumed",
        order=no_role,
        gaps={f"aws/{SHOP}/global/*/account": ("the role can't be assumed: AccessDenied",)},
        lost=these(account=SHOP),
        types=TYPES,
    ),
    Row(
        name="another external id",
        order=another_external_id,
        gaps={f"aws/{LABS}/global/*/account": ("the role can't be assumed: AccessDenied",)},
        lost=these(account=LABS),
    ),
    Row(
        name="a session that has expired before it is used",
        order=fault(faults.expired(), service="sts", operation="GetCallerIdentity", account=LABS),
        gaps={f"aws/{LABS}/global/*/account": ("the credentials ran out at GetCallerIdentity",)},
        lost=these(account=LABS),
    ),
    Row(
        name="a suspended account",
        order=suspended,
        ledger={f"aws/{LABS}/global/*/account": ("absent", 0)},
        lost=these(account=LABS),
    ),
    Row(
        name="Organizations refused",
        order=fault(faults.denied(), service="organizations"),
        gaps={f"aws/{MAIN}/global/*/organization": ("access denied to ListAccounts", f"only {MAIN} was read")},
        lost=lambda organisation: organisation.pick(account=SHOP) | organisation.pick(account=LABS),
        types=(INSTANCES, BUCKETS),
    ),
    Row(
        name="the caller refused",
        order=fault(faults.denied(), service="sts", operation="GetCallerIdentity", account=MAIN),
        gaps={"aws/-/global/*/caller": ("access denied to GetCallerIdentity",)},
        lost=these(),
    ),
    Row(
        name="DescribeRegions refused: the region at hand is read, and what an index shows of the others",
        order=fault(faults.denied(), operation="DescribeRegions", account=SHOP),
        gaps={f"aws/{SHOP}/global/*/regions": ("access denied to DescribeRegions", f"only {EAST} was read")},
        types=(INSTANCES, QUEUES, BUCKETS, REPOS),
    ),
    Row(
        name="DescribeRegions refused where there is no index",
        order=fault(faults.denied(), operation="DescribeRegions", account=LABS),
        gaps={f"aws/{LABS}/global/*/regions": ("access denied to DescribeRegions", f"only {EAST} was read")},
        lost=these(account=LABS, region=WEST, type=INSTANCES),
        types=(INSTANCES, BUCKETS),
    ),
    Row(
        name="answers with nothing in them",
        order=both(
            fault(
                faults.malformed(b"<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"),
                operation="GetCallerIdentity",
                account=LABS,
            ),
            fault(faults.malformed(b"<DescribeRegionsResponse/>"), operation="DescribeRegions", account=SHOP),
            fault(faults.malformed(b'{"Indexes": [{"Type": "LOCAL"}]}'), operation="ListIndexes"),
            fault(faults.malformed(b"{}"), operation="DescribeConfigurationAggregators"),
        ),
        aws={"accounts": list(ACCOUNTS)},
        gaps={
            f"aws/{LABS}/global/*/account": ("no whole answer: GetCallerIdentity doesn't tell the Account",),
            f"aws/{SHOP}/global/*/regions": ("no whole answer: DescribeRegions doesn't tell the Regions",),
            f"aws/{SHOP}/global/*/explorer": ("no whole answer: ListIndexes doesn't tell the Region",),
            f"aws/{MAIN}/global/*/explorer": ("no whole answer: ListIndexes doesn't tell the Region",),
        },
        lost=lambda organisation: (
            organisation.pick(account=LABS) | organisation.pick(account=SHOP, region=WEST, type=INSTANCES)
        ),
        types=(INSTANCES,),
    ),
    Row(
        name="an organisation that tells no ids",
        order=fault(faults.malformed(b'{"Accounts": [{"Name": "x"}]}'), operation="ListAccounts"),
        gaps={f"aws/{MAIN}/global/*/organization": ("ListAccounts doesn't tell the Id", f"only {MAIN} was read")},
        lost=lambda organisation: organisation.pick(account=SHOP) | organisation.pick(account=LABS),
        types=(INSTANCES,),
    ),
    Row(
        name="an organisation whose second page is refused",
        order=both(with_members(25), fault(faults.denied(), operation="ListAccounts", where=following("NextToken"))),
        gaps={
            f"aws/{MAIN}/global/*/organization": ("access denied to ListAccounts", "only 21 were read"),
            **{f"aws/{number:012d}/global/*/account": ("the role can't be assumed",) for number in range(1, 21)},
        },
        lost=lambda organisation: organisation.pick(account=SHOP) | organisation.pick(account=LABS),
        types=(INSTANCES,),
    ),
    Row(
        name="a region that was named and isn't enabled",
        order=nothing,
        aws={"regions": [EAST, WEST, OTHER_REGION]},
        gaps={
            f"aws/{account}/{OTHER_REGION}/*/regions": ("the account hasn't enabled the region",)
            for account in ACCOUNTS
        },
        types=(INSTANCES,),
    ),
    Row(
        name="a region that isn't enabled and that nobody named",
        order=nothing,
        ledger={f"aws/{account}/{OTHER_REGION}/*/regions": ("disabled", 0) for account in ACCOUNTS},
        types=(INSTANCES,),
    ),
    Row(
        name="a region that says it is enabled and takes no credentials",
        order=fault(faults.region_disabled(), account=LABS, region=WEST),
        gaps={
            f"aws/{LABS}/{WEST}/*/tagging": ("the region doesn't take the account's credentials at GetResources",),
            f"aws/{LABS}/{WEST}/{INSTANCES}/native": ("the region doesn't take the account's credentials",),
        },
        lost=these(account=LABS, region=WEST, type=INSTANCES),
        types=(INSTANCES,),
    ),
)

# What goes wrong with a service's own listing.
LISTING_ROWS = (
    Row(
        name="a listing refused where nothing else knows what was never tagged",
        order=fault(faults.denied(), operation="DescribeInstances", account=LABS, region=EAST),
        gaps={f"aws/{LABS}/{EAST}/{INSTANCES}/native": ("access denied to DescribeInstances",)},
        ledger={f"aws/{LABS}/{EAST}/{INSTANCES}/native": ("failed", 0)},
        lost=these(account=LABS, region=EAST, type=INSTANCES, tagged=False),
    ),
    Row(
        name="a listing refused where Resource Explorer knows",
        order=fault(faults.denied(), operation="DescribeInstances", account=SHOP),
        gaps={
            f"aws/{SHOP}/{region}/{INSTANCES}/native": ("access denied to DescribeInstances",)
            for region in (EAST, WEST)
        },
    ),
    Row(
        name="in each place something else, for ever",
        order=each_place(faults.throttled(), faults.failing(500), faults.failing(503), faults.reset()),
        gaps=in_each_place(
            ("throttled away: DescribeInstances",),
            ("failed on the side of AWS", "HTTP 500"),
            ("failed on the side of AWS", "HTTP 503"),
            ("no whole answer: Connection was closed",),
        ),
        lost=in_those_places(tagged=False),
        types=(INSTANCES,),
    ),
    Row(
        name="in each place another answer that is none, for ever",
        order=each_place(
            faults.denied_by_scp(),
            faults.cut(),
            faults.malformed(b"<!DOCTYPE html><html></html>"),
            faults.malformed(),
        ),
        gaps=in_each_place(
            ("access denied to DescribeInstances", "explicit deny in a service control policy"),
            ("no whole answer: the answer to DescribeInstances broke off",),
            ("no whole answer: the answer to DescribeInstances is a web page",),
            ("no whole answer: the answer to DescribeInstances hasn't the form that AWS documents",),
        ),
        lost=in_those_places(tagged=False),
        types=(INSTANCES,),
    ),
    Row(
        name="JSON that breaks off on the second page, for ever",
        order=fault(faults.cut(), operation="ListSecrets", where=following("NextToken")),
        # The tagging API knows all of them: nothing is lost but the proof that there aren't more.
        gaps={f"aws/{SHOP}/{EAST}/{SECRETS}/native": ("the answer to ListSecrets broke off",)},
        ledger={
            f"aws/{SHOP}/{EAST}/{SECRETS}/native": ("cut", 100),
            f"aws/{SHOP}/{EAST}/{SECRETS}/tagging": ("read", 230),
        },
        types=(SECRETS,),
    ),
    Row(
        name="no JSON on the third page, for ever",
        order=fault(faults.malformed(), operation="ListSecrets", where=following("NextToken"), skip=1),
        gaps={f"aws/{SHOP}/{EAST}/{SECRETS}/native": ("the answer to ListSecrets isn't JSON",)},
        ledger={f"aws/{SHOP}/{EAST}/{SECRETS}/native": ("cut", 200)},
        types=(SECRETS,),
    ),
    Row(
        name="JSON of another form",
        order=fault(faults.malformed(b'{"SecretList": 7}'), operation="ListSecrets", account=SHOP, region=EAST),
        gaps={f"aws/{SHOP}/{EAST}/{SECRETS}/native": ("hasn't the form that AWS documents",)},
        types=(SECRETS,),
    ),
    Row(
        name="a page token that comes again for ever",
        order=fault(
            page_that_repeats({"SecretList": [], "NextToken": "again"}),
            operation="ListSecrets",
            account=SHOP,
            region=EAST,
        ),
        gaps={f"aws/{SHOP}/{EAST}/{SECRETS}/native": ("no whole answer: Error during pagination",)},
        types=(SECRETS,),
    ),
    Row(
        name="credentials that run out in the middle",
        order=fault(faults.expired(), service="s[q3]*", account=LABS),
        gaps={
            f"aws/{LABS}/{EAST}/{QUEUES}/native": ("the credentials ran out at ListQueues",),
            f"aws/{LABS}/{WEST}/{QUEUES}/native": ("the credentials ran out at ListQueues",),
            f"aws/{LABS}/global/{BUCKETS}/native": ("the credentials ran out at ListBuckets",),
        },
        lost=lambda organisation: (
            organisation.pick(account=LABS, tagged=False) - organisation.pick(account=LABS, type=INSTANCES)
        ),
    ),
)

# What goes wrong with the tags of a resource that has to be asked for them.
TAG_ROWS = (
    Row(
        name="the tags of one queue refused",
        order=fault(faults.denied(), operation="ListQueueTags", account=LABS, region=EAST, where=of_queue("bare")),
        gaps={
            f"aws/{LABS}/{EAST}/{QUEUES}/tags": ("the tags of 1 could not be read", "access denied to ListQueueTags")
        },
        unknown=these(account=LABS, region=EAST, type=QUEUES, tagged=False),
        ledger={f"aws/{LABS}/{EAST}/{QUEUES}/native": ("read", 2)},
    ),
    Row(
        name="the tags of one queue refused, and an index that remembers none",
        order=fault(faults.denied(), operation="ListQueueTags", account=SHOP, region=EAST, where=of_queue("bare")),
        gaps={
            f"aws/{SHOP}/{EAST}/{QUEUES}/tags": ("the tags of 1 could not be read", "access denied to ListQueueTags")
        },
        unknown=these(account=SHOP, region=EAST, type=QUEUES, tagged=False),
        types=(QUEUES,),
    ),
    Row(
        name="the tags throttled for ever",
        order=fault(faults.throttled(), operation="ListQueueTags", account=LABS),
        gaps={
            f"aws/{LABS}/{region}/{QUEUES}/tags": ("the tags of 1 could not be read", "throttled away: ListQueueTags")
            for region in (EAST, WEST)
        },
        unknown=these(account=LABS, type=QUEUES, tagged=False),
        types=(QUEUES,),
    ),
    Row(
        name="half of the tags' JSON, for ever",
        order=fault(faults.cut(), operation="ListQueueTags", account=LABS, region=EAST),
        gaps={f"aws/{LABS}/{EAST}/{QUEUES}/tags": ("the answer to ListQueueTags broke off",)},
        unknown=these(account=LABS, region=EAST, type=QUEUES, tagged=False),
        types=(QUEUES,),
    ),
    Row(
        name="the tags of a bucket refused",
        order=fault(faults.denied(), operation="GetBucketTagging", account=MAIN),
        gaps={f"aws/{MAIN}/{WEST}/{BUCKETS}/tags": ("the tags of 1 could not be read", "denied to GetBucketTagging")},
        unknown=these(account=MAIN, type=BUCKETS, tagged=False),
        types=(BUCKETS,),
    ),
    Row(
        name="where a bucket lies refused",
        order=fault(faults.denied(), operation="GetBucketLocation", account=MAIN),
        gaps={f"aws/{MAIN}/global/{BUCKETS}/tags": ("the tags of 1 could not be read", "denied to GetBucketLocation")},
        unknown=these(account=MAIN, type=BUCKETS, tagged=False),
        types=(BUCKETS,),
    ),
)

# What goes wrong with the tagging API, which the services make up for.
TAGGING_ROWS = (
    Row(
        name="the tagging API refused",
        order=fault(faults.denied(), service=TAGGING, account=LABS),
        gaps={f"aws/{LABS}/{region}/*/tagging": ("access denied to GetResources",) for region in (EAST, WEST)},
    ),
    Row(
        name="the tagging API throttled for ever",
        order=fault(faults.throttled(), service=TAGGING, account=LABS, region=EAST),
        gaps={f"aws/{LABS}/{EAST}/*/tagging": ("throttled away: GetResources",)},
    ),
    Row(
        name="a page token of the tagging API that has expired whenever it is used",
        order=fault(
            faults.refused("PaginationTokenExpiredException"), service=TAGGING, where=following("PaginationToken")
        ),
        gaps={f"aws/{SHOP}/{EAST}/*/tagging": ("GetResources was refused (PaginationTokenExpiredException",)},
        types=(SECRETS,),
    ),
    Row(
        name="the tagging API's third page refused",
        order=fault(faults.denied(), service=TAGGING, where=following("PaginationToken"), skip=1),
        gaps={f"aws/{SHOP}/{EAST}/*/tagging": ("access denied to GetResources",)},
        ledger={f"aws/{SHOP}/{EAST}/{SECRETS}/tagging": ("cut", 200)},
        types=(SECRETS,),
    ),
    Row(
        name="the tagging API's token that comes again for ever",
        order=fault(
            page_that_repeats({"ResourceTagMappingList": [], "PaginationToken": "again"}),
            service=TAGGING,
            account=LABS,
            region=EAST,
        ),
        gaps={f"aws/{LABS}/{EAST}/*/tagging": ("no whole answer: Error during pagination",)},
        types=(INSTANCES,),
    ),
    Row(
        name="the tagging API answers with an object and no list in it",
        order=fault(faults.malformed(b"{}"), service=TAGGING, account=LABS, region=EAST),
        gaps={
            f"aws/{LABS}/{EAST}/*/tagging": ("no whole answer: GetResources doesn't tell the ResourceTagMappingList",)
        },
        types=(INSTANCES,),
    ),
)

# What goes wrong with Resource Explorer, which alone knows of the repositories.
EXPLORER_ROWS: tuple[Row, ...] = (
    Row(
        name="Resource Explorer refused",
        order=fault(faults.denied(), service=EXPLORER, account=SHOP),
        gaps={f"aws/{SHOP}/global/*/explorer": ("access denied to ListIndexes",)},
        lost=these(type=REPOS),
    ),
    Row(
        name="Resource Explorer's list refused",
        order=fault(faults.denied(), operation="ListResources"),
        gaps={f"aws/{SHOP}/global/*/explorer": ("access denied to ListResources",)},
        lost=these(type=REPOS),
    ),
    Row(
        name="Resource Explorer's second page breaks off for ever",
        order=fault(faults.cut(), operation="ListResources", where=following("NextToken")),
        gaps={f"aws/{SHOP}/global/*/explorer": ("the answer to ListResources broke off",)},
        # Of 1,200 repositories the 600 of eu-west-1 come first.
        ledger={f"aws/{SHOP}/{WEST}/{REPOS}/explorer": ("cut", 500)},
        lost=later_repositories(1),
    ),
    Row(
        name="Resource Explorer's third page throttled for ever",
        order=fault(faults.throttled(), operation="ListResources", where=following("NextToken"), skip=1),
        gaps={f"aws/{SHOP}/global/*/explorer": ("throttled away: ListResources",)},
        ledger={
            f"aws/{SHOP}/{WEST}/{REPOS}/explorer": ("cut", 600),
            f"aws/{SHOP}/{EAST}/{REPOS}/explorer": ("cut", 400),
        },
        lost=later_repositories(2),
    ),
    Row(
        name="Resource Explorer's token has expired whenever it is used",
        order=fault(
            faults.refused("ValidationException", "The NextToken is invalid or has expired."),
            operation="ListResources",
            where=following("NextToken"),
        ),
        gaps={f"aws/{SHOP}/global/*/explorer": ("ListResources was refused (ValidationException",)},
        lost=later_repositories(1),
    ),
    Row(
        name="a view without tags",
        order=view(tags=False),
        gaps={
            f"aws/{SHOP}/{region}/{REPOS}/tags": ("the tags of 600 could not be read", "doesn't include tags")
            for region in (EAST, WEST)
        },
        unknown=these(type=REPOS),
    ),
    Row(
        name="a view with a filter",
        order=view(filter="region:eu-west-1"),
        gaps={f"aws/{SHOP}/global/*/explorer": ("shows only what its filter (region:eu-west-1) lets through",)},
        lost=these(type=REPOS, region=EAST),
    ),
    Row(
        name="no default view",
        order=without_default_view,
        ledger={f"aws/{SHOP}/global/*/explorer": ("absent", 0)},
        lost=these(type=REPOS),
    ),
    Row(
        name="no default view, and Resource Explorer was asked for by name",
        order=without_default_view,
        aws={"sources": ["explorer", "native"], "accounts": [SHOP]},
        gaps={f"aws/{SHOP}/global/*/explorer": ("no default view",)},
        lost=these(type=REPOS),
        types=(INSTANCES, REPOS),
    ),
    Row(
        name="somebody else's view",
        order=nothing,
        aws={"explorer-view": f"arn:aws:resource-explorer-2:{EAST}:{LABS}:view/theirs/1"},
        gaps={f"aws/{LABS}/{EAST}/*/explorer": ("access denied to GetView (UnauthorizedException",)},
        lost=these(type=REPOS),
    ),
    Row(
        name="the organisation's view, which its owner alone may look through",
        order=organisation_view,
        aws={"explorer-view": f"arn:aws:resource-explorer-2:{EAST}:{MAIN}:view/all/{VIEW}"},
        ledger={f"aws/{MAIN}/{EAST}/*/explorer": ("read", 0), f"aws/{SHOP}/{WEST}/{REPOS}/explorer": ("read", 600)},
    ),
    Row(
        name="an index in one region alone",
        order=one_local_index,
        ledger={
            f"aws/{SHOP}/{EAST}/*/explorer": ("absent", 0),
            f"aws/{SHOP}/{WEST}/{REPOS}/explorer": ("read", REPOSITORIES // 2),
        },
        lost=these(type=REPOS, region=EAST),
    ),
)
EXPLORER_ROWS = tuple(
    row if row.aws.get("sources") else msgspec.structs.replace(row, types=(INSTANCES, REPOS)) for row in EXPLORER_ROWS
)

CONFIG_ROWS = (
    Row(
        name="AWS Config refused, which nobody named",
        order=fault(faults.denied(), service="config"),
        ledger={f"aws/{MAIN}/{EAST}/*/config": ("absent", 0)},
        types=(INSTANCES,),
    ),
    Row(
        name="an aggregator that was named and isn't there",
        order=nothing,
        aws={"config-aggregator": {"name": "all", "region": EAST}},
        gaps={f"aws/{MAIN}/{EAST}/*/config": ("NoSuchConfigurationAggregatorException",)},
        types=(INSTANCES,),
    ),
    Row(
        name="AWS Config refused, which was named",
        order=fault(faults.denied(), service="config"),
        aws={"sources": ["native", "tagging", "config"]},
        gaps={f"aws/{MAIN}/{EAST}/*/config": ("access denied to DescribeConfigurationAggregators",)},
        types=(INSTANCES,),
    ),
)


def alone(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows for a scan of the accounts alone that they are about."""
    for row in rows:
        named = {where.split("/")[1] for where in (*row.gaps, *row.ledger)}
        if REPOS in row.types:
            named.add(SHOP)
        accounts = tuple(account for account in ACCOUNTS if account in named)
        yield msgspec.structs.replace(row, accounts=accounts, aws={"accounts": list(accounts), **row.aws})


ROWS = (
    *ACCOUNT_ROWS,
    *LISTING_ROWS,
    *alone(TAG_ROWS),
    *alone(TAGGING_ROWS),
    *alone(EXPLORER_ROWS),
    *alone(CONFIG_ROWS),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_fault_is_a_gap_and_takes_nothing_else_along(
    organisation: Organisation, scan: Scan, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # What goes wrong for ever needn't be asked again.
    if REPOS not in row.types and row.types != (QUEUES,) and not any(SHOP in where for where in row.gaps):
        organisation.aws.explorer.indexes.clear()
    row.order(organisation)

    scanned = scan(types=row.types, **row.aws)

    said = scanned.gaps
    assert set(said) == set(row.gaps), said
    for where, words in row.gaps.items():
        for word in words:
            assert word in said[where]
    assert {where: scanned.cell(where) for where in row.ledger} == dict(row.ledger)
    unknown = row.unknown(organisation)
    assert scanned.statuses == statuses(organisation, row.types, row.lost(organisation), unknown, row.accounts)
    assert not {one for one, verdict in scanned.verdicts.items() if verdict == "missing"} & unknown
    assert scanned.code == (3 if row.gaps else 1)
    assert scanned.report["complete"] == (not row.gaps)


# ------------------------------------------------------------------ what is over when it is asked again

PASSING = (
    faults.throttled(),
    faults.failing(500),
    faults.failing(503),
    faults.reset(),
    faults.cut(),
)
CALLS = (
    ("sts", "AssumeRole", None),
    ("organizations", "ListAccounts", None),
    ("ec2", "DescribeRegions", None),
    ("ec2", "DescribeInstances", None),
    ("sqs", "ListQueueTags", None),
    ("s3", "GetBucketTagging", None),
    (TAGGING, "GetResources", following("PaginationToken")),
    ("secretsmanager", "ListSecrets", following("NextToken")),
    (EXPLORER, "ListResources", following("NextToken")),
)


@pytest.mark.parametrize("effect", PASSING, ids=[effect.name for effect in PASSING])
def test_what_goes_wrong_once_leaves_no_trace(organisation: Organisation, scan: Scan, effect: Effect) -> None:
    """Every kind of call is hit, each once, in one run."""
    ordered = [
        organisation.aws.fault(effect, service=service, operation=operation, where=where, times=1)
        for service, operation, where in CALLS
    ]

    scanned = scan()

    assert [fault.hits for fault in ordered] == [1] * len(CALLS)
    assert scanned.gaps == {}
    assert scanned.statuses == statuses(organisation, TYPES, frozenset(), frozenset())
    assert scanned.code == 1


def test_no_json_once_leaves_no_trace(organisation: Organisation, scan: Scan) -> None:
    asked = ("ListSecrets", "GetResources", "ListQueueTags")
    ordered = [organisation.aws.fault(faults.malformed(), operation=operation, times=1) for operation in asked]

    scanned = scan(types=(SECRETS, QUEUES))

    assert [fault.hits for fault in ordered] == [1, 1, 1]
    assert scanned.gaps == {}
    assert scanned.statuses == statuses(organisation, (SECRETS, QUEUES), frozenset(), frozenset())


def test_a_page_token_that_expired_once_begins_the_list_again(organisation: Organisation, scan: Scan) -> None:
    ordered = organisation.aws.fault(
        faults.refused("PaginationTokenExpiredException"), service=TAGGING, where=following("PaginationToken"), times=1
    )

    scanned = scan(types=(SECRETS,))

    assert ordered.hits == 1
    assert scanned.gaps == {}
    assert scanned.statuses == statuses(organisation, (SECRETS,), frozenset(), frozenset())
    asked = [
        bool(one.parameters.get("PaginationToken"))
        for one in organisation.aws.calls(TAGGING)
        if one.account == SHOP and one.region == EAST
    ]
    assert asked == [False, True, False, True, True]


def test_a_slow_cloud_is_waited_for(organisation: Organisation, scan: Scan) -> None:
    organisation.aws.fault(faults.slow(0.3), service="[es]*")
    scanned = scan(types=(INSTANCES, QUEUES, BUCKETS))
    assert scanned.gaps == {}
    assert scanned.statuses == statuses(organisation, (INSTANCES, QUEUES, BUCKETS), frozenset(), frozenset())


# ------------------------------------------------------------------ shards

SHARDS: Final = 3


class Shards:
    """The stores of all shards, and what becomes of them when they are put together."""

    def __init__(self, scan: Scan, folder: Path) -> None:
        self._scan = scan
        self._folder = folder
        self.stores: list[str] = []

    def make(self, *arguments: str, types: tuple[str, ...], **aws: object) -> None:
        for index in range(1, SHARDS + 1):
            self.stores.append(f"shard-{index}.db")
            self._scan("--shard", f"{index}/{SHARDS}", "--store", self.stores[-1], *arguments, types=types, **aws)

    def merge(self, stores: Sequence[str], *arguments: str) -> Scanned:
        code = outcome(
            ["scan", "merge", "--format", "json", "--output", "merged.json", "--show-compliant", *arguments, *stores]
        )
        return Scanned(code, json.loads((self._folder / "merged.json").read_bytes()))


@pytest.fixture
def shards(scan: Scan, tmp_path: Path) -> Shards:
    return Shards(scan, tmp_path)


def ageless(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report without how old an index's entries were when it was asked, which is another time in each scan."""
    return {**report, "coverage": [{**cell, "age": None} for cell in report["coverage"]]}


def test_shards_put_together_are_the_scan(organisation: Organisation, scan: Scan, shards: Shards) -> None:
    whole = scan()
    organisation.aws.requests.clear()
    shards.make(types=TYPES)
    assumed = [one.parameters["RoleArn"] for one in organisation.aws.calls("sts", "AssumeRole")]
    assert sorted(assumed) == sorted([role_arn(SHOP), role_arn(LABS)]), "each account is read by one shard"

    merged = shards.merge(shards.stores)

    assert ageless(merged.report) == ageless(whole.report)
    assert merged.code == whole.code == 1
    assert merged.statuses == statuses(organisation, TYPES, frozenset(), frozenset())


def test_a_gap_that_all_shards_have_is_one(
    organisation: Organisation, scan: Scan, shards: Shards, tmp_path: Path
) -> None:
    """Also to the byte: no index is asked, so nothing in the report is of the clock."""
    organisation.aws.explorer.indexes.clear()
    organisation.aws.fault(faults.denied(), service="organizations")
    organisation.aws.fault(faults.denied(), operation="DescribeInstances", account=MAIN, region=EAST)
    whole = scan(types=(INSTANCES,))
    bytes_of_whole = (tmp_path / "report.json").read_bytes()
    shards.make(types=(INSTANCES,))

    merged = shards.merge(shards.stores)

    assert merged.code == whole.code == 3
    assert set(merged.gaps) == {
        f"aws/{MAIN}/global/*/organization",
        f"aws/{MAIN}/{EAST}/{INSTANCES}/native",
    }
    assert (tmp_path / "merged.json").read_bytes() == bytes_of_whole


def test_a_shard_that_is_missing_is_a_gap(organisation: Organisation, shards: Shards) -> None:
    organisation.aws.explorer.indexes.clear()
    shards.make(types=(INSTANCES,))

    without_second = shards.merge([shards.stores[0], shards.stores[2]])
    alone = shards.merge([shards.stores[1]])

    assert (without_second.code, without_second.gaps) == (3, {"shard/2/3": "its store was not put in"})
    assert (alone.code, set(alone.gaps)) == (3, {"shard/1/3", "shard/3/3"})
    both_reports = set(without_second.statuses) | set(alone.statuses)
    assert both_reports == organisation.pick(type=INSTANCES)
    accepted = shards.merge([shards.stores[0], shards.stores[2]], "--allow-gap", "shard/2/*")
    assert accepted.code in (0, 1)


def test_what_was_put_together_can_be_put_together_with_the_rest(organisation: Organisation, shards: Shards) -> None:
    organisation.aws.explorer.indexes.clear()
    shards.make(types=(INSTANCES,))
    shards.merge(shards.stores[:2], "--store", "two.db")
    merged = shards.merge(["two.db", shards.stores[2]])
    assert (merged.code, merged.gaps) == (1, {})
    assert set(merged.statuses) == organisation.pick(type=INSTANCES)


def test_shards_may_be_read_at_another_pace(organisation: Organisation, scan: Scan, shards: Shards) -> None:
    organisation.aws.explorer.indexes.clear()
    for index in range(1, SHARDS + 1):
        scan("--shard", f"{index}/{SHARDS}", "--store", f"{index}.db", "--workers", str(index), types=(INSTANCES,))
    assert shards.merge([f"{index}.db" for index in range(1, SHARDS + 1)]).gaps == {}


def test_stores_that_are_not_of_one_run_are_refused(
    organisation: Organisation, scan: Scan, capsys: pytest.CaptureFixture[str]
) -> None:
    organisation.aws.explorer.indexes.clear()
    scan("--shard", "1/2", "--store", "one.db", types=(INSTANCES,))
    scan("--shard", "2/2", "--store", "other-types.db", types=(QUEUES,))
    scan("--shard", "2/4", "--store", "other-count.db", types=(INSTANCES,))
    capsys.readouterr()

    for stores, said in (
        (["one.db", "one.db"], "one.db and one.db are both shard 1/2"),
        (["one.db", "other-types.db"], "other-types.db is of a scan that was asked something else than one.db"),
        (["one.db", "other-count.db"], "other-count.db is shard 2/4, and one.db shard 1/2"),
    ):
        assert outcome(["scan", "merge", *stores]) == 2
        told = capsys.readouterr()
        assert (told.out, told.err) == ("", f"costguard: {said}\n")


@pytest.mark.parametrize(
    ("name", "value", "index"),
    [("JOB_COMPLETION_INDEX", "0", 1), ("JOB_COMPLETION_INDEX", "2", 3), ("CI_NODE_INDEX", "2", 2)],
)
def test_a_shard_is_told_by_the_environment(
    organisation: Organisation,
    scan: Scan,
    shards: Shards,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    index: int,
) -> None:
    organisation.aws.explorer.indexes.clear()
    monkeypatch.setenv(name, value)
    scan("--shard", f"auto/{SHARDS}", "--store", "auto.db", types=(INSTANCES,))
    others = {f"shard/{other}/{SHARDS}" for other in range(1, SHARDS + 1) if other != index}
    assert set(shards.merge(["auto.db"]).gaps) == others
