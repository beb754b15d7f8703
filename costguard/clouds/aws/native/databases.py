"""Databases and caches: RDS with Aurora, DocumentDB and Neptune; DynamoDB, ElastiCache, Redshift, OpenSearch.

DocumentDB and Neptune answer through the API of RDS, where only the engine tells them apart.
"""

from collections.abc import Callable
from typing import Any, Literal

from costguard.clouds.aws.native.listing import Each, Item, Kind, Listing, Reading, To, legible
from costguard.model.resource import Manager


def _family(item: Item, docdb: str, neptune: str, other: str) -> str:
    return {"docdb": docdb, "neptune": neptune}.get(str(item.get("Engine")), other)


def _instance(_: Reading, item: Item) -> Kind:
    """A database instance. In an Aurora cluster it is a resource of its own; those of a "Multi-AZ DB cluster" are made
    by RDS with the cluster."""
    cluster = item.get("DBClusterIdentifier")
    if cluster and not str(item.get("Engine")).startswith(("aurora", "docdb", "neptune")):
        return Kind("aws_db_instance", managers=(Manager(tool="rds", name=legible(str(cluster))),))
    other = "aws_rds_cluster_instance" if cluster else "aws_db_instance"
    return Kind(_family(item, "aws_docdb_cluster_instance", "aws_neptune_cluster_instance", other))


def _cluster(_: Reading, item: Item) -> Kind:
    return Kind(_family(item, "aws_docdb_cluster", "aws_neptune_cluster", "aws_rds_cluster"))


def _makers(item: Item, field: str) -> tuple[Manager, ...]:
    """Who took a snapshot, where it wasn't somebody by hand. It can be tagged all the same."""
    how = str(item.get("SnapshotType"))
    name = legible(str(item.get(field) or "a database"))
    return {
        "automated": (Manager(tool="rds", name=name),),
        "awsbackup": (Manager(tool="backup", name=name),),
    }.get(how, ())


def _snapshot(_: Reading, item: Item) -> Kind:
    return Kind("aws_db_snapshot", managers=_makers(item, "DBInstanceIdentifier"))


def _cluster_snapshot(_: Reading, item: Item) -> Kind:
    # Of all engines: Terraform's types for those of DocumentDB and Neptune have no tags, but the snapshots do.
    return Kind("aws_db_cluster_snapshot", managers=_makers(item, "DBClusterIdentifier"))


def _made_by_aws(type_: str, field: str, separator: str = ".") -> Callable[[Reading, Item], Kind]:
    """The kind of a group of settings. Those called "default" are AWS's: one comes by itself with each version of an
    engine that is used, nobody can change or delete it, and it costs nothing. It has no owner, with tags or without."""

    def kind(_: Reading, item: Item) -> Kind:
        if str(item.get(field)).startswith(f"default{separator}"):
            return Kind(type_, untaggable="AWS makes this default group, which nobody can change or delete")
        return Kind(type_)

    return kind


def _member(_: Reading, item: Item) -> Kind:
    """A cache cluster; a replication group makes its own."""
    group = item.get("ReplicationGroupId")
    return Kind(
        "aws_elasticache_cluster", managers=(Manager(tool="elasticache", name=legible(str(group))),) if group else ()
    )


def _database(operation: str, items: str, arn: str, type_: str, **more: Any) -> Listing:
    """A row of RDS, which shows the tags of what has data, and has to be asked for those of the rest."""
    asked = Each(operation="ListTagsForResource", asks={"ResourceName": f"{{{arn}}}"}, tags="TagList")
    return Listing(
        service="rds",
        operation=operation,
        items=items,
        id=f"{{{arn}}}",
        type=type_,
        page=100,
        **{"tags": asked, **more},
    )


def _cache(operation: str, items: str, type_: str, **more: Any) -> Listing:
    return Listing(
        service="elasticache",
        operation=operation,
        items=items,
        id="{ARN}",
        type=type_,
        tags=Each(operation="ListTagsForResource", asks={"ResourceName": "{ARN}"}, tags="TagList"),
        **{"page": 100, **more},
    )


def _rds(path: str, resource: str, kind: Literal["parent", "network"] = "parent") -> To:
    """What RDS calls by its name, or, in another region, by its ARN."""
    return To(kind, path, f"arn:{{partition}}:rds:{{region}}:{{account}}:{resource}:{{value}}")


def _of_cache(path: str, resource: str, kind: Literal["parent", "network"] = "parent") -> To:
    return To(kind, path, f"arn:{{partition}}:elasticache:{{region}}:{{account}}:{resource}:{{value}}")


_TABLE = "arn:{partition}:dynamodb:{region}:{account}:table/{name}"
_DOMAIN = "arn:{partition}:es:{region}:{account}:domain/{DomainName}"

ROWS = (
    _database(
        "DescribeDBInstances",
        "DBInstances",
        "DBInstanceArn",
        "",
        tags="TagList",
        kind=_instance,
        related=(
            _rds("DBClusterIdentifier", "cluster"),
            _rds("ReadReplicaSourceDBInstanceIdentifier", "db"),
            To("network", "DBSubnetGroup.VpcId"),
        ),
        among=(
            "aws_db_instance",
            "aws_docdb_cluster_instance",
            "aws_neptune_cluster_instance",
            "aws_rds_cluster_instance",
        ),
    ),
    _database(
        "DescribeDBClusters",
        "DBClusters",
        "DBClusterArn",
        "",
        tags="TagList",
        kind=_cluster,
        related=(To("parent", "ReplicationSourceIdentifier"), _rds("DBSubnetGroup", "subgrp", "network")),
        among=("aws_docdb_cluster", "aws_neptune_cluster", "aws_rds_cluster"),
    ),
    _database(
        "DescribeDBSnapshots",
        "DBSnapshots",
        "DBSnapshotArn",
        "aws_db_snapshot",
        tags="TagList",
        kind=_snapshot,
        related=(_rds("DBInstanceIdentifier", "db"),),
    ),
    _database(
        "DescribeDBClusterSnapshots",
        "DBClusterSnapshots",
        "DBClusterSnapshotArn",
        "aws_db_cluster_snapshot",
        tags="TagList",
        kind=_cluster_snapshot,
        related=(_rds("DBClusterIdentifier", "cluster"),),
    ),
    _database(
        "DescribeDBSubnetGroups",
        "DBSubnetGroups",
        "DBSubnetGroupArn",
        "aws_db_subnet_group",
        related=(To("network", "[VpcId, Subnets[].SubnetIdentifier]"),),
    ),
    _database(
        "DescribeDBParameterGroups",
        "DBParameterGroups",
        "DBParameterGroupArn",
        "aws_db_parameter_group",
        kind=_made_by_aws("aws_db_parameter_group", "DBParameterGroupName"),
    ),
    _database(
        "DescribeDBClusterParameterGroups",
        "DBClusterParameterGroups",
        "DBClusterParameterGroupArn",
        "aws_rds_cluster_parameter_group",
        kind=_made_by_aws("aws_rds_cluster_parameter_group", "DBClusterParameterGroupName"),
    ),
    _database(
        "DescribeOptionGroups",
        "OptionGroupsList",
        "OptionGroupArn",
        "aws_db_option_group",
        kind=_made_by_aws("aws_db_option_group", "OptionGroupName", ":"),
    ),
    _database(
        "DescribeDBProxies",
        "DBProxies",
        "DBProxyArn",
        "aws_db_proxy",
        related=(To("network", "[VpcId, VpcSubnetIds]"),),
    ),
    Listing(
        service="dynamodb",
        operation="ListTables",
        items="TableNames[].{name: @}",
        id=_TABLE,
        type="aws_dynamodb_table",
        page=100,
        tags=Each(operation="ListTagsOfResource", asks={"ResourceArn": _TABLE}),
    ),
    _cache(
        "DescribeCacheClusters",
        "CacheClusters",
        "aws_elasticache_cluster",
        kind=_member,
        related=(
            _of_cache("ReplicationGroupId", "replicationgroup"),
            _of_cache("CacheSubnetGroupName", "subnetgroup", "network"),
        ),
    ),
    _cache("DescribeReplicationGroups", "ReplicationGroups", "aws_elasticache_replication_group"),
    _cache(
        "DescribeServerlessCaches",
        "ServerlessCaches",
        "aws_elasticache_serverless_cache",
        page=50,
        related=(To("network", "SubnetIds"),),
    ),
    _cache(
        "DescribeCacheSubnetGroups",
        "CacheSubnetGroups",
        "aws_elasticache_subnet_group",
        related=(To("network", "[VpcId, Subnets[].SubnetIdentifier]"),),
    ),
    _cache(
        "DescribeCacheParameterGroups",
        "CacheParameterGroups",
        "aws_elasticache_parameter_group",
        kind=_made_by_aws("aws_elasticache_parameter_group", "CacheParameterGroupName"),
    ),
    Listing(
        service="redshift",
        operation="DescribeClusters",
        items="Clusters",
        id="arn:{partition}:redshift:{region}:{account}:cluster:{ClusterIdentifier}",
        type="aws_redshift_cluster",
        related=(To("network", "VpcId"),),
        page=100,
    ),
    Listing(
        service="opensearch",
        operation="ListDomainNames",
        items="DomainNames",
        id=_DOMAIN,
        type="aws_opensearch_domain",
        tags=Each(operation="ListTags", asks={"ARN": _DOMAIN}, tags="TagList"),
    ),
)
