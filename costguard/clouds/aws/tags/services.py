"""What each service calls the tags of its resources: how they are read first-hand, set and taken away.

One row for each form of a service's ARNs. The names of operations and parameters are botocore's; a test holds every row
against botocore's models. A resource that no row knows can't be read back, and what can't be read back is never
written.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

import msgspec

from costguard.catalog import native
from costguard.clouds.aws.calls import Call
from costguard.clouds.aws.native.listing import Batch, Each

Form = Literal["map", "Key", "key", "TagKey", "Items"]
"""How a service spells tags: as a map, as pairs of these names, or as pairs within ``Items``."""

Way = Literal["tagging", "native", "ec2", "groups", "sets"]
"""How a row's tags are set. ``tagging``: by the Resource Groups Tagging API, and by the service itself where that
doesn't know the type. ``native``: by the service itself alone. ``ec2``: many at once by CreateTags. ``groups``: as Auto
Scaling has it. ``sets``: by S3, for which there is a call that merges and one that replaces the whole set."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that sets or takes away tags: ``asks`` name the resource, as templates, ``tags`` is the parameter
    for the tags (or their keys)."""

    operation: str
    asks: Mapping[str, str | list[str]]
    tags: str
    form: Form


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """The same for taking away. ``form`` is None for a plain list of keys; ``compares`` where a value that is sent
    along must be the tag's for it to be taken away."""

    operation: str
    asks: Mapping[str, str | list[str]]
    tags: str
    form: Literal["Key", "Items", "pairs"] | None = None

    @property
    def compares(self) -> bool:
        return self.form == "pairs"


class First(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be looked up before a resource can be named: the one value at ``found`` becomes the field
    ``name``."""

    operation: str
    asks: Mapping[str, object]
    found: str
    name: str


class Native(msgspec.Struct, frozen=True, kw_only=True):
    """A row. ``form`` is a regular expression of ``service:resource`` as the ARN has them; its groups are fields of the
    templates, beside ``arn``, ``partition``, ``region`` and ``account``. ``types`` are the Terraform types that it is
    for, where the ARN alone doesn't tell; ``actions`` are what IAM asks for besides, when the tagging API writes."""

    service: str
    form: re.Pattern[str]
    read: Each | Batch
    add: Write | None = None
    remove: Removal | None = None
    way: Way = "tagging"
    first: First | None = None
    types: frozenset[str] = frozenset()
    folds: bool = False
    """Keys that differ in letter case alone are one key: setting one takes the other's place (IAM user guide, "Tags for
    IAM resources", of roles and users)."""
    complete: bool = False
    """The listing ``read`` shows all that it is asked for and there is: what it leaves out is gone."""
    where: str = ""
    """The region that answers for a resource without one, where that isn't the partition's home."""
    actions: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[Call, ...]:
        operations = [self.read.operation, *([self.first.operation] if self.first else [])]
        return tuple(_call(self.service, operation) for operation in operations)

    @property
    def writes(self) -> tuple[Call, ...]:
        return tuple(_call(self.service, one.operation) for one in (self.add, self.remove) if one is not None)


# What IAM asks for where that isn't the operation's own name (Service Authorization Reference).
_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("efs", "ListTagsForResource"): (
            "elasticfilesystem:ListTagsForResource",
            "elasticfilesystem:DescribeAccessPoints",
        ),
        ("keyspaces", "ListTagsForResource"): ("cassandra:Select",),
    }
)
# API Gateway's actions are the verbs of HTTP, and its resources paths.
_GATEWAY_VERBS = MappingProxyType(
    {"GetTags": "apigateway:GET", "TagResource": "apigateway:PUT", "UntagResource": "apigateway:DELETE"}
)


def _call(service: str, operation: str) -> Call:
    if service in ("apigateway", "apigatewayv2"):
        return Call(service, operation, (_GATEWAY_VERBS[operation],), ("arn:*:apigateway:*::/tags/*",))
    return Call(service, operation, _ACTIONS.get((service, operation), ()))


def _row(
    service: str,
    form: str,
    named: str = "resourceArn",
    *,
    name: str = "{arn}",
    tags: str = "tags",
    shape: Form = "map",
    keys: str | None = None,
    read: str = "ListTagsForResource",
    shown: str = "",
    add: str = "TagResource",
    remove: str = "UntagResource",
    none: frozenset[str] = frozenset(),
    asks: Mapping[str, str] = MappingProxyType({}),
    way: Way = "tagging",
    first: First | None = None,
    types: frozenset[str] = frozenset(),
    many: Batch | None = None,
    removal: Literal["Key", "Items", "pairs"] | None = None,
    where: str = "",
    folds: bool = False,
) -> Native:
    """A regular row: one parameter names the resource in all three operations. ``keys`` defaults to the usual name of
    the parameter with the keys in the service's own way of writing."""
    naming = {named: name, **asks}
    if keys is None:
        keys = "tagKeys" if tags[0].islower() else "TagKeys"
    return Native(
        service=service,
        form=re.compile(form, re.DOTALL),
        read=many or Each(operation=read, asks=naming, tags=shown or tags, none=none),
        add=Write(operation=add, asks=naming, tags=tags, form=shape),
        remove=Removal(operation=remove, asks=naming, tags=keys, form=removal),
        way=way,
        first=first,
        types=types,
        where=where,
        folds=folds,
    )


def _upper(service: str, form: str, named: str = "ResourceArn", shape: Form = "map", **more: object) -> Native:
    """Services that write their parameters with capitals."""
    return _row(service, form, named, **{"tags": "Tags", "shape": shape, **more})  # type: ignore[arg-type]


def _old(service: str, form: str, named: str = "ResourceName", **more: object) -> Native:
    """Services with AddTagsToResource and RemoveTagsFromResource."""
    words = {"add": "AddTagsToResource", "remove": "RemoveTagsFromResource", "shown": "TagList", "shape": "Key"}
    return _upper(service, form, named, **{**words, **more})  # type: ignore[arg-type]


def _iam(form: str, named: str, noun: str, name: str) -> Native:
    return _upper(
        "iam",
        form,
        named,
        "Key",
        name=name,
        read=f"List{noun}Tags",
        add=f"Tag{noun}",
        remove=f"Untag{noun}",
        # The tagging API doesn't know users and roles, and doesn't list what it knows.
        way="native",
        folds=noun in ("Role", "User"),
    )


def _balanced(form: str) -> Native:
    return Native(
        service="elbv2",
        form=re.compile(form, re.DOTALL),
        read=Batch(
            operation="DescribeTags",
            parameter="ResourceArns",
            name="{arn}",
            size=20,
            answers="TagDescriptions",
            key="ResourceArn",
        ),
        add=Write(operation="AddTags", asks={"ResourceArns": ["{arn}"]}, tags="Tags", form="Key"),
        remove=Removal(operation="RemoveTags", asks={"ResourceArns": ["{arn}"]}, tags="TagKeys"),
    )


def _zone(kind: str) -> Native:
    asks = {"ResourceType": kind, "ResourceId": "{id}"}
    return Native(
        service="route53",
        form=re.compile(rf"route53:{kind}/(?P<id>[^/]+)"),
        read=Batch(
            operation="ListTagsForResources",
            parameter="ResourceIds",
            name="{id}",
            size=10,
            answers="ResourceTagSets",
            key="ResourceId",
            asks={"ResourceType": kind},
        ),
        add=Write(operation="ChangeTagsForResource", asks=asks, tags="AddTags", form="Key"),
        remove=Removal(operation="ChangeTagsForResource", asks=asks, tags="RemoveTagKeys"),
    )


_EC2 = Native(
    service="ec2",
    form=re.compile(r"ec2:[a-z0-9-]+/(?P<id>[a-z]+(?:-[a-z0-9]+)*-[0-9a-z]+)"),
    # Its answer is one tag after the other: what a resource has is put together from it.
    read=Batch(
        operation="DescribeTags",
        parameter="Filters",
        name="{id}",
        size=200,
        answers="Tags",
        key="ResourceId",
        tags="Key",
    ),
    way="ec2",
)
_EC2_WRITES = (Call("ec2", "CreateTags"), Call("ec2", "DeleteTags"))

_GROUPS = Native(
    service="autoscaling",
    form=re.compile(r"autoscaling:autoScalingGroup:[^:]*:autoScalingGroupName/(?P<name>.+)", re.DOTALL),
    read=Batch(
        operation="DescribeAutoScalingGroups",
        parameter="AutoScalingGroupNames",
        name="{name}",
        size=50,
        answers="AutoScalingGroups",
        key="AutoScalingGroupName",
    ),
    complete=True,
    way="groups",
)
_GROUP_WRITES = (Call("autoscaling", "CreateOrUpdateTags"), Call("autoscaling", "DeleteTags"))

_BUCKETS = Native(
    service="s3",
    form=re.compile(r"s3:(?P<bucket>[^/:]+)"),
    read=Each(
        operation="GetBucketTagging", asks={"Bucket": "{bucket}"}, tags="TagSet", none=frozenset({"NoSuchTagSet"})
    ),
    way="sets",
)
_BUCKET_WRITES = (
    Call("s3control", "TagResource"),
    Call("s3control", "UntagResource"),
    Call("s3", "PutBucketTagging"),
)

_RDS = "db|cluster|cluster-endpoint|snapshot|cluster-snapshot|subgrp|pg|cluster-pg|og|es|secgrp|ri|db-proxy"

_ROWS: tuple[Native, ...] = (
    _EC2,
    _GROUPS,
    _BUCKETS,
    # ---- identity
    _iam(r"iam:role/(?:.*/)?(?P<name>[^/]+)", "RoleName", "Role", "{name}"),
    _iam(r"iam:user/(?:.*/)?(?P<name>[^/]+)", "UserName", "User", "{name}"),
    _iam(r"iam:policy/.+", "PolicyArn", "Policy", "{arn}"),
    _iam(r"iam:instance-profile/(?:.*/)?(?P<name>[^/]+)", "InstanceProfileName", "InstanceProfile", "{name}"),
    _iam(r"iam:oidc-provider/.+", "OpenIDConnectProviderArn", "OpenIDConnectProvider", "{arn}"),
    _iam(r"iam:saml-provider/.+", "SAMLProviderArn", "SAMLProvider", "{arn}"),
    _iam(r"iam:server-certificate/(?:.*/)?(?P<name>[^/]+)", "ServerCertificateName", "ServerCertificate", "{name}"),
    _upper("cognito-idp", r"cognito-idp:userpool/.+"),
    _upper("cognito-identity", r"cognito-identity:identitypool/.+"),
    _upper(
        "kms",
        r"kms:key/[^/]+",
        "KeyId",
        "TagKey",
        read="ListResourceTags",
    ),
    _upper("secretsmanager", r"secretsmanager:secret:.+", "SecretId", "Key", read="DescribeSecret"),
    _row(
        "acm",
        r"acm:certificate/.+",
        "CertificateArn",
        tags="Tags",
        shape="Key",
        keys="Tags",
        read="ListTagsForCertificate",
        add="AddTagsToCertificate",
        remove="RemoveTagsFromCertificate",
        removal="pairs",
    ),
    _upper(
        "acm-pca",
        r"acm-pca:certificate-authority/.+",
        "CertificateAuthorityArn",
        "Key",
        keys="Tags",
        read="ListTags",
        add="TagCertificateAuthority",
        remove="UntagCertificateAuthority",
        removal="Key",
    ),
    _upper(
        "wafv2",
        r"wafv2:(?:regional|global)/(?:webacl|ipset|rulegroup|regexpatternset|managedruleset)/.+",
        "ResourceARN",
        "Key",
        shown="TagInfoForResource.TagList",
    ),
    _upper("guardduty", r"guardduty:detector/.+"),
    _row("inspector2", r"inspector2:owner/.+/filter/.+"),
    _row("accessanalyzer", r"access-analyzer:analyzer/.+"),
    _upper(
        "network-firewall",
        r"network-firewall:(?:firewall|firewall-policy|stateful-rulegroup|stateless-rulegroup)/.+",
        shape="Key",
    ),
    # ---- what runs code
    _upper("lambda", r"lambda:(?:function|code-signing-config):[^:]+", "Resource", read="ListTags"),
    _upper("lambda", r"lambda:event-source-mapping:[^:]+", "Resource", read="ListTags"),
    _row("ecs", r"ecs:(?:cluster|capacity-provider)/.+", shape="key"),
    # An ARN without its cluster is of the format from before 2018, with which ECS takes no tags.
    _row("ecs", r"ecs:(?:service|container-instance|task|task-set)/[^/]+/.+", shape="key"),
    _row("ecs", r"ecs:task-definition/[^:]+:\d+", shape="key"),
    _row(
        "eks",
        r"eks:(?:cluster|nodegroup|fargateprofile|addon|identityproviderconfig|podidentityassociation|access-entry)/.+",
    ),
    _row("ecr", r"ecr:repository/.+", shape="Key"),
    _row("batch", r"batch:(?:compute-environment|job-queue|job-definition|scheduling-policy)/.+"),
    _upper("apprunner", r"apprunner:.+", shape="Key"),
    _row("emr-serverless", r"emr-serverless:/applications/.+"),
    _row("emr-containers", r"emr-containers:/virtualclusters/.+"),
    _row("imagebuilder", r"imagebuilder:.+"),
    # ---- load balancing
    _balanced(r"elasticloadbalancing:loadbalancer/(?:app|net|gwy)/.+"),
    _balanced(r"elasticloadbalancing:(?:targetgroup|listener|listener-rule|truststore)/.+"),
    Native(
        service="elb",
        form=re.compile(r"elasticloadbalancing:loadbalancer/(?P<name>[^/]+)"),
        read=Batch(
            operation="DescribeTags",
            parameter="LoadBalancerNames",
            name="{name}",
            size=20,
            answers="TagDescriptions",
            key="LoadBalancerName",
        ),
        add=Write(operation="AddTags", asks={"LoadBalancerNames": ["{name}"]}, tags="Tags", form="Key"),
        remove=Removal(operation="RemoveTags", asks={"LoadBalancerNames": ["{name}"]}, tags="Tags", form="Key"),
    ),
    _upper(
        "globalaccelerator",
        r"globalaccelerator:(?:accelerator|cross-account-attachment)/[^/]+",
        shape="Key",
        # Global Accelerator's reference: its calls are made in US West (Oregon), wherever it works.
        where="us-west-2",
    ),
    _row("vpc-lattice", r"vpc-lattice:.+"),
    _upper("route53resolver", r"route53resolver:.+", shape="Key"),
    _upper("servicediscovery", r"servicediscovery:(?:namespace|service)/.+", "ResourceARN", "Key"),
    # ---- what keeps data
    _upper(
        "efs",
        r"elasticfilesystem:(?:file-system|access-point)/(?P<id>.+)",
        "ResourceId",
        "Key",
        name="{id}",
    ),
    _upper(
        "fsx", r"fsx:(?:file-system|backup|volume|storage-virtual-machine|snapshot|file-cache)/.+", "ResourceARN", "Key"
    ),
    _upper(
        "backup",
        r"backup:(?:backup-vault|backup-plan|framework|report-plan|legal-hold):.+",
        read="ListTags",
        keys="TagKeyList",
    ),
    _upper("datasync", r"datasync:.+", shape="Key", keys="Keys"),
    _upper("transfer", r"transfer:(?:server|user|workflow|connector|profile|agreement|certificate)/.+", "Arn", "Key"),
    _upper(
        "storagegateway",
        r"storagegateway:(?:gateway|share|tape|tapepool|fs-association)/.+",
        "ResourceARN",
        "Key",
        add="AddTagsToResource",
        remove="RemoveTagsFromResource",
    ),
    _upper("dlm", r"dlm:policy/.+"),
    # ---- databases. DocumentDB and Neptune answer under RDS's name.
    _old("rds", rf"rds:(?:{_RDS}):.+"),
    _upper("dynamodb", r"dynamodb:table/[^/]+", shape="Key", read="ListTagsOfResource"),
    _upper("dax", r"dax:cache/.+", "ResourceName", "Key", read="ListTags"),
    _old(
        "elasticache",
        r"elasticache:(?:cluster|serverlesscache|subnetgroup|parametergroup|snapshot|serverlesscachesnapshot|user|usergroup"
        r"|reserved-instance|securitygroup):.+",
    ),
    _upper(
        "memorydb",
        r"memorydb:(?:cluster|acl|user|parametergroup|subnetgroup|snapshot)/.+",
        shape="Key",
        read="ListTags",
        shown="TagList",
    ),
    Native(
        service="redshift",
        form=re.compile(
            r"redshift:(?:cluster|subnetgroup|parametergroup|snapshot|snapshotschedule|eventsubscription|hsmclientcertificate"
            r"|hsmconfiguration|snapshotcopygrant|usagelimit):.+",
            re.DOTALL,
        ),
        read=Each(operation="DescribeTags", asks={"ResourceName": "{arn}"}, tags="TaggedResources[].Tag"),
        add=Write(operation="CreateTags", asks={"ResourceName": "{arn}"}, tags="Tags", form="Key"),
        remove=Removal(operation="DeleteTags", asks={"ResourceName": "{arn}"}, tags="TagKeys"),
    ),
    _row("redshift-serverless", r"redshift-serverless:(?:namespace|workgroup|snapshot)/.+", shape="key"),
    _upper(
        "opensearch",
        r"es:domain/.+",
        "ARN",
        "Key",
        tags="TagList",
        read="ListTags",
        add="AddTags",
        remove="RemoveTags",
    ),
    _row("opensearchserverless", r"aoss:collection/.+", shape="key"),
    _upper("timestream-write", r"timestream:database/.+", "ResourceARN", "Key"),
    _old("dms", r"dms:(?:rep|endpoint|task|subgrp|es|cert|replication-config):.+", "ResourceArn"),
    # ---- what moves data
    Native(
        service="sqs",
        form=re.compile(r"sqs:(?P<name>[^:]+)"),
        first=First(
            operation="GetQueueUrl",
            asks={"QueueName": "{name}", "QueueOwnerAWSAccountId": "{account}"},
            found="QueueUrl",
            name="url",
        ),
        read=Each(operation="ListQueueTags", asks={"QueueUrl": "{url}"}),
        add=Write(operation="TagQueue", asks={"QueueUrl": "{url}"}, tags="Tags", form="map"),
        remove=Removal(operation="UntagQueue", asks={"QueueUrl": "{url}"}, tags="TagKeys"),
    ),
    _upper("sns", r"sns:[^:]+", shape="Key"),
    _upper(
        "kinesis",
        r"kinesis:stream/(?P<name>[^/]+)",
        "StreamName",
        name="{name}",
        read="ListTagsForStream",
        add="AddTagsToStream",
        remove="RemoveTagsFromStream",
    ),
    _upper(
        "firehose",
        r"firehose:deliverystream/(?P<name>[^/]+)",
        "DeliveryStreamName",
        "Key",
        name="{name}",
        read="ListTagsForDeliveryStream",
        add="TagDeliveryStream",
        remove="UntagDeliveryStream",
    ),
    _upper("kinesisanalyticsv2", r"kinesisanalytics:application/.+", "ResourceARN", "Key"),
    _upper("kafka", r"kafka:(?:cluster|replicator|vpc-connection)/.+"),
    _upper("mq", r"mq:(?:broker|configuration):.+", read="ListTags", add="CreateTags", remove="DeleteTags"),
    _upper("events", r"events:(?:rule|event-bus)/.+", "ResourceARN", "Key"),
    _upper("scheduler", r"scheduler:schedule-group/.+", shape="Key"),
    _row("pipes", r"pipes:pipe/.+"),
    _upper("schemas", r"schemas:(?:registry|schema|discoverer)/.+"),
    _row("stepfunctions", r"states:(?:stateMachine|activity):[^:]+", shape="key"),
    Native(
        service="glue",
        form=re.compile(
            r"glue:(?:job|crawler|trigger|database|workflow|devEndpoint|connection|registry|schema|mlTransform)/.+",
            re.DOTALL,
        ),
        read=Each(operation="GetTags", asks={"ResourceArn": "{arn}"}),
        add=Write(operation="TagResource", asks={"ResourceArn": "{arn}"}, tags="TagsToAdd", form="map"),
        remove=Removal(operation="UntagResource", asks={"ResourceArn": "{arn}"}, tags="TagsToRemove"),
    ),
    _upper("databrew", r"databrew:.+"),
    _upper("athena", r"athena:(?:workgroup|datacatalog|capacity-reservation)/.+", "ResourceARN", "Key"),
    Native(
        service="sagemaker",
        form=re.compile(
            r"sagemaker:(?:endpoint|endpoint-config|model|notebook-instance|feature-group|pipeline|project|model-package-group"
            r"|training-job|processing-job|transform-job|image|algorithm)/.+",
            re.DOTALL,
        ),
        read=Each(operation="ListTags", asks={"ResourceArn": "{arn}"}),
        add=Write(operation="AddTags", asks={"ResourceArn": "{arn}"}, tags="Tags", form="Key"),
        remove=Removal(operation="DeleteTags", asks={"ResourceArn": "{arn}"}, tags="TagKeys"),
    ),
    _upper("mwaa", r"airflow:environment/.+", keys="tagKeys"),
    # ---- the edge
    Native(
        service="cloudfront",
        form=re.compile(r"cloudfront:(?:distribution|streaming-distribution)/.+"),
        read=Each(operation="ListTagsForResource", asks={"Resource": "{arn}"}, tags="Tags.Items"),
        add=Write(operation="TagResource", asks={"Resource": "{arn}"}, tags="Tags", form="Items"),
        remove=Removal(operation="UntagResource", asks={"Resource": "{arn}"}, tags="TagKeys", form="Items"),
    ),
    _zone("hostedzone"),
    _zone("healthcheck"),
    # Both generations of VPC links have ARNs of one form.
    _upper(
        "apigatewayv2", r"apigateway:/vpclinks/[^/]+", types=frozenset({"aws_apigatewayv2_vpc_link"}), read="GetTags"
    ),
    _row(
        "apigateway",
        r"apigateway:/(?:restapis/[^/]+(?:/stages/.+)?|usageplans/[^/]+|vpclinks/[^/]+|apikeys/[^/]+|domainnames/[^/]+"
        r"|clientcertificates/[^/]+)",
        read="GetTags",
    ),
    _upper("apigatewayv2", r"apigateway:/apis/[^/]+(?:/stages/.+)?", read="GetTags"),
    _row("appsync", r"appsync:apis/[^/]+"),
    # ---- what watches
    _row("logs", r"logs:(?:log-group:[^:*]+|destination:[^:]+)"),
    _upper("cloudwatch", r"cloudwatch:(?:alarm:.+|insight-rule/.+|metric-stream/.+)", "ResourceARN", "Key"),
    Native(
        service="cloudtrail",
        form=re.compile(r"cloudtrail:(?:trail|eventdatastore|channel|dashboard)/.+"),
        read=Batch(
            operation="ListTags",
            parameter="ResourceIdList",
            name="{arn}",
            size=20,
            answers="ResourceTagList",
            key="ResourceId",
            tags="TagsList",
        ),
        add=Write(operation="AddTags", asks={"ResourceId": "{arn}"}, tags="TagsList", form="Key"),
        remove=Removal(operation="RemoveTags", asks={"ResourceId": "{arn}"}, tags="TagsList", form="Key"),
    ),
    _upper("synthetics", r"synthetics:(?:canary|group):.+"),
    _upper("rum", r"rum:appmonitor/.+"),
    _row("amp", r"aps:(?:workspace|rulegroupsnamespace|scraper)/.+"),
    _row("grafana", r"grafana:/workspaces/.+"),
    _upper("xray", r"xray:(?:group|sampling-rule)/.+", "ResourceARN", "Key"),
    _upper(
        "config", r"config:(?:config-rule|aggregation-authorization|config-aggregator|conformance-pack)/.+", shape="Key"
    ),
    # ---- building and running
    Native(
        service="codebuild",
        form=re.compile(r"codebuild:project/(?P<name>.+)"),
        read=Batch(
            operation="BatchGetProjects",
            parameter="names",
            name="{name}",
            size=100,
            answers="projects",
            key="name",
            tags="tags",
        ),
        complete=True,
        # UpdateProject would replace all tags; the tagging API alone adds to them.
        actions=("codebuild:UpdateProject",),
    ),
    _row("codepipeline", r"codepipeline:[^/]+", shape="key"),
    _row("codecommit", r"codecommit:[^:]+"),
    _upper("codedeploy", r"codedeploy:(?:application|deploymentgroup):.+", shape="Key"),
    _row("codeartifact", r"codeartifact:(?:domain|repository)/.+", shape="key"),
    _upper("codeconnections", r"codeconnections:connection/.+", shape="Key"),
    _upper("codestar-connections", r"codestar-connections:connection/.+", shape="Key"),
    _upper("appconfig", r"appconfig:.+"),
    _old(
        "ssm",
        r"ssm:parameter/(?P<path>[^/]+/.+)",
        "ResourceId",
        name="/{path}",
        asks={"ResourceType": "Parameter"},
    ),
    # Of a name without a path the ARN doesn't tell whether it begins with a slash.
    _old(
        "ssm",
        r"ssm:parameter/(?P<path>[^/]+)",
        "ResourceId",
        name="{name}",
        asks={"ResourceType": "Parameter"},
        first=First(
            operation="DescribeParameters",
            asks={"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": ["{path}", "/{path}"]}]},
            found="Parameters[].Name",
            name="name",
        ),
    ),
    _upper(
        "workspaces",
        r"workspaces:(?:workspace|directory|workspacebundle|workspaceimage|workspaceipgroup)/(?P<id>[^/]+)",
        "ResourceId",
        "Key",
        name="{id}",
        read="DescribeTags",
        shown="TagList",
        add="CreateTags",
        remove="DeleteTags",
    ),
    _upper(
        "ds",
        r"ds:directory/(?P<id>[^/]+)",
        "ResourceId",
        "Key",
        name="{id}",
        add="AddTagsToResource",
        remove="RemoveTagsFromResource",
    ),
)

WRITES = (*_EC2_WRITES, *_GROUP_WRITES, *_BUCKET_WRITES)
"""The calls of the rows whose ``way`` is their own."""

_HAZARDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form), why)
    for form, why in (
        # Service Authorization Reference, "Amazon EC2": the ARN has the group's name, and CreateTags wants its id.
        (r"ec2:placement-group/.*", "a placement group's ARN has its name, and EC2 tags by id"),
        # Tagging API reference, "TagResources"; CloudFormation changes tags by UpdateStack alone, and hands them on.
        (r"cloudformation:stack/.*", "tagging a CloudFormation stack updates it and everything in it"),
        (r"cloudformation:stackset/.*", "tagging a StackSet updates all of its stacks, in every account"),
        # Elastic Beanstalk developer guide, "Tagging resources": the environment is updated, and its resources tagged.
        (r"elasticbeanstalk:environment/.*", "tagging an Elastic Beanstalk environment updates it"),
        (r"elasticbeanstalk:.*", "Elastic Beanstalk hands an application's tags on when it updates its environments"),
        # Amazon EMR management guide, "Tag and categorize Amazon EMR cluster resources".
        (r"elasticmapreduce:cluster/.*", "EMR copies a cluster's tags to its running instances, which nobody approved"),
        # AddTagsToResource of ElastiCache: the actions "will be replicated to all nodes in the replication group".
        (r"elasticache:replicationgroup:.*", "ElastiCache copies a replication group's tags to all of its clusters"),
        # Service Catalog administrator guide: a provisioned product's tags change by updating the product.
        (r"servicecatalog:.*", "tagging a provisioned product updates what it provisioned"),
        # SageMaker developer guide, "CreateDomain": tags of a domain are added to the apps that are launched in it.
        (r"sagemaker:(?:domain|user-profile|space)/.*", "SageMaker hands a domain's tags on to what is launched in it"),
    )
)


def hazard(form: str) -> str:
    """Why a resource (``service:resource``) is never tagged by us though it could be; empty where nothing speaks
    against it."""
    return next((why for pattern, why in _HAZARDS if pattern.fullmatch(form)), "")


def rows() -> tuple[Native, ...]:
    """The table."""
    return _ROWS


@cache
def _by_service() -> Mapping[str, tuple[Native, ...]]:
    """The rows by what their ARNs begin with."""
    found: dict[str, list[Native]] = {}
    for row in _ROWS:
        found.setdefault(row.form.pattern.partition(":")[0], []).append(row)
    return {name: tuple(some) for name, some in found.items()}


def row_for(form: str, type_: str) -> tuple[Native, Mapping[str, str]] | None:
    """The row for a resource (``service:resource``), and what its ARN says of it; None where there is none."""
    for row in _by_service().get(form.partition(":")[0], ()):
        if row.types and type_ not in row.types:
            continue
        found = row.form.fullmatch(form)
        # EC2's calls know ids alone, and no kinds: a name that looks like an id would mean somebody else's resource.
        if found is not None and (row is not _EC2 or f"ec2:{native.ec2_resource(found['id'])}" == form):
            return row, found.groupdict()
    return None
