"""The two AWS services that know resources second hand: Resource Explorer and Config's aggregators.

moto has neither. Both answer from :class:`Item` s that a test seeds, with what AWS documents of them: pages and tokens,
what a view includes, which regions an index covers, and the places where they say less than there is.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

Json = dict[str, Any]
REPORTED: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class ApiError(Exception):
    """What the service answers instead of a result."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as the indexes know it. ``type`` is Explorer's ("ec2:instance"), ``config_type`` Config's
    ("AWS::EC2::Instance"); empty: that service doesn't know it. ``taggable``: Explorer's
    ``resourcetype.supports:tags``. ``configuration`` is what Config recorded."""

    arn: str
    type: str = ""
    config_type: str = ""
    account: str
    region: str
    tags: Mapping[str, str] = {}
    taggable: bool = True
    reported: datetime = REPORTED
    configuration: Mapping[str, Any] = {}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A view of Explorer. ``organization``: it shows the whole organisation. ``silent``: where it has no tags, a query
    for tags finds nothing instead of being refused (c7n#11021 saw both)."""

    arn: str
    owner: str
    region: str
    tags: bool = True
    filter: str = ""
    organization: bool = False
    silent: bool = False


class Tokens:
    """Page tokens: opaque, each good for one request's parameters, and dead once :meth:`expire` was called."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[object, int]] = {}
        self._numbers = itertools.count(1)
        self._expired: set[str] = set()

    def issue(self, of: object, place: int) -> str:
        token = f"token-{next(self._numbers):08d}=="
        self._places[token] = (of, place)
        return token

    def place(self, token: str, of: object) -> int | None:
        """Where the page begins; None where the token isn't one, has expired, or belongs to another question."""
        if token in self._expired:
            return None
        made_for, place = self._places.get(token, (None, 0))
        return place if made_for == of else None

    def expire(self) -> None:
        self._expired |= set(self._places)


class Explorer:
    """Resource Explorer of every account."""

    def __init__(self, tokens: Tokens) -> None:
        self.items: list[Item] = []
        self.indexes: dict[tuple[str, str], Literal["LOCAL", "AGGREGATOR"]] = {}
        self.views: dict[str, View] = {}
        self.defaults: dict[tuple[str, str], str] = {}
        self._tokens = tokens

    def enable(self, account: str, *regions: str, aggregator: str = "") -> None:
        """Makes an index in each region, and in the ``aggregator``'s one that holds all, with a default view."""
        for region in regions:
            self.indexes[account, region] = "LOCAL"
        if aggregator:
            self.indexes[account, aggregator] = "AGGREGATOR"
        for region in {*regions, *([aggregator] if aggregator else [])}:
            self.view(account, region, "all-resources", default=True)

    def view(
        self,
        account: str,
        region: str,
        name: str,
        *,
        tags: bool = True,
        filter: str = "",  # noqa: A002 - the API's own word.
        organization: bool = False,
        silent: bool = False,
        default: bool = False,
    ) -> str:
        """Makes a view and answers with its ARN."""
        arn = f"arn:aws:resource-explorer-2:{region}:{account}:view/{name}/00000000-0000-4000-8000-000000000000"
        self.views[arn] = View(
            arn=arn,
            owner=account,
            region=region,
            tags=tags,
            filter=filter,
            organization=organization,
            silent=silent,
        )
        if default:
            self.defaults[account, region] = arn
        return arn

    def operations(self) -> Mapping[str, Callable[[str, str, Mapping[str, Any]], Json]]:
        """What answers each operation: (account, region, parameters) → output."""
        return {
            "GetIndex": self._get_index,
            "ListIndexes": self._list_indexes,
            "GetDefaultView": lambda account, region, _: self._default(account, region),
            "GetView": self._get_view,
            "ListViews": self._list_views,
            "ListResources": self._list_resources,
        }

    def _get_index(self, account: str, region: str, _: Mapping[str, Any]) -> Json:
        kind = self.indexes.get((account, region))
        if kind is None:
            raise ApiError("ResourceNotFoundException", "There is no index in this Region.", 404)
        others = sorted(other for owner, other in self.indexes if owner == account and other != region)
        aggregators = [other for other in others if self.indexes[account, other] == "AGGREGATOR"]
        told: Json = {"ReplicatingFrom": others} if kind == "AGGREGATOR" else {"ReplicatingTo": aggregators}
        arn = _index_arn(account, region)
        return {"Arn": arn, "Type": kind, "State": "ACTIVE", "CreatedAt": REPORTED, "LastUpdatedAt": REPORTED, **told}

    def _list_indexes(self, account: str, region: str, asked: Mapping[str, Any]) -> Json:
        found = [
            {"Region": place, "Arn": _index_arn(account, place), "Type": kind}
            for (owner, place), kind in sorted(self.indexes.items())
            if owner == account
            and asked.get("Type") in (None, kind)
            and (not asked.get("Regions") or place in asked["Regions"])
        ]
        return self._page("Indexes", found, asked, most=100, default=100, of=("indexes", account))

    def _default(self, account: str, region: str) -> Json:
        # Where there is no index there is no default view; the answer is empty, not an error.
        arn = self.defaults.get((account, region))
        return {"ViewArn": arn} if arn else {}

    def _get_view(self, account: str, region: str, asked: Mapping[str, Any]) -> Json:
        view = self._visible(account, region, asked["ViewArn"])
        scope = "organization/o-example" if view.organization else "root"
        return {
            "View": {
                "ViewArn": view.arn,
                "Owner": view.owner,
                "LastUpdatedAt": REPORTED,
                "Scope": f"arn:aws:iam::{view.owner}:{scope}",
                "IncludedProperties": [{"Name": "tags"}] if view.tags else [],
                "Filters": {"FilterString": view.filter},
            }
        }

    def _list_views(self, account: str, region: str, asked: Mapping[str, Any]) -> Json:
        found = sorted(view.arn for view in self.views.values() if (view.owner, view.region) == (account, region))
        return self._page("Views", found, asked, most=50, default=50, of=("views", account, region))

    def _visible(self, account: str, region: str, arn: str) -> View:
        view = self.views.get(arn)
        if view is None or (view.owner, view.region) != (account, region):
            # One answer for what isn't there and what isn't yours.
            raise ApiError("UnauthorizedException", "Unauthorized", 401)
        return view

    def _list_resources(self, account: str, region: str, asked: Mapping[str, Any]) -> Json:
        view = self._visible(account, region, asked.get("ViewArn") or self.defaults.get((account, region), ""))
        query = asked.get("Filters", {}).get("FilterString", "")
        if not view.tags and re.search(r"(?:^|\s)-?tag[:.]", query.lower()):
            if view.silent:
                return {"Resources": [], "ViewArn": view.arn}
            raise ApiError("ValidationException", "The view doesn't include the tags property.")
        tests = [*parse_query(view.filter), *parse_query(query)]
        found = [item for item in self._covered(view) if all(test(item) for test in tests)]
        size = asked.get("MaxResults", 100)
        if not 1 <= size <= 1000:
            raise ApiError("ValidationException", "MaxResults must be between 1 and 1000.")
        of = ("resources", view.arn, query)
        page = self._page("Resources", found, asked, most=1000, default=100, of=of)
        page["Resources"] = [_resource(item, view) for item in page["Resources"]]
        if size == 1000:
            # Documented: "does not generate a NextToken if you set MaxResults to 1000".
            page.pop("NextToken", None)
        return {**page, "ViewArn": view.arn}

    def _covered(self, view: View) -> Iterable[Item]:
        """What the index behind the view holds: an aggregator what its account's indexes do, a local one its region."""
        aggregated = self.indexes.get((view.owner, view.region)) == "AGGREGATOR"
        for item in sorted(self.items, key=lambda item: item.arn):
            home = "us-east-1" if item.region == "global" else item.region
            if not item.type or (item.account, home) not in self.indexes:
                continue
            if (view.organization or item.account == view.owner) and (aggregated or home == view.region):
                yield item

    def _page(
        self, name: str, found: list[Any], asked: Mapping[str, Any], *, most: int, default: int, of: object
    ) -> Json:
        size = asked.get("MaxResults", default)
        if not 1 <= size <= most:
            raise ApiError("ValidationException", f"MaxResults must be between 1 and {most}.")
        start = 0
        if token := asked.get("NextToken"):
            place = self._tokens.place(token, of)
            if place is None:
                raise ApiError("ValidationException", "The NextToken is invalid or has expired.")
            start = place
        output: Json = {name: found[start : start + size]}
        if start + size < len(found):
            output["NextToken"] = self._tokens.issue(of, start + size)
        return output


def _index_arn(account: str, region: str) -> str:
    return f"arn:aws:resource-explorer-2:{region}:{account}:index/00000000-0000-4000-8000-000000000000"


def _shown(item: Item) -> Mapping[str, str]:
    """The tags that Explorer knows of: those of IAM aren't indexed."""
    return {} if item.type.startswith("iam:") else item.tags


def _resource(item: Item, view: View) -> Json:
    tags = [{"Key": key, "Value": value} for key, value in _shown(item).items()]
    properties = [{"Name": "tags", "LastReportedAt": item.reported, "Data": tags}] if tags and view.tags else []
    return {
        "Arn": item.arn,
        "OwningAccountId": item.account,
        "Region": item.region,
        "ResourceType": item.type,
        "Service": item.type.split(":")[0],
        **({"CfnResourceType": item.config_type} if item.config_type else {}),
        "LastReportedAt": item.reported,
        "Properties": properties,
    }


Test = Callable[[Item], bool]


def parse_query(text: str) -> list[Test]:
    """The filters of a query, all of which must hold. Only filters: ListResources takes no free text."""
    return [_filter(word) for word in text.split()]


def _filter(word: str) -> Test:
    negated = word.startswith("-")
    name, colon, value = word.removeprefix("-").partition(":")
    wanted = [choice.strip('"').lower() for choice in value.split(",")]

    def any_of(seen: Callable[[Item], Iterable[str]]) -> Test:
        return lambda item: any(_globbed(choice, text.lower()) for choice in wanted for text in seen(item)) != negated

    if not colon:
        raise ApiError("ValidationException", f"ListResources takes filters only, not {word!r}.")
    match name.lower():
        case "tag" if value.lower() in ("none", "all"):
            return lambda item: ((not _shown(item)) == (value.lower() == "none")) != negated
        case "tag":
            return any_of(lambda item: (f"{key}={value}" for key, value in _shown(item).items()))
        case "tag.key":
            return any_of(lambda item: _shown(item))
        case "tag.value":
            return any_of(lambda item: _shown(item).values())
        case "resourcetype.supports" if value.lower() == "tags":
            return lambda item: item.taggable != negated
        case "resourcetype":
            return any_of(lambda item: (item.type,))
        case "service":
            return any_of(lambda item: (item.type.split(":")[0],))
        case "region":
            return any_of(lambda item: (item.region,))
        case "accountid":
            return any_of(lambda item: (item.account,))
        case "id":
            return any_of(lambda item: (item.arn,))
    raise ApiError("ValidationException", f"The filter {word!r} isn't known.")


def _globbed(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


# ------------------------------------------------------------------ Config

_SELECT = re.compile(r"\s*SELECT\s+(?P<columns>.+?)(?:\s+WHERE\s+(?P<where>.+?))?\s*", re.IGNORECASE | re.DOTALL)
_TEST = re.compile(
    r"(?P<column>[\w.]+)\s*(?:(?P<operator>=|!=|<>|LIKE)\s*'(?P<value>[^']*)'"
    r"|(?P<negated>NOT\s+)?IN\s*\((?P<values>[^)]*)\))",
    re.IGNORECASE,
)


def select_aggregate(items: Iterable[Item], asked: Mapping[str, Any], tokens: Tokens) -> Json:
    """SelectAggregateResourceConfig over ``items``: ``SELECT columns [WHERE test [AND test]…]``, where a test is
    ``=``, ``!=``, ``LIKE`` or ``[NOT] IN`` on text. Anything else is InvalidExpressionException."""
    expression = asked["Expression"]
    if not 1 <= len(expression) <= 4096:
        raise ApiError("InvalidExpressionException", "The expression must have 1 to 4096 characters.")
    match = _SELECT.fullmatch(expression)
    if match is None:
        raise ApiError("InvalidExpressionException", "The expression isn't a SELECT.")
    tests = [_config_test(part) for part in re.split(r"\s+AND\s+", match["where"] or "", flags=re.IGNORECASE) if part]
    columns = [column.strip() for column in match["columns"].split(",")]
    size = asked.get("Limit") or asked.get("MaxResults") or 25
    if size > 100:
        raise ApiError("InvalidLimitException", "The limit must not exceed 100.")
    rows = [row for row in (_row(item) for item in items if item.config_type) if all(test(row) for test in tests)]
    of = ("config", asked["ConfigurationAggregatorName"], expression)
    start = 0
    if token := asked.get("NextToken"):
        place = tokens.place(token, of)
        if place is None:
            raise ApiError("InvalidNextTokenException", "The nextToken is invalid or has expired.")
        start = place
    shown = [json.dumps(_columns(row, columns)) for row in rows[start : start + size]]
    output: Json = {"Results": shown, "QueryInfo": {"SelectFields": [{"Name": column} for column in columns]}}
    if start + size < len(rows):
        output["NextToken"] = tokens.issue(of, start + size)
    return output


def _row(item: Item) -> Json:
    tail = item.arn.split(":", 5)[-1]
    return {
        "resourceId": re.split(r"[/:]", tail)[-1],
        "resourceName": re.split(r"[/:]", tail)[-1],
        "resourceType": item.config_type,
        "arn": item.arn,
        "accountId": item.account,
        "awsRegion": item.region,
        "configurationItemCaptureTime": item.reported.isoformat().replace("+00:00", "Z"),
        "configurationItemStatus": "OK",
        "tags": [{"key": key, "value": value, "tag": f"{key}={value}"} for key, value in item.tags.items()],
        "configuration": dict(item.configuration),
    }


def _value(row: Mapping[str, Any], column: str) -> Any:
    found: Any = row
    for part in column.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _columns(row: Json, columns: list[str]) -> Json:
    shown: Json = {}
    for column in columns:
        if column == "*":
            shown |= row
        elif (value := _value(row, column)) is not None:
            inner = shown
            *path, last = column.split(".")
            for part in path:
                inner = inner.setdefault(part, {})
            inner[last] = value
    return shown


def _config_test(text: str) -> Callable[[Json], bool]:
    match = _TEST.fullmatch(text.strip())
    if match is None:
        raise ApiError("InvalidExpressionException", f"The condition {text!r} isn't understood.")
    column = match["column"]
    if match["values"] is not None:
        values = {value.strip().strip("'") for value in match["values"].split(",")}
        return lambda row: (_value(row, column) in values) != bool(match["negated"])
    wanted = match["value"]
    if match["operator"].upper() == "LIKE":
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("%")), re.DOTALL)
        return lambda row: pattern.fullmatch(str(_value(row, column) or "")) is not None
    return lambda row: (str(_value(row, column)) == wanted) == (match["operator"] == "=")
