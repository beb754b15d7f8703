"""Every call that costguard makes to AWS: what it may ask for, what IAM calls that, and how often AWS lets it.

The IAM policy in the documentation is made of this table, and the door to AWS (:mod:`costguard.clouds.aws.api`) lets
nothing through that isn't in it.
"""

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
        return self.actions or (f"{_PREFIX.get(self.service, self.service)}:{self.operation}",)


# Where IAM calls a service otherwise than boto3 does (Service Authorization Reference).
_PREFIX = MappingProxyType(
    {
        "apigatewayv2": "apigateway",
        "efs": "elasticfilesystem",
        "elb": "elasticloadbalancing",
        "elbv2": "elasticloadbalancing",
        "emr": "elasticmapreduce",
        "opensearch": "es",
        "resourcegroupstaggingapi": "tag",
        "stepfunctions": "states",
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
    return frozenset((call.service, call.operation) for call in calls())


def actions() -> dict[str, set[str]]:
    """The IAM actions of a role that reads an account, in their order, with the resources that each is needed on.

    What the caller alone needs is not among them: to assume that role, to list the organisation's accounts, and to read
    states from their bucket. ``sts:GetCallerIdentity`` needs no permission.
    """
    wanted: dict[str, set[str]] = {}
    for call in calls():
        for action in call.needs:
            if action not in _CALLER:
                wanted.setdefault(action, set()).update(call.resources)
    return dict(sorted(wanted.items()))


def policy_document() -> str:
    """The IAM policy of the role that reads an account, as JSON."""
    import json

    together: dict[tuple[str, ...], list[str]] = {}
    for action, resources in actions().items():
        together.setdefault(tuple(sorted(resources)), []).append(action)
    statements = [
        {"Effect": "Allow", "Action": allowed, "Resource": resources[0] if len(resources) == 1 else list(resources)}
        for resources, allowed in sorted(together.items())
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


_SLOW = Quota(5, 5)
_QUOTAS = MappingProxyType(
    {
        # "Quotas for tagging your AWS resources": 15 per second, not adjustable.
        ("resourcegroupstaggingapi", "GetResources"): Quota(15, 15),
        # Resource Explorer quotas: 3 non-search calls per second, and 5 searches.
        ("resource-explorer-2", "*"): Quota(3, 3),
        # EC2 "Request throttling": non-mutating actions fill at 20 per second, those that page at 10.
        ("ec2", "*"): Quota(10, 50),
        ("autoscaling", "*"): _SLOW,
        ("apigateway", "*"): Quota(5, 10),  # "Amazon API Gateway quotas": 10 per second over all of its management.
        ("apigatewayv2", "*"): Quota(5, 10),
        ("cloudfront", "*"): _SLOW,
        ("config", "*"): _SLOW,
        ("iam", "*"): Quota(10, 20),
        ("organizations", "*"): Quota(8, 8),
        ("route53", "*"): Quota(5, 5),  # "Route 53 quotas": five requests per second and account.
        ("s3", "*"): Quota(100, 100),
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
