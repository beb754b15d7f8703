"""What carries messages and work from one to the next: queues, topics, streams, events, state machines, pipelines."""

from typing import Any

from costguard.clouds.aws.native.listing import Batch, Each, Item, Kind, Listing, Reading, Step, To, legible
from costguard.model.resource import Manager

_STREAM = "arn:{partition}:firehose:{region}:{account}:deliverystream/{name}"
_PROJECT = "arn:{partition}:codebuild:{region}:{account}:project/{name}"


def _rule(_: Reading, item: Item) -> Kind:
    """A rule of EventBridge. One that a service made refuses tags (TagResource: ManagedRuleException)."""
    service = item.get("ManagedBy")
    if not service:
        return Kind("aws_cloudwatch_event_rule")
    name = legible(str(service))
    return Kind(
        "aws_cloudwatch_event_rule",
        untaggable=f"{name} made this rule, and EventBridge takes no tags for it",
        managers=(Manager(tool="aws", name=name),),
    )


def _kafka(_: Reading, item: Item) -> Kind:
    return Kind("aws_msk_serverless_cluster" if item.get("ClusterType") == "SERVERLESS" else "aws_msk_cluster")


def _glue(operation: str, items: str, resource: str, type_: str, **more: Any) -> Listing:
    arn = f"arn:{{partition}}:glue:{{region}}:{{account}}:{resource}/{{name}}"
    return Listing(
        service="glue",
        operation=operation,
        items=items,
        id=arn,
        type=type_,
        page=100,
        tags=Each(operation="GetTags", asks={"ResourceArn": arn}),
        **more,
    )


def _database(reading: Reading, item: Item) -> Kind | None:
    """A database of the account's own catalogue; others' are shown where they are shared."""
    return Kind("aws_glue_catalog_database") if item.get("catalog") in (None, reading.account) else None


def _learning(operation: str, items: str, arn: str, type_: str) -> Listing:
    return Listing(
        service="sagemaker",
        operation=operation,
        items=items,
        id=f"{{{arn}}}",
        type=type_,
        page=100,
        tags=Each(operation="ListTags", asks={"ResourceArn": f"{{{arn}}}"}),
    )


def _workgroup(_: Reading, item: Item) -> Kind:
    primary = item.get("Name") == "primary"
    return Kind("aws_athena_workgroup", default="AWS makes the workgroup primary in every region" if primary else "")


def _bus(_: Reading, item: Item) -> Kind:
    ours = item.get("Name") == "default"
    return Kind("aws_cloudwatch_event_bus", default="AWS makes the event bus default in every region" if ours else "")


_WORKGROUP = "arn:{partition}:athena:{region}:{account}:workgroup/{Name}"

ROWS = (
    Listing(
        service="sqs",
        operation="ListQueues",
        items="QueueUrls[].{url: @}",
        id="arn:{partition}:sqs:{region}:{account}:{url:/}",
        type="aws_sqs_queue",
        page=1000,
        tags=Each(operation="ListQueueTags", asks={"QueueUrl": "{url}"}),
    ),
    Listing(
        service="sns",
        operation="ListTopics",
        items="Topics",
        id="{TopicArn}",
        type="aws_sns_topic",
        tags=Each(operation="ListTagsForResource", asks={"ResourceArn": "{TopicArn}"}),
    ),
    Listing(
        service="kinesis",
        operation="ListStreams",
        items="StreamSummaries",
        id="{StreamARN}",
        type="aws_kinesis_stream",
        page=1000,
        tags=Each(operation="ListTagsForStream", asks={"StreamARN": "{StreamARN}", "Limit": 50}),
    ),
    Listing(
        service="firehose",
        operation="ListDeliveryStreams",
        asks={"Limit": 1000},
        items="DeliveryStreamNames[].{name: @}",
        id=_STREAM,
        type="aws_kinesis_firehose_delivery_stream",
        tags=Each(operation="ListTagsForDeliveryStream", asks={"DeliveryStreamName": "{name}", "Limit": 50}),
    ),
    Listing(
        service="kafka",
        operation="ListClustersV2",
        items="ClusterInfoList",
        id="{ClusterArn}",
        kind=_kafka,
        among=("aws_msk_cluster", "aws_msk_serverless_cluster"),
        related=(To("network", "[Provisioned.BrokerNodeGroupInfo.ClientSubnets, Serverless.VpcConfigs[].SubnetIds]"),),
        page=100,
    ),
    Listing(
        service="mq",
        operation="ListBrokers",
        items="BrokerSummaries",
        id="{BrokerArn}",
        type="aws_mq_broker",
        page=100,
        tags=Each(operation="ListTags", asks={"ResourceArn": "{BrokerArn}"}),
    ),
    Listing(
        service="events",
        operation="ListEventBuses",
        items="EventBuses",
        id="{Arn}",
        type="aws_cloudwatch_event_bus",
        kind=_bus,
        tags=Each(operation="ListTagsForResource", asks={"ResourceARN": "{Arn}"}),
    ),
    Listing(
        service="events",
        within=(Step(operation="ListEventBuses", items="EventBuses[].{bus: Arn}"),),
        operation="ListRules",
        asks={"EventBusName": "{bus}"},
        items="Rules",
        id="{Arn}",
        type="aws_cloudwatch_event_rule",
        kind=_rule,
        page=100,
        tags=Each(operation="ListTagsForResource", asks={"ResourceARN": "{Arn}"}),
    ),
    Listing(
        service="stepfunctions",
        operation="ListStateMachines",
        items="stateMachines",
        id="{stateMachineArn}",
        type="aws_sfn_state_machine",
        page=1000,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{stateMachineArn}"}, tags="tags"),
    ),
    Listing(
        service="stepfunctions",
        operation="ListActivities",
        items="activities",
        id="{activityArn}",
        type="aws_sfn_activity",
        page=1000,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{activityArn}"}, tags="tags"),
    ),
    Listing(
        service="codebuild",
        operation="ListProjects",
        items="projects[].{name: @}",
        id=_PROJECT,
        type="aws_codebuild_project",
        tags=Batch(
            operation="BatchGetProjects",
            parameter="names",
            name="{name}",
            size=100,
            answers="projects",
            key="name",
            tags="tags",
        ),
    ),
    Listing(
        service="codepipeline",
        operation="ListPipelines",
        items="pipelines",
        id="arn:{partition}:codepipeline:{region}:{account}:{name}",
        type="aws_codepipeline",
        page=1000,
        tags=Each(
            operation="ListTagsForResource",
            asks={"resourceArn": "arn:{partition}:codepipeline:{region}:{account}:{name}"},
            tags="tags",
        ),
    ),
    _glue("ListJobs", "JobNames[].{name: @}", "job", "aws_glue_job"),
    _glue("ListCrawlers", "CrawlerNames[].{name: @}", "crawler", "aws_glue_crawler", asks={"MaxResults": 1000}),
    _glue("ListTriggers", "TriggerNames[].{name: @}", "trigger", "aws_glue_trigger"),
    _glue(
        "GetDatabases",
        "DatabaseList[].{name: Name, catalog: CatalogId}",
        "database",
        "aws_glue_catalog_database",
        kind=_database,
    ),
    Listing(
        service="athena",
        operation="ListWorkGroups",
        asks={"MaxResults": 50},
        items="WorkGroups",
        id=_WORKGROUP,
        type="aws_athena_workgroup",
        kind=_workgroup,
        tags=Each(operation="ListTagsForResource", asks={"ResourceARN": _WORKGROUP}),
    ),
    _learning("ListEndpoints", "Endpoints", "EndpointArn", "aws_sagemaker_endpoint"),
    _learning("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigArn", "aws_sagemaker_endpoint_configuration"),
    _learning("ListModels", "Models", "ModelArn", "aws_sagemaker_model"),
    _learning("ListNotebookInstances", "NotebookInstances", "NotebookInstanceArn", "aws_sagemaker_notebook_instance"),
    _learning("ListDomains", "Domains", "DomainArn", "aws_sagemaker_domain"),
)
