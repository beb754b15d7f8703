"""Where requests come in: API Gateway in both of its versions, CloudFront, Route 53."""

from collections.abc import Callable
from typing import Any

from costguard.clouds.aws.native.listing import Batch, Each, Item, Kind, Listing, Reading, Step, To, legible
from costguard.model.resource import Manager


def _gateway(
    version: str, operation: str, items: str, path: str, type_: str, page: int | None = 500, **more: Any
) -> Listing:
    """A row of API Gateway: its ARNs have no account, and all of its listings show tags."""
    return Listing(
        service=version,
        operation=operation,
        items=items,
        id=f"arn:{{partition}}:apigateway:{{region}}::{path}",
        type=type_,
        page=page or 0,
        tags="tags" if version == "apigateway" else "Tags",
        **more,
    )


def _linked(type_: str) -> Callable[[Reading, Item], Kind]:
    """The kind of what Cloud Map and others make in Route 53 in an account's name."""

    def kind(_: Reading, item: Item) -> Kind:
        linked = item.get("LinkedService")
        if not isinstance(linked, dict) or not linked.get("ServicePrincipal"):
            return Kind(type_)
        return Kind(type_, managers=(Manager(tool="aws", name=legible(str(linked["ServicePrincipal"]))),))

    return kind


def _route53(operation: str, items: str, word: str, type_: str) -> Listing:
    return Listing(
        service="route53",
        operation=operation,
        items=items,
        id=f"arn:{{partition}}:route53:::{word}/{{Id:/}}",
        type=type_,
        kind=_linked(type_),
        scope="global",
        page=100,
        tags=Batch(
            operation="ListTagsForResources",
            parameter="ResourceIds",
            name="{Id:/}",
            size=10,
            answers="ResourceTagSets",
            key="ResourceId",
            asks={"ResourceType": word},
        ),
    )


ROWS = (
    _gateway("apigateway", "GetRestApis", "items", "/restapis/{id}", "aws_api_gateway_rest_api"),
    _gateway(
        "apigateway",
        "GetStages",
        "item",
        "/restapis/{api}/stages/{stageName}",
        "aws_api_gateway_stage",
        page=None,
        related=(To("parent", "api", "arn:{partition}:apigateway:{region}::/restapis/{value}"),),
        within=(Step(operation="GetRestApis", items="items[].{api: id}", page=500),),
        asks={"restApiId": "{api}"},
    ),
    _gateway("apigateway", "GetUsagePlans", "items", "/usageplans/{id}", "aws_api_gateway_usage_plan"),
    _gateway(
        "apigateway",
        "GetVpcLinks",
        "items",
        "/vpclinks/{id}",
        "aws_api_gateway_vpc_link",
        related=(To("parent", "targetArns"),),
    ),
    _gateway("apigatewayv2", "GetApis", "Items", "/apis/{ApiId}", "aws_apigatewayv2_api"),
    _gateway(
        "apigatewayv2",
        "GetStages",
        "Items",
        "/apis/{api}/stages/{StageName}",
        "aws_apigatewayv2_stage",
        related=(To("parent", "api", "arn:{partition}:apigateway:{region}::/apis/{value}"),),
        within=(Step(operation="GetApis", items="Items[].{api: ApiId}", page=500),),
        asks={"ApiId": "{api}"},
    ),
    _gateway(
        "apigatewayv2",
        "GetVpcLinks",
        "Items",
        "/vpclinks/{VpcLinkId}",
        "aws_apigatewayv2_vpc_link",
        page=None,
        related=(To("network", "SubnetIds"),),
    ),
    Listing(
        service="cloudfront",
        operation="ListDistributions",
        items="DistributionList.Items",
        id="{ARN}",
        type="aws_cloudfront_distribution",
        scope="global",
        page=100,
        tags=Each(operation="ListTagsForResource", asks={"Resource": "{ARN}"}, tags="Tags.Items"),
    ),
    _route53("ListHostedZones", "HostedZones", "hostedzone", "aws_route53_zone"),
    _route53("ListHealthChecks", "HealthChecks", "healthcheck", "aws_route53_health_check"),
)
