"""What the tags that AWS itself sets say of the resources that one works for.

Nobody else can write a key that begins with ``aws:``, so that these are as good as what a listing shows.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from costguard.model.resource import Relation

GROUP = "aws:autoscaling:groupName"
"""The key that names the Auto Scaling group of an instance. A group's ARN has more in it than its name."""


class _Says(NamedTuple):
    """A tag and the ARN that it says, of ``{value}`` and of what else the resource's own tags have."""

    kind: Literal["parent", "cluster"]
    arn: str
    beside: str = ""


_TAGS: Mapping[str, _Says] = MappingProxyType(
    {
        # EKS user guide, "Tag your resources".
        "aws:eks:cluster-name": _Says("cluster", "eks:{region}:{account}:cluster/{value}"),
        # ECS developer guide, "Amazon ECS-managed tags".
        "aws:ecs:clusterName": _Says("cluster", "ecs:{region}:{account}:cluster/{value}"),
        "aws:ecs:serviceName": _Says(
            "parent", "ecs:{region}:{account}:service/{beside}/{value}", "aws:ecs:clusterName"
        ),
        # EMR management guide, "Tag and categorize cluster resources".
        "aws:elasticmapreduce:job-flow-id": _Says("cluster", "elasticmapreduce:{region}:{account}:cluster/{value}"),
        # RDS user guide, "Password management with Amazon RDS and AWS Secrets Manager".
        "aws:rds:primaryDBInstanceArn": _Says("parent", ""),
        "aws:rds:primaryDBClusterArn": _Says("parent", ""),
    }
)


def relations(tags: Mapping[str, str], id: str, account: str, region: str) -> set[Relation]:  # noqa: A002
    """What the tags of the resource with this ARN say."""
    found = set()
    for key, says in _TAGS.items():
        value = tags.get(key)
        beside = tags.get(says.beside) if says.beside else ""
        if not value or beside is None:
            continue
        if says.arn:
            partition = id.split(":", 2)[1]
            place = says.arn.format(region=region, account=account, value=value, beside=beside)
            found.add(Relation(says.kind, f"arn:{partition}:{place}"))
        elif value.startswith("arn:"):
            found.add(Relation(says.kind, value))
    return found


def group_name(id: str) -> str:  # noqa: A002
    """The name of the Auto Scaling group with this ARN; empty for anything else."""
    return id.partition(":autoScalingGroupName/")[2]
