"""Stopping and terminating on AWS: what the last rungs of the ladder do, and all that keeps them from doing it.

Only what :data:`costguard.config.ladder.STOPPED` and ``TERMINATED`` name is ever touched. Whatever is attached, works
for a group, a fleet or a cluster, belongs to a stack, or is protected stays as it is; and an instance is terminated
only where it stands still, for whoever started it again uses it. Every call reads first, so that what was done already
is ``done`` and not done again; no call is sent twice. What may be asked for is the table here and nothing else; neither
a scan nor the writer of tags is let through with it.

EC2 has no token that would make a snapshot's second request the first one's. The token is a tag of the snapshot, which
is looked for before one is taken. What was asked for without an answer may take a while to show up: the same object
looks for it for as long as it is patient, and asks again only then.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from costguard.clouds.aws import api
from costguard.clouds.aws.api import Access, guarded, guarded_pages, told
from costguard.clouds.aws.calls import Call
from costguard.clouds.aws.native.listing import gone, legible, tags_of
from costguard.clouds.pace import Stopped
from costguard.clouds.sighting import SourceError
from costguard.clouds.writing import Answer, How, Target
from costguard.config.ladder import STOPPED, TERMINATED
from costguard.iac import markers

READS = (
    Call("ec2", "DescribeInstances"),
    Call("ec2", "DescribeInstanceAttribute"),
    Call("ec2", "DescribeInstanceTypes"),
    Call("ec2", "DescribeVolumes"),
    Call("ec2", "DescribeAddresses"),
    Call("ec2", "DescribeSnapshots"),
    Call("rds", "DescribeDBInstances"),
)
"""What is read around them."""
_SNAPSHOTS = (
    Call("ec2", "CreateSnapshot"),
    Call("ec2", "CreateSnapshots"),
)
_HARMFUL = (
    Call("ec2", "StopInstances"),
    Call("ec2", "TerminateInstances"),
    Call("ec2", "DeleteVolume"),
    Call("ec2", "ReleaseAddress"),
    Call("rds", "StopDBInstance"),
)
WRITES = (*_SNAPSHOTS, *_HARMFUL)
"""The calls that change something."""

TOKEN = "costguard:token"  # noqa: S105 - it is the key of a tag.
"""The tag of a snapshot that says which request it answers."""
_SOURCE = "costguard:snapshot-of"

_PAUSE = 3.0
"""Seconds between two looks at a snapshot that is being made."""

# What speaks of the moment, and no fault of the call's: somebody changed the resource between reading and writing.
_CONFLICTS = re.compile(r"^Incorrect\w*State$|InUse|^InvalidDB(?:Instance|Cluster)State|^DependencyViolation$")
_LATER = re.compile(r"^(?:ConcurrentSnapshot|SnapshotCreationPerVolumeRate)\w*Exceeded$")

_ARN = re.compile(r"arn:[a-z-]{3,20}:(ec2|rds):([a-z0-9-]+):([0-9]{12}):([a-z-]+)([/:])([A-Za-z0-9-]{1,128})")
_NAMED: Mapping[str, tuple[str, str, str]] = {
    "aws_instance": ("ec2", "instance", "/"),
    "aws_ebs_volume": ("ec2", "volume", "/"),
    "aws_eip": ("ec2", "elastic-ip", "/"),
    "aws_db_instance": ("rds", "db", ":"),
}

_INSTANCE: Mapping[str, str] = {
    "running": "there",
    "stopping": "stopped",
    "stopped": "stopped",
    "shutting-down": "gone",
    "terminated": "gone",
}
_VOLUME: Mapping[str, str] = {"available": "there", "deleting": "gone", "deleted": "gone"}
_DATABASE: Mapping[str, str] = {"available": "there", "stopping": "stopped", "stopped": "stopped", "deleting": "gone"}
"""What the services call a state, and what :class:`costguard.clouds.writing.Power` calls it; any other is ``busy``."""


class _Seen(msgspec.Struct, frozen=True):
    """A resource as it is now: its state in the words of the protocol, ``why`` where it is ``busy``, AWS's own ``word``
    for the state, what else keeps it from being touched, and its volumes."""

    state: str
    why: str = ""
    word: str = ""
    refusal: str = ""
    volumes: tuple[str, ...] = ()


class AwsPower:
    """:class:`costguard.clouds.writing.Power` for AWS. Safe to use from several threads.

    ``access`` gives the way into an account; the session must have been opened with ``powers``. ``patience`` is how
    many seconds a snapshot is waited for in one call: shorter than a lease, for the run does nothing else meanwhile.
    One that takes longer is ``again``, and with the same token the next call goes on waiting for it.
    """

    types = STOPPED | TERMINATED

    def __init__(
        self,
        access: Callable[[str], Access],
        *,
        patience: float = 45.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._open = access
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._accesses: dict[str, Access] = {}
        self._doubtful: set[str] = set()
        """Tokens of snapshots that were asked for without an answer."""

    # -------------------------------------------------------------- looking

    def state(self, target: Target) -> str:
        seen = self._look(target)
        if isinstance(seen, Answer):
            return seen.why
        return seen.state

    def _look(self, target: Target) -> _Seen | Answer:
        """The resource as it is now; an answer, by which nothing was written, where that can't be told."""
        id_ = _id(target)
        if id_ is None:
            return Answer(
                "refused", f"{legible(target.id)[:300]} is no {target.type} that can be stopped or terminated"
            )
        try:
            access = self._access(target.account)
            match target.type:
                case "aws_instance":
                    return _instance(access, target, id_)
                case "aws_ebs_volume":
                    return _volume(access, target, id_)
                case "aws_eip":
                    return _address(access, target, id_)
                case _:
                    return _database(access, target, id_)
        except Stopped:
            return _NOT_SENT
        except SourceError as error:
            return Answer("again", f"it can't be read, so nothing is done: {error}")

    def _access(self, account: str) -> Access:
        """The way into the account. Raises :class:`SourceError` where there is none."""
        with self._lock:
            found = self._accesses.get(account)
            if found is None:
                found = self._open(account)
                found.identify()
                if found.account != account:
                    raise SourceError(f"the credentials for {account} are those of {found.account}")
                self._accesses[account] = found
            return found

    # -------------------------------------------------------------- snapshots

    def snapshot(self, target: Target, token: str) -> Answer:
        """As the protocol says, for what is about to be terminated: it is refused wherever that would be."""
        if target.type not in ("aws_instance", "aws_ebs_volume") or not re.fullmatch("[A-Za-z0-9._-]{1,128}", token):
            return Answer("refused", f"there are no snapshots of an {target.type} under {legible(token)[:128]!r}")
        seen = self._terminable(target)
        if isinstance(seen, Answer):
            return seen
        if not seen.volumes:
            return Answer("refused", "it has no EBS volume, and what it holds could not be kept")
        try:
            return self._snapshot(self._access(target.account), target, seen.volumes, token)
        except Stopped:
            return _NOT_SENT
        except SourceError as error:
            return Answer("again", f"whether there is a snapshot already can't be read, so none is taken: {error}")

    def _snapshot(self, access: Access, target: Target, volumes: Sequence[str], token: str) -> Answer:
        end = self._clock() + self._patience
        client = access.client("ec2", target.region)
        found = _snapshots(client, token)
        while not found and token in self._doubtful and self._clock() < end:
            self._sleep(_PAUSE)
            found = _snapshots(client, token)
        if not found:
            asks: dict[str, Any] = {
                "Description": f"costguard: before {target.type} {_id(target)} is terminated",
                "TagSpecifications": [
                    {
                        "ResourceType": "snapshot",
                        "Tags": [{"Key": TOKEN, "Value": token}, {"Key": _SOURCE, "Value": target.id[:256]}],
                    }
                ],
            }
            if target.type == "aws_instance":
                operation, asks["InstanceSpecification"] = "CreateSnapshots", {"InstanceId": _id(target)}
            else:
                operation, asks["VolumeId"] = "CreateSnapshot", _id(target)
            sent = self._send(access, "ec2", operation, target, asks)
            if isinstance(sent, Answer):
                if sent.how == "unknown":
                    self._doubtful.add(token)
                return sent
            parts = sent.get("Snapshots") if target.type == "aws_instance" else [sent]
            try:
                found = [_Snapshot.of(part) for part in parts or ()]
            except SourceError as error:
                self._doubtful.add(token)
                return Answer("unknown", f"{operation} was taken, and {error}", f"ec2:{operation}")
        self._doubtful.discard(token)
        return self._usable(client, volumes, found, end)

    def _usable(self, client: Any, volumes: Sequence[str], found: Sequence["_Snapshot"], end: float) -> Answer:
        """Waits until all are."""
        by = ", ".join(sorted(one.id for one in found))
        uncovered = sorted(set(volumes) - {one.volume for one in found})
        if uncovered:
            return Answer("refused", f"{by or 'no snapshot'} doesn't hold {', '.join(uncovered)}", by)
        while True:
            broken = [one.id for one in found if one.state not in ("pending", "completed")]
            if broken:
                return Answer("refused", f"{', '.join(broken)} could not be made", by)
            pending = [one.id for one in found if one.state == "pending"]
            if not pending:
                return Answer("done", by=by)
            if self._clock() >= end:
                return Answer("again", f"{', '.join(pending)} {_UNUSABLE}", by)
            self._sleep(_PAUSE)
            try:
                known = {one.id: one for one in _snapshots(client, "", [one.id for one in found])}
            except (Stopped, SourceError) as error:
                more = f": {error}" if str(error) else ""
                return Answer("again", f"{', '.join(pending)} {_UNUSABLE}{more}", by)
            found = [known.get(one.id, one) for one in found]

    # -------------------------------------------------------------- stopping, terminating

    def stop(self, target: Target) -> Answer:
        if target.type not in STOPPED:
            return Answer("refused", f"an {target.type} is never stopped")
        seen = self._look(target)
        if isinstance(seen, Answer):
            return seen
        if seen.state == "stopped":
            return Answer("done", f"it was {seen.word} already")
        if (answer := _untouchable(seen)) is not None:
            return answer
        id_ = _id(target)
        if target.type == "aws_db_instance":
            return self._done(target, "rds", "StopDBInstance", {"DBInstanceIdentifier": id_})
        return self._done(target, "ec2", "StopInstances", {"InstanceIds": [id_]})

    def terminate(self, target: Target) -> Answer:
        if target.type not in TERMINATED:
            return Answer("refused", f"an {target.type} is never terminated")
        seen = self._terminable(target)
        if isinstance(seen, Answer):
            # What isn't there any more is what was wanted.
            return Answer("done", seen.why) if seen.how == "gone" else seen
        id_ = _id(target)
        match target.type:
            case "aws_instance":
                return self._done(target, "ec2", "TerminateInstances", {"InstanceIds": [id_]})
            case "aws_ebs_volume":
                return self._done(target, "ec2", "DeleteVolume", {"VolumeId": id_})
            case _:
                return self._done(target, "ec2", "ReleaseAddress", {"AllocationId": id_})

    def _terminable(self, target: Target) -> _Seen | Answer:
        """The resource where it may be terminated; else why not."""
        seen = self._look(target)
        if isinstance(seen, Answer):
            return seen
        if (answer := _untouchable(seen)) is not None:
            return answer
        if target.type == "aws_instance" and seen.word != "stopped":
            if seen.word == "stopping":
                return Answer("again", "it is still stopping")
            return Answer("refused", f"it is {seen.word} and not stopped: somebody uses it again")
        return seen

    def _done(self, target: Target, service: str, operation: str, asks: Mapping[str, Any]) -> Answer:
        try:
            sent = self._send(self._access(target.account), service, operation, target, asks)
        except SourceError as error:
            return Answer("again", f"{error}; nothing was sent")
        return sent if isinstance(sent, Answer) else Answer("done", by=Call(service, operation).name)

    def _send(
        self, access: Access, service: str, operation: str, target: Target, asks: Mapping[str, Any]
    ) -> Mapping[str, Any] | Answer:
        """Sends a call once. Its answer, or what became of it where there is no good one."""
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        by = Call(service, operation).name
        try:
            answer: Mapping[str, Any] = getattr(access.writing(service, target.region), xform_name(operation))(**asks)
        except Stopped:
            return _NOT_SENT
        except ClientError as error:
            return Answer(_meaning(error), api.explain(error), by)
        except BotoCoreError as error:
            # Some of these come before anything is sent; whoever reads before sending again loses nothing.
            return Answer("unknown", api.explain(error), by)
        return answer


_NOT_SENT = Answer("again", "the run was stopped before it was sent")
_UNUSABLE = "isn't usable yet; with the same token it is waited for and not taken anew"


def _untouchable(seen: _Seen) -> Answer | None:
    """Why it is left as it is; None for what may be stopped or terminated."""
    if seen.state == "gone":
        return Answer("gone", "it isn't there any more")
    if seen.state == "busy":
        return Answer("conflict", seen.why)
    if seen.state not in ("there", "stopped"):
        return Answer("refused", seen.state)
    return Answer("refused", seen.refusal) if seen.refusal else None


def _meaning(error: Any) -> How:
    """What an error that AWS answered with means for what was to be done."""
    said = api.code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = api.refusal(said, status)
    if kind in ("throttled", "expired") or _LATER.search(said):
        return "again"
    if kind in ("denied", "elsewhere"):
        return "refused"
    if status >= 500 or status in (0, 408):
        return "unknown"
    if _CONFLICTS.search(said):
        return "conflict"
    return "gone" if gone(error) else "refused"


# ------------------------------------------------------------------ the resources


def _id(target: Target) -> str | None:
    """What the service calls it; None where its ARN isn't one of its type, account and region."""
    match = _ARN.fullmatch(target.id)
    if target.cloud != "aws" or match is None:
        return None
    service, region, account, kind, sign, id_ = match.groups()
    if (service, kind, sign) != _NAMED.get(target.type) or (region, account) != (target.region, target.account):
        return None
    return id_


def _one(access: Access, service: str, region: str, operation: str, field: str, asks: Mapping[str, Any]) -> Any:
    """The one that a listing shows of an id; None where it isn't there. Raises :class:`SourceError`."""
    from botocore import xform_name
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = getattr(access.client(service, region), xform_name(operation))(**asks)
    except (BotoCoreError, ClientError) as error:
        if gone(error):
            return None
        raise SourceError(api.explain(error)) from error
    listed = told(answer, field, operation)
    if field == "Reservations":
        for one in listed:
            if one.get("OwnerId", access.account) != access.account:
                raise SourceError(f"it belongs to account {legible(str(one['OwnerId']))}")
        listed = [instance for one in listed for instance in told(one, "Instances", operation)]
    if len(listed) > 1:
        raise SourceError(f"{operation} shows {len(listed)} for one id")
    return listed[0] if listed else None


def _instance(access: Access, target: Target, id_: str) -> _Seen:
    asks = {"InstanceIds": [id_]}
    item = _one(access, "ec2", target.region, "DescribeInstances", "Reservations", asks)
    if item is None:
        return _Seen("gone")
    word = str(told(told(item, "State", "DescribeInstances"), "Name", "DescribeInstances"))
    state = _INSTANCE.get(word, "busy")
    if state == "gone":
        return _Seen("gone", word=word)
    if state == "busy":
        return _Seen("busy", f"it is {legible(word)}", word)
    if used := _used(item, "Tags"):
        return _Seen("busy", used, word)
    disks = [one.get("Ebs") or {} for one in item.get("BlockDeviceMappings") or ()]
    volumes = tuple(str(told(one, "VolumeId", "DescribeInstances")) for one in disks)
    return _Seen(state, word=word, refusal=_protected(access, target, id_, item), volumes=volumes)


def _protected(access: Access, target: Target, id_: str, item: Mapping[str, Any]) -> str:
    """What keeps an instance from being stopped, and then from being terminated."""
    if item.get("InstanceLifecycle"):
        return f"it is a {legible(str(item['InstanceLifecycle']))} instance, which its request would replace"
    if item.get("RootDeviceType") != "ebs":
        return "its root device isn't an EBS volume: it can't be stopped, and nothing of it could be kept"
    client = access.client("ec2", target.region)
    type_ = str(told(item, "InstanceType", "DescribeInstances"))
    described = told(
        guarded(partial(client.describe_instance_types, InstanceTypes=[type_])),
        "InstanceTypes",
        "DescribeInstanceTypes",
    )
    # EC2 User Guide, "Instance store": what is on these disks is gone once the instance stops, and no snapshot has it.
    # Whether the instance was given them isn't shown, where its type has them.
    if [one.get("InstanceStorageSupported") for one in described] != [False]:
        return f"its type, {legible(type_)}, has disks of its own, and what is on them would be lost"
    for attribute, what in (
        ("disableApiStop", "stop protection"),
        ("disableApiTermination", "termination protection"),
    ):
        ask = partial(client.describe_instance_attribute, InstanceId=id_, Attribute=attribute)
        found = told(guarded(ask), attribute[0].upper() + attribute[1:], "DescribeInstanceAttribute")
        if found.get("Value") is not False:
            return f"{what} is switched on for it"
    return ""


def _volume(access: Access, target: Target, id_: str) -> _Seen:
    item = _one(access, "ec2", target.region, "DescribeVolumes", "Volumes", {"VolumeIds": [id_]})
    if item is None:
        return _Seen("gone")
    word = str(told(item, "State", "DescribeVolumes"))
    state = _VOLUME.get(word, "busy")
    if state == "gone":
        return _Seen("gone", word=word)
    if state == "busy" or told(item, "Attachments", "DescribeVolumes"):
        return _Seen("busy", f"it is {legible(word)}", word)
    if used := _used(item, "Tags"):
        return _Seen("busy", used, word)
    return _Seen("there", word=word, volumes=(id_,))


def _address(access: Access, target: Target, id_: str) -> _Seen:
    item = _one(access, "ec2", target.region, "DescribeAddresses", "Addresses", {"AllocationIds": [id_]})
    if item is None:
        return _Seen("gone")
    for field in ("AssociationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"):
        if item.get(field):
            return _Seen("busy", f"it is associated ({field} {legible(str(item[field]))})", "associated")
    if used := _used(item, "Tags"):
        return _Seen("busy", used, "managed")
    return _Seen("there", word="unassociated")


def _database(access: Access, target: Target, id_: str) -> _Seen:
    asks = {"DBInstanceIdentifier": id_}
    item = _one(access, "rds", target.region, "DescribeDBInstances", "DBInstances", asks)
    if item is None:
        return _Seen("gone")
    word = str(told(item, "DBInstanceStatus", "DescribeDBInstances"))
    state = _DATABASE.get(word, "busy")
    if state == "gone":
        return _Seen("gone", word=word)
    if state == "busy":
        return _Seen("busy", f"it is {legible(word)}", word)
    if item.get("DBClusterIdentifier"):
        return _Seen("busy", f"it works for the cluster {legible(str(item['DBClusterIdentifier']))}", word)
    if used := _used(item, "TagList"):
        return _Seen("busy", used, word)
    return _Seen(state, word=word, refusal=_unstoppable(item))


def _unstoppable(item: Mapping[str, Any]) -> str:
    """What keeps a database from being stopped (Amazon RDS User Guide, "Stopping an Amazon RDS DB instance
    temporarily"), and the protection that says that somebody wants to keep it."""
    if item.get("DeletionProtection") is not False:
        return "deletion protection is switched on for it"
    if any(item.get(field) for field in _REPLICAS):
        return "RDS stops no database that has a read replica, or is one"
    if item.get("MultiAZ") is True and str(item.get("Engine", "")).startswith("sqlserver"):
        return "RDS stops no SQL Server in several zones"
    return ""


_REPLICAS = (
    "ReadReplicaSourceDBInstanceIdentifier",
    "ReadReplicaSourceDBClusterIdentifier",
    "ReadReplicaDBInstanceIdentifiers",
    "ReadReplicaDBClusterIdentifiers",
)


def _used(item: Mapping[str, Any], field: str) -> str:
    """Who keeps it, by what AWS says of it and by its tags, a claim among them; empty where nobody does."""
    operator = item.get("Operator")
    if isinstance(operator, dict) and operator.get("Managed") is True:
        return f"{legible(str(operator.get('Principal') or 'an AWS service'))} runs it"
    if item.get("ServiceManaged"):
        return f"{legible(str(item['ServiceManaged']))} runs it"
    tags = tags_of(item.get(field) or [])
    if tags is None:
        raise SourceError("its tags are shown in no form that AWS documents")
    found = markers.managers(tags)
    return f"{found[0].tool} manages it ({legible(found[0].name)})" if found else ""


class _Snapshot(msgspec.Struct, frozen=True):
    """A snapshot, the volume that it holds, and whether it is ``pending``, ``completed`` or something worse."""

    id: str
    volume: str
    state: str

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "_Snapshot":
        """What isn't said to be usable is waited for. Raises :class:`SourceError` where the answer names no snapshot or
        no volume."""
        id_, volume = (str(told(item, field, "the answer")) for field in ("SnapshotId", "VolumeId"))
        return cls(id_, volume, str(item.get("State") or "pending"))


def _snapshots(client: Any, token: str, ids: Iterable[str] = ()) -> list[_Snapshot]:
    """The account's snapshots with a token, or with these ids."""
    name, values = ("snapshot-id", sorted(ids)) if ids else (f"tag:{TOKEN}", [token])
    filters = [{"Name": name, "Values": values}]
    pages = client.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
    return [
        _Snapshot.of(item) for page in guarded_pages(pages) for item in told(page, "Snapshots", "DescribeSnapshots")
    ]


# ------------------------------------------------------------------ permissions


def power_policy_document(quarantine: str = "costguard-quarantine") -> str:
    """The IAM policy of a role that climbs the last rungs, as JSON, beside that of the writer. IAM itself lets it touch
    nothing that doesn't carry the quarantine's tag, nor tag anything but the snapshots that it takes."""
    statements = [
        {"Effect": "Allow", "Action": sorted(call.name for call in READS), "Resource": "*"},
        {"Effect": "Allow", "Action": sorted(call.name for call in _SNAPSHOTS), "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:CreateAction": sorted(call.operation for call in _SNAPSHOTS)}},
        },
        {
            "Effect": "Allow",
            "Action": sorted(call.name for call in _HARMFUL),
            "Resource": "*",
            "Condition": {"Null": {f"aws:ResourceTag/{quarantine}": "false"}},
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"
