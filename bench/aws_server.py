"""An AWS of any size that keeps none of it: pages of resources are made as they are asked for.

N resources lie in so many accounts and regions; what a resource is, and whether it is tagged fully, partly, once or
never, follows from its number. It answers STS, Organizations, EC2's regions, Resource Explorer (at most 500 to a page)
and Resource Groups Tagging (100 to a page, only what is or was tagged) as AWS does; every other list is empty, in its
own protocol. It runs in a process of its own, prints its URL, and ends by itself when nobody has asked for a while.

    python bench/aws_server.py --resources 1000000 --accounts 40 --regions 2
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers import wire
from tests.servers.http1 import Request, Response, Server
from tests.servers.wire import Call

REGIONS = (
    "us-east-1",
    "eu-west-1",
    "us-west-2",
    "eu-central-1",
    "ap-southeast-2",
    "us-east-2",
    "eu-north-1",
    "ca-central-1",
)
REPORTED = "2026-11-01T12:00:00Z"
KEY = re.compile(r"(?:AKIA|ASIA)([0-9]{12})")
HOME = "100000000000"

# Explorer's type, Config's type, and the ARN of number %(n)d; one in ten is of each. All are of kinds that a scan knows
# from the indexes alone: this cloud answers native lists with nothing, and what its own service doesn't show is gone.
KINDS = (
    (
        "ssm:patchbaseline",
        "AWS::SSM::PatchBaseline",
        "arn:aws:ssm:%(region)s:%(account)s:patchbaseline/pb-%(n)017x",
    ),
    ("ssm:document", "AWS::SSM::Document", "arn:aws:ssm:%(region)s:%(account)s:document/document-%(n)x"),
    (
        "ssm:maintenancewindow",
        "AWS::SSM::MaintenanceWindow",
        "arn:aws:ssm:%(region)s:%(account)s:maintenancewindow/mw-%(n)017x",
    ),
    (
        "codecommit:repository",
        "AWS::CodeCommit::Repository",
        "arn:aws:codecommit:%(region)s:%(account)s:repository-%(n)x",
    ),
    (
        "codedeploy:application",
        "AWS::CodeDeploy::Application",
        "arn:aws:codedeploy:%(region)s:%(account)s:application:application-%(n)x",
    ),
    (
        "appconfig:application",
        "AWS::AppConfig::Application",
        "arn:aws:appconfig:%(region)s:%(account)s:application/%(n)x",
    ),
    ("synthetics:canary", "AWS::Synthetics::Canary", "arn:aws:synthetics:%(region)s:%(account)s:canary:canary-%(n)x"),
    (
        "timestream:database",
        "AWS::Timestream::Database",
        "arn:aws:timestream:%(region)s:%(account)s:database/database-%(n)x",
    ),
    ("transfer:server", "AWS::Transfer::Server", "arn:aws:transfer:%(region)s:%(account)s:server/s-%(n)017x"),
    (
        "servicediscovery:service",
        "AWS::ServiceDiscovery::Service",
        "arn:aws:servicediscovery:%(region)s:%(account)s:service/srv-%(n)016x",
    ),
)
FULLY, PARTLY, ONCE, NEVER = range(4)
# What the three keys of a resource hold: 40% are tagged fully, 35% partly, 5% were tagged once, 20% never.
_STATES = (FULLY,) * 8 + (PARTLY,) * 7 + (ONCE,) + (NEVER,) * 4
_TAGS = {
    FULLY: (
        ("owner", "team-%(team)d"),
        ("service", "service-%(service)d"),
        ("environment", "production"),
        ("Name", "r-%(n)d"),
    ),
    PARTLY: (("Owner", "team-%(team)d"), ("Name", "r-%(n)d")),
    ONCE: (),
    NEVER: (),
}


def state(number: int) -> int:
    """How the resource is tagged; 20 resources in a row have all states in their shares, in an order of no pattern."""
    return _STATES[(number * 7 + number // 20) % 20]


class Cloud:
    """The synthesis: accounts, regions, and what is in each."""

    def __init__(self, resources: int, accounts: int, regions: int) -> None:
        self.accounts = [f"{int(HOME) + number:012d}" for number in range(accounts)]
        self.regions = REGIONS[:regions]
        self.places = accounts * regions
        self.resources = resources
        self._templates: dict[tuple[str, str, bool], list[list[str]]] = {}
        self._empty: dict[tuple[str, str], Response] = {}
        self.asked = time.monotonic()
        self.requests = 0

    def count(self, account: str, region: str) -> int:
        """How many resources lie there; the first places have one more where it doesn't divide."""
        place = self._place(account, region)
        return self.resources // self.places + (place < self.resources % self.places)

    def _place(self, account: str, region: str) -> int:
        return self.accounts.index(account) * len(self.regions) + self.regions.index(region)

    # -------------------------------------------------------------- requests

    def __call__(self, request: Request) -> Response:
        self.asked = time.monotonic()
        self.requests += 1
        call = wire.recognise(request)
        match = KEY.match(call.key)
        account = match[1] if match else HOME
        if not call.operation:
            return wire.error(call, "NotImplemented", "The request wasn't recognised.", 501)
        if account not in self.accounts:
            return wire.error(call, "InvalidClientTokenId", "There is no such account.", 403)
        answer = _ANSWERS.get((call.service, call.operation))
        if answer is not None:
            return answer(self, call, account)
        known = self._empty.get((call.service, call.operation))
        if known is None:
            known = self._empty[call.service, call.operation] = wire.empty(call)
        return known

    def assume_role(self, call: Call, _: str) -> Response:
        arn = str(call.parameters["RoleArn"])
        account, role = arn.split(":")[4], arn.rsplit("/", 1)[1]
        given = {
            "AccessKeyId": f"ASIA{account}TEST",
            "SecretAccessKey": "x" * 40,
            "SessionToken": "token",
            "Expiration": datetime.now(UTC) + timedelta(hours=1),
        }
        session = str(call.parameters["RoleSessionName"])
        who = {"AssumedRoleId": f"AROA:{session}", "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}"}
        return wire.render(call, {"Credentials": given, "AssumedRoleUser": who})

    def identity(self, call: Call, account: str) -> Response:
        return wire.render(call, {"UserId": "AIDA", "Account": account, "Arn": f"arn:aws:iam::{account}:user/bench"})

    def list_accounts(self, call: Call, _: str) -> Response:
        start = int(call.parameters.get("NextToken", 0))
        shown = [
            {"Id": account, "Name": f"account-{account}", "Email": f"{account}@example.com", "Status": "ACTIVE"}
            for account in self.accounts[start : start + 20]
        ]
        more = {"NextToken": str(start + 20)} if start + 20 < len(self.accounts) else {}
        return wire.render(call, {"Accounts": shown, **more})

    def describe_regions(self, call: Call, _: str) -> Response:
        shown = [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in self.regions]
        return wire.render(call, {"Regions": shown})

    def list_indexes(self, call: Call, account: str) -> Response:
        shown = [
            {"Region": region, "Arn": f"arn:aws:resource-explorer-2:{region}:{account}:index/0", "Type": kind}
            for region in self.regions
            for kind in ("AGGREGATOR" if region == self.regions[0] else "LOCAL",)
            if call.parameters.get("Type", kind) == kind
        ]
        return wire.render(call, {"Indexes": shown})

    def default_view(self, call: Call, account: str) -> Response:
        return wire.render(call, {"ViewArn": _view(call.region, account)})

    def get_view(self, call: Call, account: str) -> Response:
        view = {
            "ViewArn": call.parameters["ViewArn"],
            "Owner": account,
            "Scope": f"arn:aws:iam::{account}:root",
            "IncludedProperties": [{"Name": "tags"}],
            "Filters": {"FilterString": ""},
        }
        return wire.render(call, {"View": view})

    # -------------------------------------------------------------- pages

    def list_resources(self, call: Call, account: str) -> Response:
        """Explorer: all resources of the region, in the aggregator's region those of all."""
        asked = call.parameters
        query = asked.get("Filters", {}).get("FilterString", "")
        size = int(asked.get("MaxResults", 100))
        wanted = {ONCE, NEVER} if "tag:none" in query else {FULLY, PARTLY, ONCE, NEVER}
        regions = self.regions if call.region == self.regions[0] else (call.region,)
        at, start = (int(part) for part in str(asked.get("NextToken", "0-0")).split("-"))
        shown: list[str] = []
        while at < len(regions) and len(shown) < size:
            page, start = self._page(account, regions[at], start, size - len(shown), wanted, (), explorer=True)
            shown += page
            if start >= self.count(account, regions[at]):
                at, start = at + 1, 0
        more = f'"NextToken":"{at}-{start}",' if at < len(regions) and size < 1000 else ""
        body = f'{{{more}"ViewArn":"{_view(call.region, account)}","Resources":[{",".join(shown)}]}}'
        return Response(body=body.encode(), headers=(("Content-Type", "application/json"),))

    def get_resources(self, call: Call, account: str) -> Response:
        """Resource Groups Tagging: what is or was tagged in the region."""
        asked = call.parameters
        size = int(asked.get("ResourcesPerPage", 100))
        start = int(asked.get("PaginationToken") or 0)
        kinds = tuple(asked.get("ResourceTypeFilters", ()))
        tagged = {FULLY, PARTLY, ONCE}
        shown, start = self._page(account, call.region, start, size, tagged, kinds, explorer=False)
        more = str(start) if start < self.count(account, call.region) else ""
        if call.protocol == "cbor":
            output = json.loads(f'{{"PaginationToken":"{more}","ResourceTagMappingList":[{",".join(shown)}]}}')
            return wire.render(call, output)
        body = f'{{"PaginationToken":"{more}","ResourceTagMappingList":[{",".join(shown)}]}}'
        return Response(body=body.encode(), headers=(("Content-Type", "application/x-amz-json-1.1"),))

    def _page(
        self,
        account: str,
        region: str,
        start: int,
        size: int,
        states: set[int],
        kinds: tuple[str, ...],
        *,
        explorer: bool,
    ) -> tuple[list[str], int]:
        """At most ``size`` resources from number ``start`` on, as JSON, and the number to go on with."""
        templates = self._rendered(account, region, explorer)
        base = self._place(account, region) << 32
        chosen = [not kinds or kind in kinds or kind.split(":")[0] in kinds for kind, _, _ in KINDS]
        shown: list[str] = []
        number, end, many = start, self.count(account, region), len(KINDS)
        while number < end and len(shown) < size:
            tagged = state(number)
            if tagged in states and chosen[number % many]:
                n = base + number
                shown.append(templates[number % many][tagged] % {"n": n, "team": number % 37, "service": number % 101})
            number += 1
        return shown, number

    def _rendered(self, account: str, region: str, explorer: bool) -> list[list[str]]:
        """For each kind and state the JSON of one resource, with places for what is its own."""
        key = (account, region, explorer)
        if key not in self._templates:
            make = _explorer_entry if explorer else _tagging_entry
            self._templates[key] = [
                [make(kind, account, region, _TAGS[tagged]) for tagged in (FULLY, PARTLY, ONCE, NEVER)]
                for kind in KINDS
            ]
        return self._templates[key]


def _tagging_entry(kind: tuple[str, str, str], account: str, region: str, tags: tuple[tuple[str, str], ...]) -> str:
    return f'{{"ResourceARN":"{_arn(kind, account, region)}","Tags":[{_pairs(tags)}]}}'


def _explorer_entry(kind: tuple[str, str, str], account: str, region: str, tags: tuple[tuple[str, str], ...]) -> str:
    told = f'{{"Name":"tags","LastReportedAt":"{REPORTED}","Data":[{_pairs(tags)}]}}' if tags else ""
    return (
        f'{{"Arn":"{_arn(kind, account, region)}","OwningAccountId":"{account}","Region":"{region}",'
        f'"ResourceType":"{kind[0]}","Service":"{kind[0].split(":")[0]}","CfnResourceType":"{kind[1]}",'
        f'"LastReportedAt":"{REPORTED}","Properties":[{told}]}}'
    )


def _arn(kind: tuple[str, str, str], account: str, region: str) -> str:
    return kind[2].replace("%(region)s", region).replace("%(account)s", account)


def _pairs(tags: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f'{{"Key":"{key}","Value":"{value}"}}' for key, value in tags)


def _view(region: str, account: str) -> str:
    return f"arn:aws:resource-explorer-2:{region}:{account}:view/all/00000000-0000-4000-8000-000000000000"


_ANSWERS: Mapping[tuple[str, str], Any] = {
    ("sts", "AssumeRole"): Cloud.assume_role,
    ("sts", "GetCallerIdentity"): Cloud.identity,
    ("organizations", "ListAccounts"): Cloud.list_accounts,
    ("ec2", "DescribeRegions"): Cloud.describe_regions,
    ("resource-explorer-2", "ListIndexes"): Cloud.list_indexes,
    ("resource-explorer-2", "GetDefaultView"): Cloud.default_view,
    ("resource-explorer-2", "GetView"): Cloud.get_view,
    ("resource-explorer-2", "ListResources"): Cloud.list_resources,
    ("resourcegroupstaggingapi", "GetResources"): Cloud.get_resources,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="An AWS of any size on loopback.")
    parser.add_argument("--resources", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--regions", type=int, default=2, choices=range(1, len(REGIONS) + 1))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--idle", type=float, default=60, help="ends after so many seconds without a request")
    given = parser.parse_args()
    cloud = Cloud(given.resources, given.accounts, given.regions)
    server = Server(cloud)
    server.start(given.port)
    print(server.url, flush=True)
    try:
        while (left := cloud.asked + given.idle - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
    except KeyboardInterrupt:
        pass
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
