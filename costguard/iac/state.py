"""Reads the states of Terraform and OpenTofu: which live resource is managed under which address, and where.

It knows the forms that a state comes in, told apart by content: the state file (format 4, and 3 of Terraform 0.11 and
older), the output of ``terraform show -json``, any of them compressed with gzip; and what is no state though it looks
like one (a pointer to a backend, an encrypted state, a plan). It hides how a cloud's name for a resource is found in
the attributes of each type.

States are full of secrets. Only what names a resource is ever decoded: everything else is skipped as it stands, which
also keeps a state of 100 MB within a small multiple of its size.
"""

import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from costguard import catalog
from costguard.catalog import native
from costguard.model.resource import Gap, Manager
from costguard.policy.patterns import path_matches

T = TypeVar("T")

MOST = 1 << 30
"""The longest state that is read, in bytes and uncompressed: a small file may unpack to any size."""


class Claim(msgspec.Struct, frozen=True):
    """One live resource that a state manages.

    ``keys`` are the ids that it may be found by: its ARN or Google's full resource name, and ``ec2:volume/vol-0abc``
    where the id alone is unique on all of AWS, as :func:`costguard.catalog.native.keys` makes them of a live id.
    ``type`` is its Terraform type; for a volume that an instance brings with it, a volume's.
    """

    keys: tuple[str, ...]
    manager: Manager
    type: str


class States(msgspec.Struct, frozen=True):
    """What one state says. ``managed`` counts the objects that it manages, in any cloud and of any type;
    ``unidentified`` those of them, by type, that carry tags and whose attributes don't say what the cloud calls them.
    """

    claims: tuple[Claim, ...] = ()
    gaps: tuple[Gap, ...] = ()
    managed: int = 0
    unidentified: Mapping[str, int] = {}


def read_state(raw: bytes, name: str, where: str) -> States:
    """What a state manages. ``name`` is what gaps call the file, ``where`` what people call the configuration.

    Never raises for what stands in the file: what can't be read is a gap, and the rest is read all the same. A file of
    no bytes is one, too: to Terraform it is a state that manages nothing, but it is also what a full disk or an upload
    that was broken off leaves of one, and then everything that it managed would count as unmanaged.
    """
    reader = _Reader(name, where)
    try:
        text = _text(raw)
        if not len(text):
            raise _Unreadable("it is empty: restore it, or take it away if it manages nothing")
        reader.read(text)
    except _Unreadable as error:
        reader.gap(str(error))
    return reader.states()


def configuration(path: str) -> str:
    """What people call the configuration whose state lies at a path (or ``s3://`` URL): its folder, and the workspace.

    ``live/prod/terraform.tfstate`` is ``live/prod``; ``live/prod/terraform.tfstate.d/blue/terraform.tfstate`` is
    ``live/prod (workspace blue)``, as ``s3://states/env:/blue/live/prod/terraform.tfstate`` is with its own folder; a
    state with a name of its own keeps it: ``live/prod/network.tfstate``.
    """
    scheme, _, rest = path.rpartition("://")
    parts = rest.split("/")
    workspace = ""
    at = 1 if scheme else 0
    # The backends' own defaults: local's workspace_dir, and workspace_key_prefix of S3.
    if len(parts) > at + 2 and parts[at] == "env:":
        workspace = parts[at + 1]
        del parts[at : at + 2]
    if len(parts) >= 3 and parts[-3] == "terraform.tfstate.d":
        workspace = workspace or parts[-2]
        del parts[-3:-1]
    if parts[-1] == "terraform.tfstate":
        parts.pop()
    place = (f"{scheme}://" if scheme else "") + ("/".join(parts) or ".")
    return f"{place} (workspace {workspace})" if workspace else place


def local_states(patterns: Iterable[str], folder: Path) -> Iterator[tuple[Path, str] | Gap]:
    """The state files that the patterns name, each once and in order, with what people call their configurations.

    Patterns are paths seen from ``folder``, or absolute; ``*`` and ``?`` match in one name, ``**`` through folders, and
    of a folder all its ``*.tfstate``. ``.terraform`` is never looked into: what it holds points to a state and is none.
    A pattern that names nothing, and a folder that can't be listed, is a gap.
    """
    seen: set[Path] = set()
    for pattern in patterns:
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        fixed = next((at for at, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
        base = Path("/") if pattern.startswith("/") else folder
        start = base.joinpath(*parts[:fixed])
        if fixed == len(parts):
            parts = parts if start.is_file() else [*parts, "**"]
        # Where the last part says nothing of the name, what isn't called a state is none: backups, locks, sources.
        any_name = not parts[-1].strip("*?")
        found = False
        for item in (start,) if start.is_file() else _files(start):
            if isinstance(item, Gap):
                found = True
                yield item
                continue
            path = item.relative_to(base).as_posix()
            if not path_matches("/".join(parts), path) or (any_name and item.suffix != ".tfstate"):
                continue
            found = True
            if item not in seen:
                seen.add(item)
                yield item, configuration(f"/{path}" if pattern.startswith("/") else path)
        if not found:
            yield Gap(pattern, "no state is there; mend terraform.states in costguard.yaml")


_MAGIC = re.compile(r"[*?]")


def _files(start: Path) -> Iterator[Path | Gap]:
    failed: list[OSError] = []
    for folder, folders, files in os.walk(start, onerror=failed.append):
        folders[:] = sorted(name for name in folders if name != ".terraform")
        yield from (Path(folder, name) for name in sorted(files))
    for error in failed:
        if not isinstance(error, FileNotFoundError):
            yield Gap(str(error.filename), f"this folder can't be listed: {error.strerror}")


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """Why the file, or one thing in it, can't be read: half a sentence."""


def _text(raw: bytes) -> memoryview:
    """The bytes of the JSON: uncompressed, without a byte-order mark, and UTF-8 where PowerShell wrote UTF-16."""
    if raw[:2] == b"\x1f\x8b":
        raw = _unpacked(raw)
    if len(raw) > MOST:
        raise _Unreadable(f"it is longer than {MOST >> 20} MiB, which no state should be")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            raw = raw.decode("utf-16").encode()
        except UnicodeError as error:
            raise _Unreadable("it is neither UTF-8 nor UTF-16") from error
    return memoryview(raw)[3:] if raw[:3] == b"\xef\xbb\xbf" else memoryview(raw)


def _unpacked(raw: bytes) -> bytes:
    """What gzip packed, in however many parts."""
    pieces: list[bytes] = []
    left, rest = MOST, raw
    try:
        while rest:
            packed = zlib.decompressobj(wbits=31)
            piece = packed.decompress(rest, left + 1)
            left -= len(piece)
            if left < 0:
                raise _Unreadable(f"it unpacks to more than {MOST >> 20} MiB, which no state should be")
            if not packed.eof:
                raise _Unreadable("its compressed data end in the middle; was what wrote it cut short?")
            pieces.append(piece)
            rest = packed.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise _Unreadable(f"its compressed data are damaged ({error})") from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _decode(raw: memoryview | msgspec.Raw, kind: type[T]) -> T:
    """Raises :class:`_Unreadable` with what is wrong."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except RecursionError:
        raise _Unreadable("it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _Unreadable(str(error)) from error


def _rows(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """The elements of a list; none of what is null or absent. Raises :class:`_Unreadable` for what is no list."""
    return [] if _null(raw) else _decode(raw, list[msgspec.Raw])


def _null(raw: msgspec.Raw) -> bool:
    """Whether there is nothing: the attribute is absent or null."""
    return len(raw) == 0 or (len(raw) == 4 and bytes(raw) == b"null")


_ABSENT = msgspec.Raw()


class _Head(msgspec.Struct):
    """What tells the forms apart. ``version`` and ``modules`` are of state files, ``values`` of ``show -json``."""

    version: Any = None
    resources: msgspec.Raw = _ABSENT
    modules: msgspec.Raw = _ABSENT
    format_version: Any = None
    values: msgspec.Raw = _ABSENT
    backend: msgspec.Raw = _ABSENT
    encrypted_data: msgspec.Raw = _ABSENT
    resource_changes: msgspec.Raw = _ABSENT
    planned_values: msgspec.Raw = _ABSENT


class _Resource(msgspec.Struct):
    """A resource of format 4."""

    type: str
    name: str
    mode: str = "managed"
    module: str = ""
    provider: str = ""
    instances: list[msgspec.Raw] | None = None


class _Instance(msgspec.Struct):
    """An object of format 4. ``attributes_flat`` is what Terraform 0.11 left and no newer one has refreshed since."""

    index_key: int | str | None = None
    deposed: str = ""
    attributes: dict[str, msgspec.Raw] | None = None
    attributes_flat: dict[str, msgspec.Raw] | None = None


class _Module3(msgspec.Struct):
    path: tuple[str, ...] = ("root",)
    resources: dict[str, msgspec.Raw] | None = None


class _Object3(msgspec.Struct):
    id: msgspec.Raw = _ABSENT
    attributes: dict[str, msgspec.Raw] | None = None


class _Resource3(msgspec.Struct):
    type: str
    provider: str = ""
    primary: msgspec.Raw = _ABSENT
    deposed: list[msgspec.Raw] | None = None


class _Values(msgspec.Struct):
    root_module: msgspec.Raw = _ABSENT


class _ShownModule(msgspec.Struct):
    resources: list[msgspec.Raw] | None = None
    child_modules: list[msgspec.Raw] | None = None


class _Shown(msgspec.Struct):
    """A resource of ``show -json``: one for each object, with its address as Terraform prints it."""

    address: str
    type: str
    mode: str = "managed"
    provider_name: str = ""
    deposed_key: str = ""
    values: dict[str, msgspec.Raw] | None = None


_MOST_GAPS = 20


class _Reader:
    """Gathers what one state says."""

    def __init__(self, name: str, where: str) -> None:
        self._name = name
        self._where = where
        self._claims: dict[Claim, None] = {}
        self._gaps: list[Gap] = []
        self._more_gaps = 0
        self._managed = 0
        self._unidentified: dict[str, int] = {}

    def gap(self, why: str) -> None:
        if len(self._gaps) < _MOST_GAPS:
            self._gaps.append(Gap(self._name, why))
        else:
            self._more_gaps += 1

    def states(self) -> States:
        if self._more_gaps:
            self._gaps.append(Gap(self._name, f"{self._more_gaps} more of its resources can't be read"))
        return States(tuple(self._claims), tuple(self._gaps), self._managed, self._unidentified)

    def read(self, text: memoryview) -> None:
        """Raises :class:`_Unreadable` where the file as a whole can't be read."""
        try:
            head = _decode(text, _Head)
        except _Unreadable as error:
            raise _Unreadable(f"it is not a state that can be read: {error}") from error
        if not _null(head.encrypted_data):
            raise _Unreadable(
                "OpenTofu has encrypted this state; give the output of `tofu show -json`, or accept the gap"
            )
        if not (_null(head.resource_changes) and _null(head.planned_values)):
            raise _Unreadable("it is a plan, not a state; give the output of `terraform show -json` without a plan")
        if head.version is None and (not _null(head.values) or isinstance(head.format_version, str)):
            self._shown(head)
        elif head.version == 4:
            if _null(head.resources):
                raise _Unreadable("it has no list of resources, which Terraform writes also where there are none")
            self._version4(head)
        elif head.version == 3:
            self._version3(head)
            if not _null(head.backend) and not self._managed and not self._gaps:
                # Terraform still writes `.terraform/terraform.tfstate` in this format.
                raise _Unreadable("it only says which backend the state is in; name that state instead")
        elif isinstance(head.version, int) and not isinstance(head.version, bool):
            advice = "apply it once with Terraform 0.11 or newer" if head.version < 3 else "costguard reads 3 and 4"
            raise _Unreadable(f"it has the state format {str(head.version)[:20]}, which can't be read; {advice}")
        else:
            raise _Unreadable("it is not a state of Terraform or OpenTofu")

    def _version4(self, head: _Head) -> None:
        for index, raw in enumerate(_rows(head.resources)):
            label = f"resources[{index}]"
            try:
                resource = _decode(raw, _Resource)
            except _Unreadable as error:
                self.gap(f"{label} can't be read: {error}")
                continue
            if resource.mode != "managed":
                continue
            block = f"{resource.type}.{resource.name}"
            block = f"{resource.module}.{block}" if resource.module else block
            for number, inner in enumerate(resource.instances or ()):
                try:
                    instance = _decode(inner, _Instance)
                except _Unreadable as error:
                    self._managed += 1
                    self.gap(f"{block[:200]}: instances[{number}] can't be read: {error}")
                    continue
                address = block + _index(instance.index_key)
                attributes = instance.attributes or instance.attributes_flat or {}
                self._claim(_deposed(address, instance.deposed), resource.type, resource.provider, attributes)

    def _version3(self, head: _Head) -> None:
        for index, raw in enumerate(_rows(head.modules)):
            try:
                module = _decode(raw, _Module3)
            except _Unreadable as error:
                self.gap(f"modules[{index}] can't be read: {error}")
                continue
            path = "".join(f"module.{part}." for part in module.path[1:])
            for key, inner in (module.resources or {}).items():
                if key.startswith("data."):
                    continue
                block, _, last = key.rpartition(".")
                counted = last.isascii() and last.isdigit() and "." in block
                address = path + (f"{block}[{last}]" if counted else key)
                try:
                    self._resource3(address, _decode(inner, _Resource3))
                except _Unreadable as error:
                    self._managed += 1
                    self.gap(f"{address[:200]} can't be read: {error}")

    def _resource3(self, address: str, resource: _Resource3) -> None:
        objects = [(address, resource.primary)]
        objects += [(f"{address} (deposed object {number})", raw) for number, raw in enumerate(resource.deposed or ())]
        for name, raw in objects:
            if not _null(raw):
                held = _decode(raw, _Object3)
                self._claim(name, resource.type, resource.provider, {"id": held.id, **(held.attributes or {})})

    def _shown(self, head: _Head) -> None:
        # A state without resources has no values.
        root = _ABSENT if _null(head.values) else _decode(head.values, _Values).root_module
        pending = [("values.root_module", root)] if not _null(root) else []
        while pending:
            label, raw = pending.pop()
            try:
                module = _decode(raw, _ShownModule)
            except _Unreadable as error:
                self.gap(f"{label} can't be read: {error}")
                continue
            children = list(enumerate(module.child_modules or ()))
            pending += [(f"{label}.child_modules[{index}]", child) for index, child in reversed(children)]
            for index, inner in enumerate(module.resources or ()):
                try:
                    shown = _decode(inner, _Shown)
                except _Unreadable as error:
                    self.gap(f"{label}.resources[{index}] can't be read: {error}")
                    continue
                if shown.mode == "managed":
                    address = _deposed(shown.address, shown.deposed_key)
                    self._claim(address, shown.type, shown.provider_name, shown.values or {})

    def _claim(self, address: str, type_: str, provider: str, attributes: Mapping[str, msgspec.Raw]) -> None:
        self._managed += 1
        if not _carries_tags(type_, attributes):
            return
        tool = "opentofu" if "registry.opentofu.org/" in provider else "terraform"
        manager = Manager(tool=tool, name=address, where=self._where)
        keys = tuple(dict.fromkeys(_keys(type_, attributes)))
        if keys:
            self._claims[Claim(keys, manager, type_)] = None
        else:
            self._unidentified[type_] = self._unidentified.get(type_, 0) + 1
        if type_ == "aws_instance":
            for key in _volumes(attributes):
                self._claims[Claim((key,), manager, "aws_ebs_volume")] = None


def _deposed(address: str, key: str) -> str:
    """As Terraform names an object that waits for its deletion."""
    return f"{address} (deposed object {key})" if key else address


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _index(key: int | str | None) -> str:
    """An instance's key as Terraform prints it (source: toHCLQuotedString in its internal/addrs)."""
    if key is None:
        return ""
    if isinstance(key, int):
        return f"[{key}]"
    out: list[str] = []
    for at, char in enumerate(key):
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char in "$%" and key[at + 1 : at + 2] == "{":
            out.append(char * 2)
        elif char == " " or unicodedata.category(char)[0] not in "CZ":
            out.append(char)
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return f'["{"".join(out)}"]'


# Attributes -> identity

_SHOWS_TAGS = frozenset({"tags", "tags_all", "labels", "effective_labels", "tags.%", "tags_all.%", "labels.%"})


def _carries_tags(type_: str, attributes: Mapping[str, msgspec.Raw]) -> bool:
    """Whether what the state holds can have tags. What can't is never judged, and its ``arn`` is often another's: a
    topic policy's is the topic's, an event target's is what the event goes to."""
    kind = catalog.lookup(type_)
    if kind is not None:
        return kind.own is not None
    return type_.partition("_")[0] in ("aws", "awscc", "google") and not _SHOWS_TAGS.isdisjoint(attributes)


def _keys(type_: str, attributes: Mapping[str, msgspec.Raw]) -> Iterator[str]:
    prefix = type_.partition("_")[0]
    if prefix in ("aws", "awscc"):
        yield from _aws_keys(type_, attributes)
    elif prefix == "google":
        yield from _google_keys(type_, attributes)


_LONGEST = 2048
"""No ARN and no full resource name is longer (the clouds' API references)."""


def _string(raw: msgspec.Raw) -> str:
    """A text or a whole number as text; empty where the attribute is neither, absent, or too long to name anything."""
    if _null(raw) or len(raw) > 6 * _LONGEST:
        return ""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and len(text) <= _LONGEST else ""


# Taggable types whose own ARN isn't called `arn` (the provider's schema, 5.100).
_ARN_ATTRIBUTES: Mapping[str, str] = {
    "aws_bedrock_custom_model": "custom_model_arn",
    "aws_bedrock_guardrail": "guardrail_arn",
    "aws_bedrock_provisioned_model_throughput": "provisioned_model_arn",
    "aws_bedrockagent_agent": "agent_arn",
    "aws_bedrockagent_agent_alias": "agent_alias_arn",
    "aws_chatbot_slack_channel_configuration": "chat_configuration_arn",
    "aws_chatbot_teams_channel_configuration": "chat_configuration_arn",
    "aws_cloudwatch_contributor_insight_rule": "resource_arn",
    "aws_db_cluster_snapshot": "db_cluster_snapshot_arn",
    "aws_db_snapshot": "db_snapshot_arn",
    "aws_db_snapshot_copy": "db_snapshot_arn",
    "aws_detective_graph": "graph_arn",
    "aws_dms_certificate": "certificate_arn",
    "aws_dms_endpoint": "endpoint_arn",
    "aws_dms_replication_instance": "replication_instance_arn",
    "aws_dms_replication_subnet_group": "replication_subnet_group_arn",
    "aws_dms_replication_task": "replication_task_arn",
    "aws_dms_s3_endpoint": "endpoint_arn",
    "aws_eks_access_entry": "access_entry_arn",
    "aws_eks_pod_identity_association": "association_arn",
    "aws_location_geofence_collection": "collection_arn",
    "aws_location_map": "map_arn",
    "aws_location_place_index": "index_arn",
    "aws_location_route_calculator": "calculator_arn",
    "aws_location_tracker": "tracker_arn",
    "aws_macie2_classification_job": "job_arn",
    "aws_osis_pipeline": "pipeline_arn",
    "aws_rds_cluster_snapshot_copy": "db_cluster_snapshot_arn",
    "aws_s3control_access_grant": "access_grant_arn",
    "aws_s3control_access_grants_instance": "access_grants_instance_arn",
    "aws_s3control_access_grants_location": "access_grants_location_arn",
    "aws_shield_protection_group": "protection_group_arn",
    "aws_ssmquicksetup_configuration_manager": "manager_arn",
    "aws_ssoadmin_application": "application_arn",
    "aws_verifiedaccess_group": "verifiedaccess_group_arn",
    "aws_vpc_block_public_access_exclusion": "resource_arn",
    "aws_workspacesweb_browser_settings": "browser_settings_arn",
    "aws_workspacesweb_data_protection_settings": "data_protection_settings_arn",
    "aws_workspacesweb_ip_access_settings": "ip_access_settings_arn",
    "aws_workspacesweb_network_settings": "network_settings_arn",
    "aws_workspacesweb_user_access_logging_settings": "user_access_logging_settings_arn",
    "aws_workspacesweb_user_settings": "user_settings_arn",
}


def _aws_keys(type_: str, attributes: Mapping[str, msgspec.Raw]) -> Iterator[str]:
    id_ = _string(attributes.get("id", _ABSENT))
    if type_ == "aws_key_pair":
        # The provider makes the ARN of a key pair with its name, AWS with this id (seen on 5.100).
        id_ = _string(attributes.get("key_pair_id", _ABSENT))
    else:
        # Of CloudFormation stacks, ECS services and others the ARN is the id.
        for text in (_string(attributes.get(_ARN_ATTRIBUTES.get(type_, "arn"), _ABSENT)), id_):
            if text.startswith("arn:") and text.count(":") >= 5:
                yield from native.keys(text)
                break
    short = native.state_key(type_, id_)
    if short is not None:
        yield short


def _volumes(attributes: Mapping[str, msgspec.Raw]) -> Iterator[str]:
    """Keys of the volumes that an instance's block devices are. They live with it and have their tags from it."""
    for block in ("root_block_device", "ebs_block_device"):
        try:
            devices = [_decode(device, dict[str, msgspec.Raw]) for device in _rows(attributes.get(block, _ABSENT))]
        except _Unreadable:
            continue
        for device in devices:
            key = native.state_key("aws_ebs_volume", _string(device.get("volume_id", _ABSENT)))
            if key is not None:
                yield key


# Services whose names in Cloud Asset Inventory begin otherwise than their asset types (its "Asset names").
_GOOGLE_SERVICES: Mapping[str, str] = {
    "bigtableadmin.googleapis.com": "bigtable.googleapis.com",
    "sqladmin.googleapis.com": "cloudsql.googleapis.com",
}

_IN_ZONE = re.compile(r"/locations/[a-z]+-[a-z]+[0-9]+-[a-z]/")


def _google_keys(type_: str, attributes: Mapping[str, msgspec.Raw]) -> Iterator[str]:
    def text(name: str) -> str:
        return _string(attributes.get(name, _ABSENT))

    id_, project, name = text("id"), text("project"), text("name")
    match type_:
        case "google_storage_bucket":
            if name:
                yield f"//storage.googleapis.com/{name}"
            return
        case "google_project":
            # Asset Inventory writes the number in some of its answers and the id in others.
            for known in (text("number"), text("project_id")):
                if known:
                    yield f"//cloudresourcemanager.googleapis.com/projects/{known}"
            return
        case "google_sql_database_instance":
            if project and name:
                yield f"//cloudsql.googleapis.com/projects/{project}/instances/{name}"
            return
        case "google_spanner_instance":
            if project and name:
                yield f"//spanner.googleapis.com/projects/{project}/instances/{name}"
            return
        case "google_cloud_run_service":
            location = text("location")
            if project and name and location:
                yield f"//run.googleapis.com/projects/{project}/locations/{location}/services/{name}"
            return
        case "google_dns_managed_zone":
            number = text("managed_zone_id")
            if project and number and number != "0":
                yield f"//dns.googleapis.com/projects/{project}/managedZones/{number}"
    services = {each.partition("/")[0] for each in native.native_types(type_)}
    # Some of Asset Inventory's names have the project's number, which a few types show in `name`, and most its id.
    for service in sorted(_GOOGLE_SERVICES.get(each, each) for each in services):
        for path in (id_, name):
            if not _GOOGLE_PATH.fullmatch(path):
                continue
            yield f"//{service}/{path}"
            if type_ == "google_container_cluster" and _IN_ZONE.search(path):
                yield f"//{service}/{path.replace('/locations/', '/zones/', 1)}"


_GOOGLE_PATH = re.compile(r"(?:projects|folders|organizations)/[^/]+(?:/[^/]+)+")
