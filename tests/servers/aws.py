"""AWS on loopback for unmodified SDKs: moto, behind a proxy that adds what moto lacks and refuses what AWS refuses.

Every service is behind one URL (``AWS_ENDPOINT_URL``). A call goes through, in this order: the record, the allow-list,
regions that aren't opted in, the faults that the test ordered, the quotas; then the proxy answers what is its own
(Resource Explorer, Config's aggregated queries, regions, the organisation's accounts), checks and mends what moto is
too easy about (Resource Groups Tagging, roles, S3's regions), and hands all else to moto.

What moto doesn't implement is a fast 501, which no SDK retries; or, where the test says ``absent_is_empty``, a list of
nothing, which is the truth of a cloud that can't hold such things.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import boto3  # type: ignore[import-untyped]  # boto3 ships no types.
import msgspec
from botocore.config import Config

from tests.servers import mirror, tagged, wire
from tests.servers.faults import Buckets, Effect, Fault, Quota, deny, disabled, throttle
from tests.servers.http1 import LOOPBACK, Request, Response, Server, forward
from tests.servers.indexed import ApiError, Explorer, Item, Tokens, select_aggregate
from tests.servers.tagged import Written
from tests.servers.trail import Trail
from tests.servers.wire import Call

Json = dict[str, Any]
HOME: Final = "123456789012"  # moto's own account: whoever comes with a key that names no account is this one.
SECRET: Final = "x" * 40


class Account(msgspec.Struct, frozen=True):
    """A member of the organisation."""

    id: str
    name: str = "example"
    status: str = "ACTIVE"


class Role(msgspec.Struct, frozen=True):
    """A role that can be assumed, by whoever brings its external id where it asks for one."""

    external_id: str = ""


class Recorded(msgspec.Struct, kw_only=True):
    """One call as it came, and what became of it: ``status`` is 0 while it has no answer (or had a reset), ``fault``
    names the effect that hit it; ``at`` is seconds of the monotonic clock."""

    service: str
    operation: str
    region: str
    account: str
    key: str
    parameters: Mapping[str, Any]
    at: float
    status: int = 0
    fault: str = ""


def access_key(account: str) -> str:
    """The access key of an account's own user."""
    return f"AKIA{account}TEST"


class AwsServer:
    """The cloud. Everything public may be set between (and during) a test's calls; :meth:`reset` begins anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._server = Server(self._uninterrupted)
        self._under_way: set[asyncio.Task[Response]] = set()
        self._moto: subprocess.Popen[str] | None = None
        self._moto_port = 0
        self._begin()

    def _begin(self) -> None:
        self.requests: list[Recorded] = []
        self.refused: list[tuple[str, str]] = []
        self.allow: Collection[tuple[str, str]] | None = None
        self.faults: list[Fault] = []
        self.quotas: tuple[Quota, ...] = ()
        self.absent_is_empty = False
        # The statuses are those of DescribeRegions; a region that isn't here is moto's affair.
        self.regions: dict[str, str] = {
            "us-east-1": "opt-in-not-required",
            "eu-west-1": "opt-in-not-required",
            "ap-east-1": "not-opted-in",
        }
        self.regions_of: dict[str, dict[str, str]] = {}
        self.accounts: list[Account] = []
        self.management = HOME
        self.roles: dict[str, Role] | None = None
        self.tag_failures: dict[str, str] = {}
        # Globs of ARNs whose tags nobody may change, by whatever call.
        self.untouchable: list[str] = []
        # Buckets with attribute-based access control, which refuse PutBucketTagging.
        self.abac: set[str] = set()
        self.written: list[Written] = []
        self.tokens = Tokens()
        self.explorer = Explorer(self.tokens)
        self.trail = Trail(self.tokens)
        self.buckets = Buckets(self._clock)
        self._keys: dict[str, str] = {}
        self._pages: dict[str, tuple[str, list[Json], int]] = {}
        self._untagged: set[str] = set()
        self._bucket_regions: dict[str, str] = {}

    # -------------------------------------------------------------- life

    def __enter__(self) -> Self:
        program = Path(__file__).with_name("moto_process.py")
        self._moto = subprocess.Popen(
            [sys.executable, "-W", "ignore", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._moto.stdout is not None
        line = self._moto.stdout.readline()
        assert line, "moto did not start"
        self._moto_port = int(line)
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()
        if self._moto:
            self._moto.kill()
            self._moto.communicate()

    def reset(self) -> None:
        """Forgets everything: resources, records, faults, settings."""
        asked = urllib.request.Request(f"http://{LOOPBACK}:{self._moto_port}/moto-api/reset", method="POST")
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - both are loopback.
            answer.read()
        self._begin()

    # -------------------------------------------------------------- for the test

    @property
    def url(self) -> str:
        return self._server.url

    def environment(self, account: str = HOME, region: str = "us-east-1") -> dict[str, str]:
        """What an SDK or Terraform needs to find this cloud and no other."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": access_key(account),
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, region: str = "us-east-1", account: str = HOME) -> Any:
        """An SDK client of the account's own user, without retries: for the test's own hands."""
        return self._client(service, region, account, self.url)

    def moto_client(self, service: str, region: str = "us-east-1", account: str = HOME) -> Any:
        """The same past the proxy: neither recorded nor hindered, and safe to use while that is busy."""
        made = self._client(service, region, account, f"http://{LOOPBACK}:{self._moto_port}")

        def add(request: Any, **_: Any) -> None:
            request.headers["x-moto-account-id"] = account

        made.meta.events.register("before-sign", add)
        return made

    def _client(self, service: str, region: str, account: str, url: str) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=access_key(account),
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
        )

    def fault(self, effect: Effect, **to: Any) -> Fault:
        """Orders a fault; ``to`` is what :class:`Fault` takes. The first that strikes wins."""
        fault = Fault(effect, **to)
        self.faults.append(fault)
        return fault

    def calls(self, service: str = "*", operation: str = "*") -> list[Recorded]:
        """What was asked so far."""
        return [
            made
            for made in self.requests
            if fnmatchcase(made.service, service) and fnmatchcase(made.operation, operation)
        ]

    def writes(self, resource: str = "*", key: str = "*") -> list[Written]:
        """The tags that were written so far, also where the answer never arrived; of what matches both globs."""
        return [one for one in self.written if fnmatchcase(one.resource, resource) and fnmatchcase(one.key, key)]

    def _note(self, call: Call, account: str, pairs: Iterable[tuple[str, str, str | None]]) -> None:
        self.written += [
            Written(
                resource=resource,
                key=key,
                value=value,
                by=f"{call.service}:{call.operation}",
                account=account,
                region=call.region,
                at=self._clock(),
            )
            for resource, key, value in pairs
        ]

    def seed(self, *items: Item) -> None:
        """Makes the indexes (Explorer, Config) know these; moto and Resource Groups Tagging don't."""
        self.explorer.items.extend(items)

    def mirror(self, *regions: str, account: str = HOME) -> None:
        """Makes the indexes know what moto holds now of the commonest kinds; nothing of this is recorded."""

        for region in regions:

            def client(service: str, region: str = region) -> Any:
                return self.moto_client(service, region, account)

            self.seed(*mirror.read(client, account, region))

    def expire_tokens(self) -> None:
        """All page tokens given so far have expired."""
        self.tokens.expire()
        for token in self._pages:
            self._pages[token] = ("", [], -1)

    def previously_tagged(self, arn: str) -> None:
        """The resource had tags once: GetResources shows it, with none."""
        self._untagged.add(arn)

    def account_of(self, key: str) -> str:
        """The account that the access key belongs to."""
        if key in self._keys:
            return self._keys[key]
        return key[4:16] if len(key) == 20 and key[4:16].isdigit() else HOME

    # -------------------------------------------------------------- the way of a call

    async def _uninterrupted(self, request: Request) -> Response:
        """A call that arrived is done, also when whoever sent it is gone before the answer."""
        task = asyncio.ensure_future(self._handle(request))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    @property
    def under_way(self) -> int:
        """How many calls have no answer yet."""
        return len(self._under_way)

    async def _handle(self, request: Request) -> Response:
        call = wire.recognise(request)
        account = self.account_of(call.key)
        made = Recorded(
            service=call.service,
            operation=call.operation,
            region=call.region,
            account=account,
            key=call.key,
            parameters=call.parameters,
            at=self._clock(),
        )
        self.requests.append(made)
        response = self._hindered(call, account, made)
        if response is None:
            try:
                response = await self._answer(call, account, request)
            except ApiError as error:
                response = wire.error(call, error.code, error.message, error.status)
            except (OSError, EOFError) as error:
                response = wire.error(call, "MotoDied", repr(error), 501)
            if response.status < 300 and tagged.is_write(call) and call.service != "resourcegroupstaggingapi":
                self._note(call, account, tagged.pairs(call, request))
            for fault in self.faults:
                if fault.effect.change and fault.strikes(call, account):
                    made.fault = fault.effect.name
                    response = fault.effect.change(response)
                    break
        made.status = 0 if response.reset else response.status
        return response

    def _hindered(self, call: Call, account: str, made: Recorded) -> Response | None:
        if self.allow is not None and (call.service, call.operation) not in self.allow:
            self.refused.append((call.service, call.operation))
            return deny(call)
        if self._statuses(account).get(call.region) == "not-opted-in":
            return disabled(call)
        for fault in self.faults:
            if fault.effect.answer and fault.strikes(call, account):
                made.fault = fault.effect.name
                return fault.effect.answer(call)
        for quota in self.quotas:
            if quota.service == call.service and any(fnmatchcase(call.operation, glob) for glob in quota.operations):
                if not self.buckets.take(quota, account, call.region):
                    made.fault = "quota"
                    return throttle(call)
                break
        return None

    async def _answer(self, call: Call, account: str, request: Request) -> Response:
        match call.service, call.operation:
            case "resource-explorer-2", operation:
                answer = self.explorer.operations().get(operation)
                if answer is None:
                    return _not_implemented(call)
                return wire.render(call, answer(account, call.region, call.parameters))
            case "config", "SelectAggregateResourceConfig":
                return await self._select(call, account, request)
            case "cloudtrail", "LookupEvents":
                return wire.render(call, self.trail.lookup(account, call.region, call.parameters))
            case "ec2", "DescribeRegions":
                return wire.render(call, self._describe_regions(account, call.parameters))
            case "account", "ListRegions":
                return wire.render(call, self._list_regions(account, call.parameters))
            case "organizations", "ListAccounts" if self.accounts:
                return wire.render(call, self._list_accounts(account, call.parameters))
            case "sts", "AssumeRole":
                return await self._assume_role(call, account, request)
            case "resourcegroupstaggingapi", "GetResources":
                return wire.render(call, await self._get_resources(call, account))
            case "resourcegroupstaggingapi", "TagResources" | "UntagResources":
                return wire.render(call, await self._tag(call, account, request))
            case "s3", operation:
                return await self._s3(call, account, request, operation)
            case "s3control", "TagResource" | "UntagResource":
                await self._check_bucket(call, account, request)
            case "ec2", "CreateTags" | "DeleteTags":
                await self._check_ec2_tags(call, account)
            case "iam", "TagRole" | "TagUser" as operation:
                await asyncio.to_thread(self._fold, operation.removeprefix("Tag"), call, account)
        if tagged.is_write(call):
            self._check_untouchable(call, account, request)
        return await self._moto_answer(call, account, request)

    # -------------------------------------------------------------- moto

    async def _moto_answer(self, call: Call, account: str, request: Request) -> Response:
        reads = call.operation.startswith(("Describe", "List", "Get"))
        # moto isn't safe in threads while it makes what a region has from the start, so a read that failed is repeated.
        for _ in range(3 if reads else 1):
            response = await forward(request, self._moto_port, {"x-moto-account-id": account})
            if response.status != 500 or "text/html" not in dict(_lower(response)).get("content-type", ""):
                return response
        if self.absent_is_empty and call.operation.startswith(("Describe", "List")):
            return wire.empty(call)
        return _not_implemented(call)

    async def _ask(self, signing: str, region: str, account: str, request: Request) -> Response:
        """Moto's answer to a request of the proxy's own."""
        scope = f"Credential={access_key(account)}/20260101/{region}/{signing}/aws4_request"
        headers = {
            "host": f"{LOOPBACK}:{self._moto_port}",
            **request.headers,
            "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
            "x-moto-account-id": account,
        }
        return await forward(request, self._moto_port, headers)

    async def _ask_json(self, signing: str, target: str, region: str, account: str, parameters: Json) -> Json:
        headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
        request = Request("POST", "/", headers, json.dumps(parameters).encode())
        response = await self._ask(signing, region, account, request)
        body: Json = json.loads(response.body) if response.body[:1] == b"{" else {}
        if response.status >= 400:
            code = str(body.get("__type", "NotImplemented")).rpartition("#")[2]
            status = response.status if response.status != 500 else 501
            raise ApiError(code, str(body.get("message", body.get("Message", "moto failed"))), status)
        return body

    # -------------------------------------------------------------- accounts, roles and regions

    def _statuses(self, account: str) -> Mapping[str, str]:
        return self.regions_of.get(account, self.regions)

    def _describe_regions(self, account: str, asked: Mapping[str, Any]) -> Json:
        known = self._statuses(account)
        for name in asked.get("RegionNames", ()):
            if name not in known:
                raise ApiError("InvalidParameterValue", f"Invalid region: {name}")
        statuses = [set(one["Values"]) for one in asked.get("Filters", ()) if one["Name"] == "opt-in-status"]
        shown = [
            {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": status}
            for name, status in sorted(known.items())
            if name in (asked.get("RegionNames") or known)
            and (asked.get("AllRegions") or asked.get("RegionNames") or status != "not-opted-in")
            and all(status in wanted for wanted in statuses)
        ]
        return {"Regions": shown}

    def _list_regions(self, account: str, asked: Mapping[str, Any]) -> Json:
        words = {"opt-in-not-required": "ENABLED_BY_DEFAULT", "opted-in": "ENABLED", "not-opted-in": "DISABLED"}
        shown = [
            {"RegionName": name, "RegionOptStatus": words[status]}
            for name, status in sorted(self._statuses(account).items())
        ]
        wanted = asked.get("RegionOptStatusContains") or list(words.values())
        return {"Regions": [one for one in shown if one["RegionOptStatus"] in wanted]}

    def _list_accounts(self, account: str, asked: Mapping[str, Any]) -> Json:
        if account != self.management:
            message = "You don't have permissions to access this resource."
            raise ApiError("AccessDeniedException", message)
        size = asked.get("MaxResults", 20)
        if not 1 <= size <= 20:
            raise ApiError("InvalidInputException", "You provided a value that does not match the required pattern.")
        start = 0
        if token := asked.get("NextToken"):
            place = self.tokens.place(token, "accounts")
            if place is None:
                raise ApiError("InvalidInputException", "The provided NextToken is invalid.")
            start = place
        shown = [
            {
                "Id": member.id,
                "Arn": f"arn:aws:organizations::{self.management}:account/o-example/{member.id}",
                "Email": f"{member.id}@example.com",
                "Name": member.name,
                "Status": member.status,
                "JoinedMethod": "CREATED",
            }
            for member in self.accounts[start : start + size]
        ]
        output: Json = {"Accounts": shown}
        if start + size < len(self.accounts):
            output["NextToken"] = self.tokens.issue("accounts", start + size)
        return output

    async def _assume_role(self, call: Call, account: str, request: Request) -> Response:
        arn = str(call.parameters.get("RoleArn", ""))
        if self.roles is not None:
            role = self.roles.get(arn)
            if role is None or (role.external_id and role.external_id != call.parameters.get("ExternalId")):
                who = f"arn:aws:iam::{account}:user/test"
                message = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
                raise ApiError("AccessDenied", message, 403)
        response = await self._moto_answer(call, account, request)
        key = re.search(rb"<AccessKeyId>([^<]+)</AccessKeyId>", response.body)
        if response.status == 200 and key:
            self._keys[key[1].decode()] = arn.split(":")[4]
        return response

    # -------------------------------------------------------------- Config

    async def _select(self, call: Call, account: str, request: Request) -> Response:
        name = call.parameters["ConfigurationAggregatorName"]
        target = "StarlingDoveService.DescribeConfigurationAggregators"
        known = await self._ask_json("config", target, call.region, account, {})
        if name not in [one["ConfigurationAggregatorName"] for one in known.get("ConfigurationAggregators", ())]:
            message = f"The configuration aggregator {name} does not exist."
            raise ApiError("NoSuchConfigurationAggregatorException", message)
        return wire.render(call, select_aggregate(self.explorer.items, call.parameters, self.tokens))

    # -------------------------------------------------------------- Resource Groups Tagging

    async def _get_resources(self, call: Call, account: str) -> Json:
        asked = dict(call.parameters)
        token = asked.pop("PaginationToken", "")
        _check_get_resources(asked, token)
        question = json.dumps([account, call.region, asked], sort_keys=True)
        if token:
            made_for, found, start = self._pages.get(token, ("?", [], 0))
            if start < 0:
                raise ApiError("PaginationTokenExpiredException", "The PaginationToken has expired.")
            if made_for != question:
                raise ApiError("InvalidParameterException", "The PaginationToken is invalid.")
        else:
            found, start = await self._tagged(call, account, asked), 0
        if "ResourceARNList" in asked:
            return {"PaginationToken": "", "ResourceTagMappingList": found}
        end = _page_end(found, start, asked.get("ResourcesPerPage", 100), asked.get("TagsPerPage"))
        following = ""
        if end < len(found):
            following = f"page-{len(self._pages)}"
            self._pages[following] = (question, found, end)
        return {"PaginationToken": following, "ResourceTagMappingList": found[start:end]}

    async def _tagged(self, call: Call, account: str, asked: Json) -> list[Json]:
        """All that GetResources has to show: moto's, corrected."""
        sent = {
            key: value
            for key, value in asked.items()
            if key in ("TagFilters", "ResourceTypeFilters", "ResourceARNList")
        }
        found: dict[str, Json] = {}
        token = ""
        target = "ResourceGroupsTaggingAPI_20170126.GetResources"
        while True:
            page = {**sent, "PaginationToken": token} if token else sent
            answer = await self._ask_json("tagging", target, call.region, account, page)
            for one in answer.get("ResourceTagMappingList", ()):
                found[one["ResourceARN"]] = one
            token = answer.get("PaginationToken", "")
            if not token:
                break
        for arn in list(found):
            # Moto shows some that never had a tag, and each bucket in every region.
            if (not found[arn]["Tags"] and arn not in self._untagged) or not await self._is_in(
                arn, call.region, account
            ):
                del found[arn]
        if not asked.get("TagFilters"):
            for arn in self._untagged - set(found):
                if _in_scope(arn, call.region, account) and _is_asked(arn, asked):
                    found[arn] = {"ResourceARN": arn, "Tags": []}
        return [found[arn] for arn in sorted(found)]

    async def _is_in(self, arn: str, region: str, account: str) -> bool:
        if arn.startswith("arn:aws:iam:"):
            return False  # The API tags them, and lists them nowhere.
        if not arn.startswith("arn:aws:s3:::"):
            # What has no region is listed where its service lives.
            return (arn.split(":", 4)[3] or "us-east-1") == region
        return await self._bucket_region(arn.removeprefix("arn:aws:s3:::"), account) == region

    async def _tag(self, call: Call, account: str, request: Request) -> Json:
        asked = call.parameters
        _check_tag(call.operation, asked)
        arns = asked["ResourceARNList"]
        tagged.check_arns(arns)
        codes: dict[str, str] = {}
        for arn in arns:
            if arn in self.tag_failures:
                codes[arn] = self.tag_failures[arn]
            elif self._is_untouchable(arn):
                codes[arn] = "AccessDeniedException"
            elif not _in_scope(arn, call.region, account) or not _is_at_home(arn, call.region):
                codes[arn] = "InvalidParameterException"
        ids = {arn.rpartition("/")[2]: arn for arn in arns if arn not in codes and arn.split(":", 3)[2] == "ec2"}
        for id_, code in (await self._strangers(ids, call.region, account)).items():
            codes[ids[id_]] = code
        for arn in arns:
            if arn not in codes and arn.startswith("arn:aws:s3:::"):
                home = await self._bucket_region(arn.removeprefix("arn:aws:s3:::"), account)
                if home != call.region:
                    codes[arn] = "InvalidParameterException" if home else "NoSuchBucket"
        sent = [arn for arn in arns if arn not in codes]
        codes |= await self._tag_at_moto(call, account, sent)
        self._untagged |= set(sent) - set(codes)
        self._note(call, account, (pair for pair in tagged.pairs(call, request) if pair[0] not in codes))
        return {
            "FailedResourcesMap": {
                arn: {
                    "StatusCode": 500 if code == "InternalServiceException" else 400,
                    "ErrorCode": code,
                    "ErrorMessage": "refused by the test's server",
                }
                for arn, code in codes.items()
            }
        }

    async def _tag_at_moto(self, call: Call, account: str, arns: list[str]) -> dict[str, str]:
        """The codes of those that moto refuses. Moto lets one that isn't there fail the whole call, halfway through; so
        each is asked for by itself then, which changes nothing for those that were done."""
        if not arns:
            return {}
        target = f"ResourceGroupsTaggingAPI_20170126.{call.operation}"
        try:
            asked = {**call.parameters, "ResourceARNList": arns}
            answer = await self._ask_json("tagging", target, call.region, account, asked)
        except ApiError as error:
            if len(arns) == 1:
                return {arns[0]: "InternalServiceException" if error.code == "NotImplemented" else error.code}
            found: dict[str, str] = {}
            for arn in arns:
                found |= await self._tag_at_moto(call, account, [arn])
            return found
        return {arn: str(one["ErrorCode"]) for arn, one in answer.get("FailedResourcesMap", {}).items()}

    # -------------------------------------------------------------- EC2's tags, and whose tags nobody may change

    async def _check_ec2_tags(self, call: Call, account: str) -> None:
        tagged.check_ec2(call)
        strangers = await self._strangers(call.parameters["Resources"], call.region, account)
        for id_, code in strangers.items():
            raise ApiError(code, f"The ID '{id_}' does not exist")

    async def _strangers(self, ids: Collection[str], region: str, account: str) -> dict[str, str]:
        """Those of EC2's ids that aren't there, with what EC2 says of each."""
        found: dict[str, str] = {}
        kinds: dict[str, list[str]] = {}
        for id_ in ids:
            kinds.setdefault(id_.rpartition("-")[0], []).append(id_)
        for prefix, some in kinds.items():
            kind = tagged.KINDS.get(prefix)
            # Of the rarer kinds nobody asks whether they are there.
            if kind is not None and kind[1] and not await self._knows(kind[1], kind[2], some, region, account):
                for id_ in some:
                    if len(some) == 1 or not await self._knows(kind[1], kind[2], [id_], region, account):
                        found[id_] = kind[3]
        return found

    async def _knows(self, operation: str, name: str, ids: list[str], region: str, account: str) -> bool:
        fields = "&".join(f"{name}.{number}={id_}" for number, id_ in enumerate(ids, 1))
        body = f"Action={operation}&Version=2016-11-15&{fields}".encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        response = await self._ask("ec2", region, account, Request("POST", "/", headers, body))
        return response.status == 200 and all(id_.encode() in response.body for id_ in ids)

    def _fold(self, noun: str, call: Call, account: str) -> None:
        """IAM User Guide, "Tags for IAM resources": of roles and users ``Owner`` and ``owner`` are one key, and the tag
        that is written takes the other's place. To moto they are two."""
        client = self.moto_client("iam", account=account)
        named = {f"{noun}Name": call.parameters[f"{noun}Name"]}
        keys = {tag["Key"].casefold(): tag["Key"] for tag in call.parameters["Tags"]}
        try:
            there = getattr(client, f"list_{noun.lower()}_tags")(**named)["Tags"]
        except client.exceptions.NoSuchEntityException:
            return
        other = [tag["Key"] for tag in there if keys.get(tag["Key"].casefold(), tag["Key"]) != tag["Key"]]
        if other:
            getattr(client, f"untag_{noun.lower()}")(**named, TagKeys=other)

    def _is_untouchable(self, arn: str) -> bool:
        return any(fnmatchcase(arn, glob) for glob in self.untouchable)

    def _check_untouchable(self, call: Call, account: str, request: Request) -> None:
        named = {resource for resource, _, _ in tagged.pairs(call, request)}
        for resource in sorted(named):
            arn = tagged.arn_of(resource, call.region, account) if call.service == "ec2" else resource
            if self._is_untouchable(arn if call.service != "s3" else f"arn:aws:s3:::{resource}"):
                code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
                raise ApiError(code, f"You are not authorized to change the tags of {arn}", 403)

    # -------------------------------------------------------------- S3

    async def _s3(self, call: Call, account: str, request: Request, operation: str) -> Response:
        bucket = str(call.parameters.get("Bucket", ""))
        if operation in ("CreateBucket", "DeleteBucket"):
            self._bucket_regions.pop(bucket, None)
        elif bucket and operation != "GetBucketLocation":
            # AWS serves a bucket in its own region only; SDKs follow the redirection.
            home = await self._bucket_region(bucket, account)
            if home and call.region and home != call.region:
                moved = wire.error(call, "PermanentRedirect", "The bucket must be addressed at another endpoint.", 301)
                return msgspec.structs.replace(moved, headers=(*moved.headers, ("x-amz-bucket-region", home)))
        if tagged.is_write(call):
            self._check_untouchable(call, account, request)
            if bucket in self.abac:
                raise ApiError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        return await self._moto_answer(call, account, request)

    async def _check_bucket(self, call: Call, account: str, request: Request) -> None:
        """Moto's S3 Control tags buckets that aren't there, and takes any tag."""
        for resource, key, value in tagged.pairs(call, request):
            if not await self._bucket_region(resource.rpartition(":")[2], account):
                raise ApiError("NoSuchResource", "The specified resource doesn't exist.", 404)
            if key.lower().startswith("aws:") or not 1 <= len(key) <= 128 or len(value or "") > 256:
                raise ApiError("InvalidTag", "The tag provided was not a valid tag.")

    async def _bucket_region(self, bucket: str, account: str) -> str:
        """The bucket's region; empty where there is no such bucket."""
        if bucket not in self._bucket_regions:
            response = await self._ask("s3", "us-east-1", account, Request("HEAD", f"/{wire.quoted(bucket)}", {}, b""))
            if response.status != 200:
                return ""
            self._bucket_regions[bucket] = dict(_lower(response)).get("x-amz-bucket-region", "us-east-1")
        return self._bucket_regions[bucket]


def _lower(response: Response) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in response.headers)


def _not_implemented(call: Call) -> Response:
    return wire.error(call, "NotImplemented", f"The test's server doesn't know {call.service}:{call.operation}.", 501)


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidParameterException", message)


def _check_get_resources(asked: Json, token: str) -> None:
    """Raises what AWS refuses and moto accepts."""
    arns = asked.get("ResourceARNList")
    others = {"ResourcesPerPage", "TagsPerPage", "ResourceTypeFilters", "TagFilters"} & set(asked)
    if arns is not None and (others or token):
        raise _invalid("ResourceARNList cannot be combined with paging or filters.")
    if arns is not None and not 1 <= len(arns) <= 100:
        raise _invalid("ResourceARNList must have 1 to 100 members.")
    if not 1 <= asked.get("ResourcesPerPage", 100) <= 100:
        raise _invalid("ResourcesPerPage must be between 1 and 100.")
    if not 100 <= asked.get("TagsPerPage", 100) <= 500:
        raise _invalid("TagsPerPage must be between 100 and 500.")
    if len(asked.get("ResourceTypeFilters", ())) > 100:
        raise _invalid("At most 100 resource types can be filtered.")
    filters = asked.get("TagFilters", ())
    if len(filters) > 50 or any(len(one.get("Values", ())) > 20 for one in filters):
        raise _invalid("At most 50 keys with 20 values each can be filtered.")


def _check_tag(operation: str, asked: Mapping[str, Any]) -> None:
    if not 1 <= len(asked.get("ResourceARNList", ())) <= 20:
        raise _invalid("ResourceARNList must have 1 to 20 members.")
    tags: Mapping[str, str] = asked.get("Tags", {}) if operation == "TagResources" else {}
    keys = list(tags) if operation == "TagResources" else asked.get("TagKeys", [])
    if not 1 <= len(keys) <= 50:
        raise _invalid("1 to 50 tags can be given.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise _invalid("The prefix aws: is reserved.")
    if any(not 1 <= len(key) <= 128 for key in keys) or any(len(value) > 256 for value in tags.values()):
        raise _invalid("A key has 1 to 128 characters, a value at most 256.")


def _in_scope(arn: str, region: str, account: str) -> bool:
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[3] in (region, "") and parts[4] in (account, "")


def _is_at_home(arn: str, region: str) -> bool:
    """What has no region is tagged where its service lives; buckets have one, which their ARNs don't tell."""
    return arn.startswith("arn:aws:s3:::") or (arn.split(":", 4)[3] or "us-east-1") == region


def _is_asked(arn: str, asked: Mapping[str, Any]) -> bool:
    if "ResourceARNList" in asked:
        return arn in asked["ResourceARNList"]
    service, tail = arn.split(":", 5)[2], arn.split(":", 5)[5]
    kind = f"{service}:{re.split('[/:]', tail)[0]}"
    wanted = asked.get("ResourceTypeFilters") or [service]
    return service in wanted or kind in wanted


def _page_end(found: list[Json], start: int, resources: int, tags: int | None) -> int:
    """Where the page that begins at ``start`` ends. A resource without tags counts as one tag."""
    end, room = start, tags
    while end < len(found) and end - start < resources:
        if room is not None:
            room -= max(1, len(found[end]["Tags"]))
            if room < 0 and end > start:
                break
        end += 1
    return end
