"""CloudTrail's history of events: who made what.

``LookupEvents`` answers twice a second for an account and a region, fifty events at a time, of ninety days, and takes
one attribute. All that was written can be asked for at once, or one kind of event after the other; the first page tells
which will be fewer calls. An event is JSON that somebody else composed, and may be anything.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from costguard.catalog.native import canonical, ec2_resource
from costguard.clouds.aws.api import Access, guarded_pages, told
from costguard.clouds.aws.native.listing import Reading, legible, texts_at
from costguard.clouds.sighting import GLOBAL, SourceError
from costguard.model.resource import Gap

_PAGE = 50
MOST_DAYS = 90
"""How far the history goes back."""
_MOST_CALLS = 600
"""Five minutes of one region's quota: a history that is longer is read so far and no further."""


class Creator(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a resource: the role or user by its ARN, the ``session`` of an assumed role by its own (empty for
    others), when, and by which event."""

    principal: str
    session: str = ""
    at: datetime
    event: str


class _Made(msgspec.Struct, frozen=True):
    """An event of a service (as ``eventSource`` has it) and the types that it makes.

    What it made is named in its answer by an ARN or by an id of EC2. Services that answer otherwise, or nothing, have a
    JMESPath into the event, and the ARN as a template for what is there.
    """

    event: str
    source: str
    types: tuple[str, ...]
    path: str = ""
    arn: str = ""


def _made(events: str, source: str, types: str, path: str = "", arn: str = "") -> Iterator[_Made]:
    for event in events.split():
        yield _Made(event, f"{source}.amazonaws.com", tuple(types.split()), path, arn and f"arn:{{partition}}:{arn}")


def _table() -> Iterator[_Made]:
    """The services' own documentation of their CloudTrail entries, and the names of their operations."""
    yield from _made("RunInstances CreateFleet", "ec2", "aws_instance")
    yield from _made("CreateVolume", "ec2", "aws_ebs_volume")
    yield from _made("CreateSnapshot CreateSnapshots CopySnapshot ImportSnapshot", "ec2", "aws_ebs_snapshot")
    yield from _made("CreateImage CopyImage RegisterImage", "ec2", "aws_ami")
    yield from _made("AllocateAddress", "ec2", "aws_eip")
    yield from _made("CreateNatGateway", "ec2", "aws_nat_gateway")
    yield from _made("CreateNetworkInterface", "ec2", "aws_network_interface")
    yield from _made("CreateSecurityGroup", "ec2", "aws_security_group")
    yield from _made("CreateLaunchTemplate", "ec2", "aws_launch_template")
    yield from _made("CreateKeyPair ImportKeyPair", "ec2", "aws_key_pair")
    yield from _made("AllocateHosts", "ec2", "aws_ec2_host")
    yield from _made("CreateCapacityReservation", "ec2", "aws_ec2_capacity_reservation")
    yield from _made("CreateVpc CreateDefaultVpc", "ec2", "aws_vpc")
    yield from _made("CreateSubnet CreateDefaultSubnet", "ec2", "aws_subnet")
    yield from _made("CreateRouteTable", "ec2", "aws_route_table")
    yield from _made("CreateInternetGateway", "ec2", "aws_internet_gateway")
    yield from _made("CreateNetworkAcl", "ec2", "aws_network_acl")
    yield from _made("CreateFlowLogs", "ec2", "aws_flow_log")
    yield from _made("CreateVpcEndpoint", "ec2", "aws_vpc_endpoint")
    yield from _made("CreateTransitGateway", "ec2", "aws_ec2_transit_gateway")
    yield from _made("CreateVpnConnection", "ec2", "aws_vpn_connection")
    yield from _made("CreateAutoScalingGroup", "autoscaling", "aws_autoscaling_group", _GROUP)
    balancing = "elasticloadbalancing"
    classic = "elasticloadbalancing:{region}:{account}:loadbalancer/{value}"
    yield from _made("CreateLoadBalancer", balancing, "aws_lb")
    yield from _made("CreateLoadBalancer", balancing, "aws_elb", "requestParameters.loadBalancerName", classic)
    yield from _made("CreateTargetGroup", balancing, "aws_lb_target_group")
    yield from _made("CreateListener", balancing, "aws_lb_listener")
    yield from _made("CreateFunction20150331", "lambda", "aws_lambda_function")
    yield from _made("CreateCluster", "ecs", "aws_ecs_cluster")
    yield from _made("CreateService", "ecs", "aws_ecs_service")
    yield from _made("RegisterTaskDefinition", "ecs", "aws_ecs_task_definition")
    yield from _made("CreateCluster", "eks", "aws_eks_cluster")
    yield from _made("CreateNodegroup", "eks", "aws_eks_node_group")
    yield from _made("CreateFargateProfile", "eks", "aws_eks_fargate_profile")
    yield from _made("CreateRepository", "ecr", "aws_ecr_repository")
    yield from _made("CreateComputeEnvironment", "batch", "aws_batch_compute_environment")
    yield from _made("CreateJobQueue", "batch", "aws_batch_job_queue")
    yield from _made("RunJobFlow", "elasticmapreduce", "aws_emr_cluster")
    yield from _made("CreateStack", "cloudformation", "aws_cloudformation_stack")
    yield from _made("CreateBucket", "s3", "aws_s3_bucket", "requestParameters.bucketName", "s3:::{value}")
    yield from _made("CreateFileSystem", "elasticfilesystem", "aws_efs_file_system")
    yield from _made("CreateAccessPoint", "elasticfilesystem", "aws_efs_access_point")
    systems = "aws_fsx_lustre_file_system aws_fsx_ontap_file_system aws_fsx_openzfs_file_system "
    yield from _made("CreateFileSystem", "fsx", f"{systems}aws_fsx_windows_file_system")
    instances = "aws_db_instance aws_docdb_cluster_instance aws_neptune_cluster_instance aws_rds_cluster_instance"
    restored = "RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime RestoreDBInstanceFromS3"
    yield from _made(f"CreateDBInstance CreateDBInstanceReadReplica {restored}", "rds", instances)
    clusters = "aws_docdb_cluster aws_neptune_cluster aws_rds_cluster"
    restored = "RestoreDBClusterFromSnapshot RestoreDBClusterToPointInTime RestoreDBClusterFromS3"
    yield from _made(f"CreateDBCluster {restored}", "rds", clusters)
    yield from _made("CreateDBSnapshot CopyDBSnapshot", "rds", "aws_db_snapshot")
    yield from _made("CreateDBClusterSnapshot CopyDBClusterSnapshot", "rds", "aws_db_cluster_snapshot")
    yield from _made("CreateDBSubnetGroup", "rds", "aws_db_subnet_group")
    yield from _made("CreateDBParameterGroup", "rds", "aws_db_parameter_group")
    yield from _made("CreateDBProxy", "rds", "aws_db_proxy")
    yield from _made("CreateTable", "dynamodb", "aws_dynamodb_table")
    yield from _made("CreateCacheCluster", "elasticache", "aws_elasticache_cluster")
    yield from _made("CreateReplicationGroup", "elasticache", "aws_elasticache_replication_group")
    yield from _made("CreateServerlessCache", "elasticache", "aws_elasticache_serverless_cache")
    yield from _made(
        "CreateCluster RestoreFromClusterSnapshot",
        "redshift",
        "aws_redshift_cluster",
        "requestParameters.clusterIdentifier",
        "redshift:{region}:{account}:cluster:{value}",
    )
    yield from _made("CreateDomain CreateElasticsearchDomain", "es", "aws_opensearch_domain")
    yield from _made(
        "CreateQueue", "sqs", "aws_sqs_queue", "requestParameters.queueName", "sqs:{region}:{account}:{value}"
    )
    yield from _made("CreateTopic", "sns", "aws_sns_topic")
    yield from _made(
        "CreateStream",
        "kinesis",
        "aws_kinesis_stream",
        "requestParameters.streamName",
        "kinesis:{region}:{account}:stream/{value}",
    )
    yield from _made("CreateDeliveryStream", "firehose", "aws_kinesis_firehose_delivery_stream")
    yield from _made("CreateCluster CreateClusterV2", "kafka", "aws_msk_cluster aws_msk_serverless_cluster")
    yield from _made("CreateBroker", "amazonmq", "aws_mq_broker")
    yield from _made("CreateStateMachine", "states", "aws_sfn_state_machine")
    yield from _made("CreateProject", "codebuild", "aws_codebuild_project")
    for event, type_, word in (("CreateJob", "aws_glue_job", "job"), ("CreateCrawler", "aws_glue_crawler", "crawler")):
        yield from _made(
            event, "glue", type_, "requestParameters.name", f"glue:{{region}}:{{account}}:{word}/{{value}}"
        )
    yield from _made("CreateEndpoint", "sagemaker", "aws_sagemaker_endpoint")
    yield from _made("CreateModel", "sagemaker", "aws_sagemaker_model")
    yield from _made("CreateNotebookInstance", "sagemaker", "aws_sagemaker_notebook_instance")
    yield from _made("CreateDomain", "sagemaker", "aws_sagemaker_domain")
    yield from _made(
        "CreateRestApi ImportRestApi",
        "apigateway",
        "aws_api_gateway_rest_api",
        "responseElements.id",
        "apigateway:{region}::/restapis/{value}",
    )
    yield from _made(
        "CreateApi ImportApi",
        "apigateway",
        "aws_apigatewayv2_api",
        "responseElements.apiId",
        "apigateway:{region}::/apis/{value}",
    )
    yield from _made("CreateDistribution CreateDistributionWithTags", "cloudfront", "aws_cloudfront_distribution")
    yield from _made("CreateRole", "iam", "aws_iam_role")
    yield from _made("CreateUser", "iam", "aws_iam_user")
    yield from _made("CreatePolicy", "iam", "aws_iam_policy")
    yield from _made("CreateInstanceProfile", "iam", "aws_iam_instance_profile")
    yield from _made("CreateUserPool", "cognito-idp", "aws_cognito_user_pool")
    yield from _made("CreateKey", "kms", "aws_kms_key aws_kms_external_key")
    yield from _made("CreateSecret", "secretsmanager", "aws_secretsmanager_secret")
    yield from _made("RequestCertificate ImportCertificate", "acm", "aws_acm_certificate")
    yield from _made(
        "CreateLogGroup",
        "logs",
        "aws_cloudwatch_log_group",
        "requestParameters.logGroupName",
        "logs:{region}:{account}:log-group:{value}",
    )


_GROUP = "requestParameters.autoScalingGroupName"
"""The ARN of an Auto Scaling group has more in it than its name, and CreateAutoScalingGroup answers with nothing."""

_BY_TYPE: Mapping[str, tuple[_Made, ...]] = MappingProxyType(
    {type_: tuple(row for row in _table() if type_ in row.types) for row in _table() for type_ in row.types}
)


def creators(
    access: Access,
    region: str,
    wanted: Mapping[str, Collection[str]],
    days: int,
    now: datetime,
    *,
    most: int = _MOST_CALLS,
) -> tuple[dict[str, Creator], list[Gap]]:
    """Who made these resources of an account in a region, of the last ``days`` days.

    ``wanted`` are their ids by their Terraform types; what is ``global`` is in the history of the partition's home
    region. Of a type whose making isn't known nothing is asked. Who isn't found made it earlier, or isn't a person or
    a role of theirs: an AWS service that did it by itself is nobody. At most ``most`` calls are made; where those were
    not enough, or the history could not be read, that is a gap, and what was found by then still holds.
    """
    place = access.home if region == GLOBAL else region
    search = _Search(Reading(access, "cloudtrail", place, ()), wanted, now - timedelta(days=min(days, MOST_DAYS)), now)
    if not search.events or days <= 0:
        return {}, []
    where = f"aws/{access.account}/{region}/*/cloudtrail"
    try:
        cut = search.run(most)
    except SourceError as error:
        return search.found, [Gap(where, f"who made what could not be read: {error}")]
    return search.found, [Gap(where, cut)] if cut else []


class _Search:
    """The reading of one history, newest first: the first event that names a resource is the one that made it, as it is
    now (a bucket's name may have been another bucket's before)."""

    def __init__(self, reading: Reading, wanted: Mapping[str, Collection[str]], start: datetime, end: datetime) -> None:
        self._reading = reading
        self._start, self._end = start, end
        self.found: dict[str, Creator] = {}
        self._open = {id_ for type_, ids in wanted.items() if type_ in _BY_TYPE for id_ in ids}
        self._rows: dict[tuple[str, str], list[tuple[_Made, dict[str, str]]]] = {}
        rows = dict.fromkeys(row for type_, ids in wanted.items() if ids for row in _BY_TYPE.get(type_, ()))
        for row in rows:
            names = {name: id_ for type_ in row.types for id_ in wanted.get(type_, ()) for name in _names(id_)}
            self._rows.setdefault((row.source, row.event), []).append((row, names))
        self.events = sorted({event for _, event in self._rows})
        self._calls = 0

    def run(self, most: int) -> str:
        """Reads until all are found, or there is no more. Says why it ended earlier where it did. Raises
        :class:`SourceError`."""
        reached = self._end
        for page in self._pages("ReadOnly", "false", self._end):
            reached = min(self._take(page), reached)
            if not self._open:
                return ""
            if self._calls >= most:
                return self._cut("all that was written", reached, most)
            if self._longer_than(len(self.events), reached):
                break
        else:
            return ""
        for event in self.events:
            seen = reached
            for page in self._pages("EventName", event, reached):
                seen = min(self._take(page), seen)
                if not self._open:
                    return ""
                if self._calls >= most:
                    return self._cut(event, seen, most)
        return ""

    def _cut(self, what: str, reached: datetime, most: int) -> str:
        return (
            f"CloudTrail's history is longer than {most:,} calls read: of {what} it was read back to "
            f"{reached:%Y-%m-%d}; nothing is known of who made what else there is"
        )

    def _longer_than(self, calls: int, reached: datetime) -> bool:
        """Whether reading on as until now will take more calls than that."""
        done = (self._end - reached) / (self._end - self._start)
        return self._calls * (1 - done) > calls * done

    def _pages(self, attribute: str, value: str, end: datetime) -> Iterator[list[Mapping[str, Any]]]:
        client = self._reading.client()
        pages = client.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}],
            StartTime=self._start,
            EndTime=end,
            PaginationConfig={"PageSize": _PAGE},
        )
        for page in guarded_pages(pages):
            self._calls += 1
            yield told(page, "Events", "LookupEvents")

    def _take(self, events: Iterable[Mapping[str, Any]]) -> datetime:
        """Finds what the events made; the time of the oldest."""
        oldest = self._end
        for event in events:
            at = event.get("EventTime")
            if not isinstance(at, datetime) or at.tzinfo is None:
                raise SourceError("no whole answer: LookupEvents shows an event without its EventTime")
            oldest = max(min(oldest, at), self._start)
            rows = self._rows.get((str(event.get("EventSource")), str(event.get("EventName"))))
            if rows is None:
                continue
            record = _record(event.get("CloudTrailEvent"))
            if record is None or record.get("errorCode") or record.get("errorMessage"):
                continue
            made = {id_ for row, names in rows for id_ in self._made(row, names, record)} & self._open
            if not made:
                continue
            self._open -= made
            creator = _creator(record.get("userIdentity"), at, str(event.get("EventName")))
            if creator is not None:
                self.found.update(dict.fromkeys(made, creator))
        return oldest

    def _made(self, row: _Made, names: Mapping[str, str], record: Mapping[str, Any]) -> Iterator[str]:
        if not row.path:
            texts = _leaves(record.get("responseElements"))
        elif not row.arn:
            texts = (f":autoScalingGroupName/{text}" for text in texts_at(row.path, record))
        else:
            texts = (self._reading.named(text, row.arn) for text in texts_at(row.path, record))
        for text in texts:
            id_ = names.get(text) or names.get(canonical(text))
            if id_ is not None:
                yield id_


def _names(id_: str) -> Iterator[str]:
    """What an answer may call a resource: its ARN, or what EC2 calls it."""
    yield id_
    short = id_.rpartition("/")[2]
    if ec2_resource(short) is not None and ":ec2:" in id_:
        yield short
    group = id_.find(":autoScalingGroupName/")
    if group >= 0:
        yield id_[group:]


def _record(text: object) -> dict[str, Any] | None:
    """The event itself; None where it isn't one. Python's reader also takes halves of characters."""
    if not isinstance(text, str):
        return None
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _leaves(value: object) -> Iterator[str]:
    """All texts in it, however deep they lie, but for what something was copied from: a snapshot's copy also names the
    snapshot (``sourceDBSnapshotIdentifier``)."""
    todo = [value]
    while todo:
        match todo.pop():
            case str() as text:
                yield text
            case dict() as inner:
                todo += [one for key, one in inner.items() if not _ORIGIN.search(key)]
            case list() as inner:
                todo += inner


_ORIGIN = re.compile("(?<![Rr]e)[Ss]ource")


def _creator(identity: object, at: datetime, event: str) -> Creator | None:
    """Who it was (CloudTrail user guide, "CloudTrail userIdentity element"); None for an AWS service, which makes
    things for somebody it doesn't name: ``invokedBy``, or a role of its own."""
    if not isinstance(identity, dict) or identity.get("invokedBy") or identity.get("type") == "AWSService":
        return None
    own = _arn(identity.get("arn"))
    context = identity.get("sessionContext")
    issuer = context.get("sessionIssuer") if isinstance(context, dict) else None
    issued = _arn(issuer.get("arn")) if isinstance(issuer, dict) else ""
    principal = issued or own
    if not principal or ":role/aws-service-role/" in principal:
        return None
    return Creator(principal=principal, session=own if issued and own != issued else "", at=at, event=event)


def _arn(value: object) -> str:
    return legible(value) if isinstance(value, str) and value.startswith("arn:") else ""
