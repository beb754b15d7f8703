"""CloudTrail's LookupEvents, which moto doesn't have: the events that a test says there were, with the limits that AWS
documents: one attribute, fifty events a page, ninety days, the newest first. Its rate is a quota like any other."""

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tests.servers.indexed import ApiError, Tokens

Json = dict[str, Any]
NOW: Final = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
_DAYS = 90


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as LookupEvents shows it; ``raw`` is its CloudTrailEvent."""

    name: str
    source: str
    account: str
    region: str
    at: datetime
    raw: str
    read_only: bool = False


class Trail:
    """The history of every account. ``now`` is the time that its ninety days are counted from."""

    def __init__(self, tokens: Tokens) -> None:
        self.events: list[Event] = []
        self.now = NOW
        self._tokens = tokens
        self._numbers = itertools.count(1)

    def add(
        self,
        name: str,
        source: str,
        identity: Mapping[str, Any],
        *,
        account: str,
        region: str,
        at: datetime,
        request: Any = None,
        response: Any = None,
        error: str = "",
        read_only: bool = False,
    ) -> None:
        """An event in the form of "CloudTrail record contents" of its user guide."""
        record: Json = {
            "eventVersion": "1.11",
            "userIdentity": dict(identity),
            "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "requestParameters": request,
            "responseElements": response,
            "eventID": f"event-{next(self._numbers)}",
            "readOnly": read_only,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
        }
        if error:
            record["errorCode"] = error
        self.events.append(
            Event(
                name=name,
                source=source,
                account=account,
                region=region,
                at=at,
                raw=json.dumps(record),
                read_only=read_only,
            )
        )

    def lookup(self, account: str, region: str, asked: Mapping[str, Any]) -> Json:
        """LookupEvents."""
        attributes = asked.get("LookupAttributes") or []
        if len(attributes) > 1:
            raise ApiError("InvalidLookupAttributesException", "You can only specify one lookup attribute.")
        size = asked.get("MaxResults", 50)
        if not 1 <= size <= 50:
            raise ApiError("InvalidMaxResultsException", "MaxResults must be between 1 and 50.")
        start, end = (_time(asked.get(name)) for name in ("StartTime", "EndTime"))
        if start is not None and end is not None and start > end:
            raise ApiError("InvalidTimeRangeException", "The start time is after the end time.")
        oldest = self.now - timedelta(days=_DAYS)
        found = [
            event
            for event in sorted(self.events, key=lambda event: event.at, reverse=True)
            if (event.account, event.region) == (account, region)
            and max(start or oldest, oldest) <= event.at <= (end or self.now)
            and all(_has(event, one["AttributeKey"], one["AttributeValue"]) for one in attributes)
        ]
        question = json.dumps([account, region, {**asked, "NextToken": None}], sort_keys=True, default=str)
        begin: int | None = 0
        if token := asked.get("NextToken"):
            begin = self._tokens.place(token, question)
            if begin is None:
                raise ApiError("InvalidNextTokenException", "The token is not valid for this request.")
        assert begin is not None
        output: Json = {"Events": [_shown(event) for event in found[begin : begin + size]]}
        if begin + size < len(found):
            output["NextToken"] = self._tokens.issue(question, begin + size)
        return output


def _time(value: Any) -> datetime | None:
    """A moment of the JSON protocol: seconds since 1970."""
    return None if value is None else datetime.fromtimestamp(float(value), UTC)


def _has(event: Event, key: str, value: str) -> bool:
    match key:
        case "EventName":
            return event.name == value
        case "EventSource":
            return event.source == value
        case "ReadOnly":
            return event.read_only == (value == "true")
    raise ApiError("InvalidLookupAttributesException", f"The tests' history isn't indexed by {key}.")


def _shown(event: Event) -> Json:
    return {
        "EventId": event.name,
        "EventName": event.name,
        "EventSource": event.source,
        "EventTime": event.at,
        "ReadOnly": "true" if event.read_only else "false",
        "CloudTrailEvent": event.raw,
    }
