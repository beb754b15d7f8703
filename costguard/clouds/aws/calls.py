"""Every call that costguard makes to AWS: what it may ask for, what IAM calls that, and how often AWS lets it.

The IAM policies in the documentation are made of these tables, and the door to AWS (:mod:`costguard.clouds.aws.api`)
lets nothing through that isn't in them. What a scan may do is one table, what the reconciler may do besides another.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

import msgspec

from costguard.clouds.pace import Quota


class Call(msgspec.Struct, frozen=True):
    """One operation of a service, by boto3's name of the service and AWS's of the operation.

    ``actions`` are the IAM actions that it needs; without any it is the service's prefix and the operation.
    ``resources`` are what they are needed on, where an action on everything would allow more than is asked for.
    """

    service: str
    operation: str
    actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ("*",)

    @property
    def needs(self) -> tuple[str, ...]:
        return self.actions or (self.name,)

    @property
    def name(self) -> str:
        """``tag:TagResources``: the service as IAM calls it, and the operation."""
        return f"{_PREFIX.get(self.service, self.service)}:{self.operation}"


# Where IAM calls a service otherwise than boto3 does (Service Authorization Reference).
_PREFIX = MappingProxyType(
    {
        "accessanalyzer": "access-analyzer",
        "amp": "aps",
        "apigatewayv2": "apigateway",
        "efs": "elasticfilesystem",
        "elb": "elasticloadbalancing",
        "elbv2": "elasticloadbalancing",
        "emr": "elasticmapreduce",
        "keyspaces": "cassandra",
        "kinesisanalyticsv2": "kinesisanalytics",
        "mwaa": "airflow",
        "opensearch": "es",
        "opensearchserverless": "aoss",
        "resourcegroupstaggingapi": "tag",
        "s3control": "s3",
        "stepfunctions": "states",
        "timestream-write": "timestream",
    }
)

_BASE = (
    Call("sts", "GetCallerIdentity"),
    Call("sts", "AssumeRole"),
    Call("organizations", "ListAccounts"),
    Call("ec2", "DescribeRegions"),
    Call("resource-explorer-2", "ListIndexes"),
    Call("resource-explorer-2", "GetDefaultView"),
    Call("resource-explorer-2", "GetView"),
    Call("resource-explorer-2", "ListResources"),
    Call("resourcegroupstaggingapi", "GetResources"),
    Call("config", "DescribeConfigurationAggregators"),
    Call("config", "SelectAggregateResourceConfig"),
    # The states of Terraform that costguard.yaml names.
    Call("s3", "ListObjectsV2", ("s3:ListBucket",)),
    Call("s3", "GetObject"),
)
INFERENCE = (
    Call("cloudtrail", "LookupEvents"),
    Call("organizations", "ListAccountsForParent"),
    Call("organizations", "ListOrganizationalUnitsForParent"),
    Call("organizations", "ListTagsForResource"),
)
"""What is asked only where costguard.yaml's ``reconcile.infer`` wants to know it; no scan needs leave for it. The first
is asked of each account, the others are the caller's own."""
_CALLER = frozenset(
    {"sts:AssumeRole", "sts:GetCallerIdentity", "organizations:ListAccounts", "s3:ListBucket", "s3:GetObject"}
)


@cache
def calls() -> frozenset[Call]:
    """All calls, those of the native sources among them."""
    from costguard.clouds.aws.native import rows

    return frozenset((*_BASE, *(call for row in rows() for call in row.calls)))


@cache
def permitted() -> frozenset[tuple[str, str]]:
    """(service, operation) of every call."""
    return frozenset((call.service, call.operation) for call in (*calls(), *INFERENCE))


_WRITES = (
    Call("resourcegroupstaggingapi", "TagResources"),
    Call("resourcegroupstaggingapi", "UntagResources"),
)


@cache
def written() -> frozenset[Call]:
    """The calls that change something; only the reconciler makes them, and nobody repeats one by itself."""
    from costguard.clouds.aws.tags import services

    rows = (call for row in services.rows() for call in row.writes)
    return frozenset((*_WRITES, *rows, *services.WRITES))


@cache
def reconciled() -> frozenset[Call]:
    """All calls of the reconciler's: those that change something, and what is read around them."""
    from costguard.clouds.aws.tags import services

    return frozenset((*written(), *(call for row in services.rows() for call in row.reads)))


@cache
def permitted_to_write() -> frozenset[tuple[str, str]]:
    """(service, operation) of every call that changes something."""
    return frozenset((call.service, call.operation) for call in written())


@cache
def permitted_around_writes() -> frozenset[tuple[str, str]]:
    """(service, operation) of every call that the reconciler may make beside a scan's, and that changes nothing."""
    return frozenset((call.service, call.operation) for call in reconciled() - written())


@cache
def permitted_with_powers() -> frozenset[tuple[str, str]]:
    """(service, operation) of every call that stops or terminates something, or takes a snapshot before."""
    from costguard.clouds.aws import power

    return frozenset((call.service, call.operation) for call in power.WRITES)


@cache
def permitted_around_powers() -> frozenset[tuple[str, str]]:
    """(service, operation) of every call that is made to know what may be stopped."""
    from costguard.clouds.aws import power

    return frozenset((call.service, call.operation) for call in power.READS)


def actions() -> dict[str, set[str]]:
    """The IAM actions of a role that reads an account, in their order, with the resources that each is needed on.

    What the caller alone needs is not among them: to assume that role, to list the organisation's accounts, and to read
    states from their bucket. ``sts:GetCallerIdentity`` needs no permission.
    """
    return _wanted(calls())


def writer_actions() -> dict[str, set[str]]:
    """The IAM actions of a role with which the reconciler changes an account, in the same form. The role needs none of
    a scan's."""
    from costguard.clouds.aws.tags import services

    found = _wanted(reconciled())
    for row in services.rows():
        for action in row.actions:
            found.setdefault(action, set()).add("*")
    return dict(sorted(found.items()))


def _wanted(table: Iterable[Call]) -> dict[str, set[str]]:
    wanted: dict[str, set[str]] = {}
    for call in table:
        for action in call.needs:
            if action not in _CALLER:
                wanted.setdefault(action, set()).update(call.resources)
    return dict(sorted(wanted.items()))


def policy_document() -> str:
    """The IAM policy of the role that reads an account, as JSON."""
    return _document(actions())


def writer_policy_document() -> str:
    """The IAM policy of the role that changes an account's tags, as JSON."""
    return _document(writer_actions())


def _document(wanted: Mapping[str, set[str]]) -> str:
    import json

    together: dict[tuple[str, ...], list[str]] = {}
    for action, resources in wanted.items():
        together.setdefault(tuple(sorted(resources)), []).append(action)
    statements = [
        {"Effect": "Allow", "Action": allowed, "Resource": resources[0] if len(resources) == 1 else list(resources)}
        for resources, allowed in sorted(together.items())
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


_SLOW = Quota(5, 5)
_WRITING = Quota(4.75, 1)
"""Five per second, never exceeded: without a burst, which would come on top of it, and with room for a call that takes
a twentieth of a second longer on its way than the next."""
_QUOTAS = MappingProxyType(
    {
        # "Quotas for tagging your AWS resources": 15 per second, not adjustable.
        ("resourcegroupstaggingapi", "GetResources"): Quota(15, 15),
        # The same page: 5 per second each.
        ("resourcegroupstaggingapi", "TagResources"): _WRITING,
        ("resourcegroupstaggingapi", "UntagResources"): _WRITING,
        # Resource Explorer quotas: 3 non-search calls per second, and 5 searches.
        ("resource-explorer-2", "*"): Quota(3, 3),
        # EC2 "Request throttling": non-mutating actions fill at 20 per second, those that page at 10.
        ("ec2", "*"): Quota(10, 50),
        # Each operation has a bucket of its own: those that change something fill at 5 per second, those that are
        # filtered at 20.
        ("ec2", "CreateTags"): _WRITING,
        ("ec2", "DeleteTags"): _WRITING,
        ("ec2", "DescribeTags"): Quota(20, 50),
        ("autoscaling", "*"): _SLOW,
        ("apigateway", "*"): Quota(5, 10),  # "Amazon API Gateway quotas": 10 per second over all of its management.
        ("apigatewayv2", "*"): Quota(5, 10),
        ("cloudfront", "*"): _SLOW,
        ("cloudtrail", "LookupEvents"): Quota(2, 2),  # Its reference: two per second, per account, per Region.
        ("config", "*"): _SLOW,
        ("iam", "*"): Quota(10, 20),
        ("organizations", "*"): Quota(8, 8),
        ("route53", "*"): Quota(5, 5),  # "Route 53 quotas": five requests per second and account.
        ("s3", "*"): Quota(100, 100),
        # "AWS Secrets Manager quotas": 10,000 per second; the others there are slower.
        ("secretsmanager", "DescribeSecret"): Quota(500, 500),
        ("sts", "*"): Quota(50, 50),
    }
)
_USUAL = Quota(10, 20)


def quota(service: str, operation: str) -> tuple[tuple[str, str], Quota]:
    """The family of calls that share a quota, and the quota: the documented one, else a mild guess to begin with."""
    for family in ((service, operation), (service, "*")):
        if family in _QUOTAS:
            return family, _QUOTAS[family]
    return (service, "*"), _USUAL
