"""A Google Cloud on loopback: Cloud Asset Inventory and Resource Manager over gRPC, as their documentation has them.

It is asked by Google's own clients. What they ask is kept and held against what is documented (page sizes, the fields
of a read mask, tokens that fit the rest of the request), and what it answers can go wrong on purpose.
"""

import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

with warnings.catch_warnings():
    # As costguard.clouds.google.api does: they warn that they will stop supporting a version of Python.
    warnings.simplefilter("ignore", FutureWarning)
    import google.cloud.asset_v1 as asset
    import google.cloud.resourcemanager_v3 as manager
import grpc  # type: ignore[import-untyped] # It has none.
from google.longrunning import operations_pb2  # type: ignore[import-untyped] # They have none.
from google.protobuf import any_pb2, field_mask_pb2, struct_pb2  # type: ignore[import-untyped] # They have none.
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped] # They have none.
from grpc_status import rpc_status  # type: ignore[import-untyped] # It has none.

Fault = Callable[[int, Any, grpc.ServicerContext], None]
"""What goes wrong with a call: it is told how many came before, the request, and has the context to abort."""

MANAGER = "//cloudresourcemanager.googleapis.com/"
_ASSETS = "/google.cloud.asset.v1.AssetService/"
_RESOURCES = "/google.cloud.resourcemanager.v3."


def refused(code: grpc.StatusCode, message: str = "no", *, times: int | None = None, after: int = 0) -> Fault:
    """A status instead of an answer, from the call number ``after`` on, so often or always."""

    def fault(number: int, _: Any, context: grpc.ServicerContext) -> None:
        if number >= after and (times is None or number < after + times):
            context.abort(code, message)

    return fault


def disabled(service: str, consumer: str, message: str = "API has not been used") -> Fault:
    """The API is not enabled: PERMISSION_DENIED with the reason among its details, as Google sends it."""

    def fault(_number: int, _request: Any, context: grpc.ServicerContext) -> None:
        info = any_pb2.Any()
        info.Pack(
            error_details_pb2.ErrorInfo(
                reason="SERVICE_DISABLED", domain="googleapis.com", metadata={"service": service, "consumer": consumer}
            )
        )
        status = status_pb2.Status(code=code_pb2.PERMISSION_DENIED, message=message, details=[info])
        context.abort_with_status(rpc_status.to_status(status))

    return fault


def slow(seconds: float, *, times: int) -> Fault:
    def fault(number: int, _request: Any, _context: grpc.ServicerContext) -> None:
        if number < times:
            time.sleep(seconds)

    return fault


class FakeGoogle:
    """What there is: ``results`` for the search, ``assets`` for the listing, and a tree of folders and projects with
    the Tags that are bound to its members. ``tag_keys``: the values of each namespaced key; with ``unknown_field`` they
    have a field that the library doesn't know. ``unknown_types`` are asset types that a request must not name.
    ``between`` is called when an update has arrived, before its etag is held against the project's; how often what it
    begins is still running is ``questions``, and ``ends`` a status that it ends with instead of having done anything.
    ``faults`` are by the name of the method (``SearchAllResources``); ``circling``: the second page leads to the second
    page."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.assets: list[Any] = []
        self.read_time = 1_767_225_600
        self.folders: dict[str, Any] = {}
        self.projects: dict[str, Any] = {}
        self.organizations = {"organizations/1"}
        self.bindings: dict[str, dict[str, str]] = {}
        self.tag_keys: dict[str, list[str]] = {}
        self.unknown_field = False
        self.unknown_types: set[str] = set()
        self.faults: dict[str, Fault] = {}
        self.circling = False
        self.requests: list[tuple[str, Any]] = []
        self.hosts: list[str] = []
        self.address = ""
        self.between: Callable[[str], None] | None = None
        self.questions = 0
        self.ends: Any = None
        self._operations: dict[str, int] = {}
        self._changes = 0
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def channel(self, host: str) -> Any:
        """A connection to this server, whichever of Google's it is meant to be."""
        self.hosts.append(host)
        return grpc.insecure_channel(self.address, options=[("grpc.max_receive_message_length", -1)])

    def asked(self, method: str) -> list[Any]:
        """The requests of a method, in their order."""
        return [request for rpc, request in self.requests if rpc.endswith(f"/{method}")]

    # --- what a test puts in

    def folder(self, name: str, parent: str) -> None:
        self.folders[name] = manager.Folder(name=name, parent=parent, display_name=name)

    def project(
        self, number: int, id_: str, parent: str, labels: Mapping[str, str] | None = None, *, leaving: bool = False
    ) -> None:
        states = manager.Project.State
        name = f"projects/{number}"
        self.projects[name] = manager.Project(
            name=name,
            project_id=id_,
            parent=parent,
            labels=dict(labels or {}),
            state=states.DELETE_REQUESTED if leaving else states.ACTIVE,
            etag=self._etag(),
        )

    def label(self, number: int, key: str, value: str) -> None:
        """Somebody else's change of a project."""
        project = self.projects[f"projects/{number}"]
        project.labels[key] = value
        project.etag = self._etag()

    def _etag(self) -> str:
        self._changes += 1
        return f'W/"{self._changes:x}"'

    # --- the methods

    def _search(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._exists(request.scope, context)
        paths = list(request.read_mask.paths)
        known = {field.name for field in asset.ResourceSearchResult.pb().DESCRIPTOR.fields}
        if not paths or not set(paths) <= known:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid field path in {paths}")
        mask = field_mask_pb2.FieldMask(paths=paths)
        self._known(request.asset_types, context)
        found = [one for one in self.results if _of_type(one.asset_type, request.asset_types)]
        page, token = self._page(request, found, 500, context)
        shown = []
        for one in page:
            kept = asset.ResourceSearchResult.pb()()
            mask.MergeMessage(asset.ResourceSearchResult.pb(one), kept)
            shown.append(kept)
        return asset.SearchAllResourcesResponse(results=shown, next_page_token=token)

    def _list(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._exists(request.parent, context)
        self._known(request.asset_types, context)
        found = [one for one in self.assets if _of_type(one.asset_type, request.asset_types)]
        page, token = self._page(request, found, 1000, context)
        if request.content_type != asset.ContentType.RESOURCE:
            page = [asset.Asset(name=one.name, asset_type=one.asset_type) for one in page]
        return asset.ListAssetsResponse(assets=page, next_page_token=token, read_time={"seconds": self.read_time})

    def _get_project(self, request: Any, context: grpc.ServicerContext) -> Any:
        for project in self.projects.values():
            if request.name in (project.name, f"projects/{project.project_id}"):
                return project
        return context.abort(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")

    def _update_project(self, request: Any, context: grpc.ServicerContext) -> Any:
        """An etag that isn't the project's is ABORTED; without one, nobody is asked."""
        project = self.projects.get(request.project.name)
        if project is None:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")
        assert project is not None
        if list(request.update_mask.paths) != ["labels"]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Only labels are updated here")
        if self.between is not None:
            self.between(project.name)
        if request.project.etag and request.project.etag != project.etag:
            context.abort(grpc.StatusCode.ABORTED, "There were concurrent policy changes.")
        if self.ends is None:
            project.labels = dict(request.project.labels)
            project.etag = self._etag()
        name = f"operations/up.{len(self._operations) + 1}"
        self._operations[name] = self.questions
        return self._operation(name)

    def _get_operation(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.name not in self._operations:
            context.abort(grpc.StatusCode.NOT_FOUND, "no operation")
        return self._operation(request.name)

    def _operation(self, name: str) -> Any:
        self._operations[name] -= 1
        if self._operations[name] >= 0:
            return operations_pb2.Operation(name=name)
        return operations_pb2.Operation(name=name, done=True, error=self.ends)

    def _get_folder(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.folders.get(request.name) or context.abort(grpc.StatusCode.PERMISSION_DENIED, "no permission")

    def _list_folders(self, request: Any, context: grpc.ServicerContext) -> Any:
        found = [one for one in self.folders.values() if one.parent == request.parent]
        page, token = self._page(request, found, 300, context)
        return manager.ListFoldersResponse(folders=page, next_page_token=token)

    def _list_projects(self, request: Any, context: grpc.ServicerContext) -> Any:
        gone = manager.Project.State.DELETE_REQUESTED
        found = [
            one
            for one in self.projects.values()
            if one.parent == request.parent and (request.show_deleted or one.state != gone)
        ]
        page, token = self._page(request, found, 300, context)
        return manager.ListProjectsResponse(projects=page, next_page_token=token)

    def _effective_tags(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The nearest binding of a key holds; those from above are inherited."""
        effective: dict[str, Any] = {}
        node = request.parent.removeprefix(MANAGER)
        inherited = False
        while node:
            for key, value in self.bindings.get(node, {}).items():
                effective.setdefault(
                    key,
                    manager.EffectiveTag(
                        tag_key=key_id(key),
                        namespaced_tag_key=key,
                        namespaced_tag_value=f"{key}/{value}",
                        inherited=inherited,
                    ),
                )
            at = self.folders.get(node) or self.projects.get(node)
            node, inherited = at.parent if at is not None else "", True
        page, token = self._page(request, list(effective.values()), 300, context)
        return manager.ListEffectiveTagsResponse(effective_tags=page, next_page_token=token)

    def _tag_key(self, key: str) -> Any:
        """A project's key is named with its id, and found with its number, too."""
        owner, _, name = key.partition("/")
        parent = f"projects/{self._number(owner)}" if self._number(owner) else f"organizations/{owner}"
        found = manager.TagKey(name=key_id(key), parent=parent, short_name=name, namespaced_name=key)
        if self.unknown_field:  # The number of a field that nobody has: a text, "x".
            found = manager.TagKey.deserialize(manager.TagKey.serialize(found) + b"\xc2\x3e\x01x")
        return found

    def _number(self, id_: str) -> str:
        return next(
            (name.removeprefix("projects/") for name, one in self.projects.items() if one.project_id == id_), ""
        )

    def _get_tag_key(self, request: Any, context: grpc.ServicerContext) -> Any:
        owner, _, name = request.name.partition("/")
        at = self.projects.get(f"projects/{owner}")
        key = f"{at.project_id}/{name}" if at is not None else request.name
        if key not in self.tag_keys:  # As documented: the same answer as to one who may not see it.
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")
        return self._tag_key(key)

    def _list_tag_keys(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind, _, owner = request.parent.partition("/")
        if kind not in ("organizations", "projects"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Invalid parent")
        self._exists(request.parent, context)
        number = self._number(owner) or owner
        found = [one for one in map(self._tag_key, self.tag_keys) if one.parent == f"{kind}/{number}"]
        page, token = self._page(request, found, 300, context)
        return manager.ListTagKeysResponse(tag_keys=page, next_page_token=token)

    def _list_tag_values(self, request: Any, context: grpc.ServicerContext) -> Any:
        key = next((key for key in self.tag_keys if key_id(key) == request.parent), "")
        if not key:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission")
        found = [manager.TagValue(parent=request.parent, short_name=value) for value in self.tag_keys[key]]
        page, token = self._page(request, found, 300, context)
        return manager.ListTagValuesResponse(tag_values=page, next_page_token=token)

    def _known(self, asset_types: Sequence[str], context: grpc.ServicerContext) -> None:
        """ "INVALID_ARGUMENT" is documented for a pattern that fits no type."""
        if self.unknown_types & set(asset_types):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Request contains an invalid argument.")

    def _page(
        self, request: Any, found: Sequence[Any], most: int, context: grpc.ServicerContext
    ) -> tuple[list[Any], str]:
        """One page, and the token of the next. A token holds for the request that brought it, and for no other."""
        plain = type(request).to_dict(request)
        plain.pop("page_token")
        mark = f"{hash(str(sorted(plain.items()))) & 0xFFFFFFFF:08x}"
        start = 0
        if request.page_token:
            given, _, at = request.page_token.partition(":")
            if given != mark or not at.isdigit():
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Invalid page token")
            start = int(at)
        size = min(request.page_size or 100, most)
        end = start + size
        token = f"{mark}:{size if self.circling else end}"
        return list(found[start:end]), token if end < len(found) else ""

    def _exists(self, scope: str, context: grpc.ServicerContext) -> None:
        ids = {f"projects/{project.project_id}" for project in self.projects.values()}
        if scope not in self.organizations | self.folders.keys() | self.projects.keys() | ids:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"The caller has no permission on {scope}")

    def _answer(self, rpc: str, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        name = rpc.rpartition("/")[2]

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            with self._lock:
                number = self._counts[name]
                self._counts[name] += 1
                self.requests.append((rpc, request))
            if name in self.faults:
                self.faults[name](number, request, context)
            return method(request, context)

        return answer

    def handlers(self) -> Iterator[Any]:
        methods: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
            f"{_ASSETS}SearchAllResources": (self._search, asset.SearchAllResourcesRequest),
            f"{_ASSETS}ListAssets": (self._list, asset.ListAssetsRequest),
            f"{_RESOURCES}Projects/GetProject": (self._get_project, manager.GetProjectRequest),
            f"{_RESOURCES}Projects/UpdateProject": (self._update_project, manager.UpdateProjectRequest),
            f"{_RESOURCES}Projects/ListProjects": (self._list_projects, manager.ListProjectsRequest),
            f"{_RESOURCES}Folders/GetFolder": (self._get_folder, manager.GetFolderRequest),
            f"{_RESOURCES}Folders/ListFolders": (self._list_folders, manager.ListFoldersRequest),
            f"{_RESOURCES}TagKeys/GetNamespacedTagKey": (self._get_tag_key, manager.GetNamespacedTagKeyRequest),
            f"{_RESOURCES}TagKeys/ListTagKeys": (self._list_tag_keys, manager.ListTagKeysRequest),
            f"{_RESOURCES}TagValues/ListTagValues": (self._list_tag_values, manager.ListTagValuesRequest),
            f"{_RESOURCES}TagBindings/ListEffectiveTags": (self._effective_tags, manager.ListEffectiveTagsRequest),
        }
        for rpc, (method, kind) in methods.items():
            _, service, name = rpc.split("/")
            handler = grpc.unary_unary_rpc_method_handler(
                self._answer(rpc, method), request_deserializer=kind.deserialize, response_serializer=_serialized
            )
            yield grpc.method_handlers_generic_handler(service, {name: handler})
        rpc = "/google.longrunning.Operations/GetOperation"
        handler = grpc.unary_unary_rpc_method_handler(
            self._answer(rpc, self._get_operation),
            request_deserializer=operations_pb2.GetOperationRequest.FromString,
            response_serializer=_serialized,
        )
        yield grpc.method_handlers_generic_handler("google.longrunning.Operations", {"GetOperation": handler})


def _serialized(answer: Any) -> bytes:
    own = isinstance(answer, operations_pb2.Operation)
    found: bytes = answer.SerializeToString() if own else type(answer).serialize(answer)
    return found


@contextmanager
def serving(google: FakeGoogle) -> Iterator[FakeGoogle]:
    """The server on a free port of loopback, for as long as the block lasts."""
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(list(google.handlers()))
    google.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield google
    finally:
        server.stop(0).wait()


def _of_type(asset_type: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(re.fullmatch(one, asset_type) for one in wanted)


# --- what a test puts in, in a few words


def key_id(key: str) -> str:
    """Google's own name of a Tag's key: ``tagKeys/281…``."""
    return f"tagKeys/{int.from_bytes(sha256(key.encode()).digest()[:6], 'big')}"


def _tag(key: str, value: str) -> Any:
    return asset.Tag(tag_key=key, tag_key_id=key_id(key), tag_value=f"{key}/{value}")


def result(
    name: str,
    asset_type: str,
    project: int | None = None,
    labels: Mapping[str, str] | None = None,
    location: str = "",
    *,
    folders: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    inherited: Mapping[str, Mapping[str, str]] | None = None,
    state: str = "",
) -> Any:
    """One result of the search. ``tags`` are bound to it by their namespaced keys, ``inherited`` by what has them; as
    documented, the effective ones are both."""
    own = [_tag(key, value) for key, value in (tags or {}).items()]
    details = [
        asset.EffectiveTagDetails(
            attached_resource=f"{MANAGER}{above}",
            effective_tags=[_tag(key, value) for key, value in bound.items()],
        )
        for above, bound in (inherited or {}).items()
    ]
    if own:
        details.insert(0, asset.EffectiveTagDetails(attached_resource=name, effective_tags=own))
    return asset.ResourceSearchResult(
        name=name,
        asset_type=asset_type,
        project="" if project is None else f"projects/{project}",
        folders=list(folders),
        organization="organizations/1",
        location=location,
        labels=dict(labels or {}),
        tags=own,
        effective_tags=details,
        state=state,
        display_name="not asked for",
    )


def listed(
    name: str, asset_type: str, project: int, data: Mapping[str, Any] | None, location: str = "europe-west1"
) -> Any:
    """One asset of the listing with the content ``data``; None is none."""
    resource: dict[str, Any] = {"location": location, "version": "v1"}
    if data is not None:
        content = struct_pb2.Struct()
        content.update(dict(data))
        resource["data"] = content
    return asset.Asset(
        name=name,
        asset_type=asset_type,
        resource=asset.Resource(**resource),
        ancestors=[f"projects/{project}", "folders/10", "organizations/1"],
    )
