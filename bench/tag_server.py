"""The tags of an AWS on loopback, kept in a dictionary: secrets by Resource Groups Tagging, instances by EC2.

It is strict where it matters to who writes fast: no more than 20 ARNs to a call, and the documented quotas as token
buckets, beyond which it throttles. It remembers when each call that writes came. It runs in a process of its own,
prints its URL, and ends when its standard input closes; ``GET /told`` shows what it remembers.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers import wire
from tests.servers.faults import Buckets, Quota, throttle
from tests.servers.http1 import Request, Response, Server
from tests.servers.wire import Call

# Tag Editor's reference; "Request throttling for the Amazon EC2 API", for what changes something.
QUOTAS = (
    Quota("resourcegroupstaggingapi", ("TagResources",), 5, 5),
    Quota("ec2", ("CreateTags",), 5, 50),
)


class Cloud:
    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._buckets = Buckets(time.monotonic)
        self._calls: dict[str, list[tuple[float, int]]] = {}
        self._throttled: Counter[str] = Counter()
        self._again = 0

    def handle(self, request: Request) -> Response:
        if request.target == "/told":
            told = {"calls": self._calls, "throttled": self._throttled, "again": self._again}
            return Response(body=json.dumps(told).encode())
        call = wire.recognise(request)
        asked: Any = call.parameters
        for quota in QUOTAS:
            if (call.service, call.operation) == (quota.service, quota.operations[0]):
                account = call.key[4:16]
                if not self._buckets.take(quota, account, call.region):
                    self._throttled[call.operation] += 1
                    return throttle(call)
        match call.operation:
            case "GetCallerIdentity":
                account = call.key[4:16]
                who = {"Account": account, "Arn": f"arn:aws:iam::{account}:user/bench", "UserId": "AIDA"}
                return wire.render(call, who)
            case "TagResources":
                arns = asked["ResourceARNList"]
                if len(arns) > 20:
                    return wire.error(call, "InvalidParameterException", "At most 20 ARNs.")
                self._write(call, arns, asked["Tags"])
                return wire.render(call, {"FailedResourcesMap": {}})
            case "DescribeSecret":
                tags = self._tags.get(asked["SecretId"], {})
                shown = [{"Key": key, "Value": value} for key, value in tags.items()]
                return wire.render(call, {"ARN": asked["SecretId"], "Tags": shown})
            case "CreateTags":
                self._write(call, asked["Resources"], {tag["Key"]: tag["Value"] for tag in asked["Tags"]})
                return wire.render(call, {})
            case "DescribeTags":
                ids = asked["Filters"][0]["Values"]
                found = [
                    {"ResourceId": id_, "ResourceType": "instance", "Key": key, "Value": value}
                    for id_ in ids
                    for key, value in self._tags.get(id_, {}).items()
                ]
                return wire.render(call, {"Tags": found})
        return wire.error(call, "NotImplemented", f"{call.service}:{call.operation}", 501)

    def _write(self, call: Call, names: list[str], tags: dict[str, str]) -> None:
        self._calls.setdefault(f"{call.operation}/{call.key[4:16]}/{call.region}", []).append(
            (time.monotonic(), len(names))
        )
        for name in names:
            kept = self._tags.setdefault(name, {})
            self._again += bool(tags.keys() & kept.keys())
            kept.update(tags)


def main() -> None:
    server = Server(Cloud().handle)
    server.start()
    print(server.url, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
