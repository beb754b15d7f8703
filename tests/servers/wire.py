"""AWS's protocols as botocore's own models describe them: which call a request is, and what an answer looks like.

One endpoint serves every service, so a request must tell by itself what it is: the scope of its signature names the
service and the region, ``X-Amz-Target``, ``Action`` or the path the operation. Hides the six wire formats (query, ec2,
json, rest-json, rest-xml, rpc-v2-cbor) behind plain dictionaries in boto3's words. Knows nothing of what any service
does.
"""

import functools
import gzip
import itertools
import json
import re
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

import botocore
import msgspec
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from tests.servers.http1 import Request, Response

Json = dict[str, Any]

_DATA: Final = Path(botocore.__file__).parent / "data"
_loader = Loader(extra_search_paths=[str(_DATA)])
_numbers = itertools.count(1)
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[0-9]*/([^/]*)/([^/]*)/aws4_request")

# Of several services that sign alike and speak alike (RDS, Neptune, DocumentDB) the request can't tell which it is.
_PREFERRED: Final = ("rds", "s3")
_SHADOWED: Final = {("s3", "ListDirectoryBuckets")}


class Service(msgspec.Struct, frozen=True):
    """What the head of a service's model says of it; ``name`` is boto3's."""

    name: str
    signing: str
    version: str
    target: str
    protocol: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One API call, in boto3's words. ``service`` and ``operation`` are empty where the request doesn't tell them;
    ``key`` is the access key that signed it. ``protocol`` is that of the request, which is that of the answer."""

    service: str
    operation: str
    region: str = ""
    key: str = ""
    protocol: str = ""
    parameters: Mapping[str, Any] = {}


# ------------------------------------------------------------------ which call a request is


@functools.cache
def services() -> Mapping[str, tuple[Service, ...]]:
    """Every service that botocore knows, by the name that it signs with."""
    found: dict[str, list[Service]] = {}
    for folder in sorted(_DATA.iterdir()):
        versions = sorted(folder.glob("*/service-2.json*")) if folder.is_dir() else []
        if not versions:
            continue
        path = versions[-1]
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(8192).decode("utf-8", "ignore")
        start = head.index("{", head.index('"metadata"'))
        meta, _ = json.JSONDecoder().raw_decode(head, start)
        signing = meta.get("signingName", meta["endpointPrefix"])
        service = Service(folder.name, signing, meta["apiVersion"], meta.get("targetPrefix", ""), meta["protocol"])
        found.setdefault(signing, []).append(service)
    return {name: tuple(sorted(some, key=lambda s: s.name not in _PREFERRED)) for name, some in found.items()}


@functools.cache
def model(service: str) -> ServiceModel:
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


@functools.cache
def operation_model(service: str, operation: str) -> OperationModel:
    return model(service).operation_model(operation)


def recognise(request: Request) -> Call:
    """The call that the request is; parameters as boto3 was given them (of XML bodies only what path and query say)."""
    path, _, raw_query = request.target.partition("?")
    scope = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if scope is None and "X-Amz-Credential" in raw_query:
        scope = _CREDENTIAL.search("Credential=" + unquote(raw_query.split("X-Amz-Credential=")[1].split("&")[0]))
    key, region, signing = scope.groups() if scope else ("", "", "")
    candidates = services().get(signing, ())
    call = (
        _by_target(request, candidates)
        or _by_cbor_path(request, path, candidates)
        or _by_action(request, raw_query, candidates)
        or _by_path(request, path, raw_query, candidates)
        or Call(service=candidates[0].name if candidates else signing, operation="")
    )
    return msgspec.structs.replace(call, region=region, key=key)


def _by_target(request: Request, candidates: tuple[Service, ...]) -> Call | None:
    prefix, _, operation = request.headers.get("x-amz-target", "").rpartition(".")
    for service in candidates:
        if prefix and service.target == prefix and operation in model(service.name).operation_names:
            parameters = _decoded(request.body)
            return Call(service=service.name, operation=operation, protocol="json", parameters=parameters)
    return None


def _by_cbor_path(request: Request, path: str, candidates: tuple[Service, ...]) -> Call | None:
    if request.headers.get("smithy-protocol") != "rpc-v2-cbor":
        return None
    *_, target, _, operation = path.split("/")
    for service in candidates:
        if service.target in ("", target) and operation in model(service.name).operation_names:
            parameters = from_cbor(request.body) if request.body else {}
            return Call(service=service.name, operation=operation, protocol="cbor", parameters=parameters)
    return None


def _by_action(request: Request, query: str, candidates: tuple[Service, ...]) -> Call | None:
    if "application/x-www-form-urlencoded" not in request.headers.get("content-type", "") and "Action=" not in query:
        return None
    fields = dict(parse_qsl((request.body.decode("utf-8", "replace") + "&" + query).strip("&"), keep_blank_values=True))
    operation, version = fields.pop("Action", ""), fields.pop("Version", "")
    for service in candidates:
        if service.version == version and operation in (known := model(service.name)).operation_names:
            shape = operation_model(service.name, operation).input_shape
            ec2 = known.protocol == "ec2"
            return Call(
                service=service.name,
                operation=operation,
                protocol="ec2" if ec2 else "query",
                parameters=_unflattened(shape, fields, "", ec2) if shape else {},
            )
    return None


def _by_path(request: Request, path: str, query: str, candidates: tuple[Service, ...]) -> Call | None:
    given = dict(parse_qsl(query, keep_blank_values=True))
    for service in candidates:
        if not service.protocol.startswith("rest") or (service.name == "s3" and path.startswith("/v20180820/")):
            continue
        for route in _routes(service.name):
            if route.method != request.method or not (match := route.pattern.fullmatch(path)):
                continue
            if any(given.get(name) is None or (value and given[name] != value) for name, value in route.query):
                continue
            shape = operation_model(service.name, route.operation).input_shape
            labels = {name: unquote(value) for name, value in match.groupdict().items()}
            return Call(
                service=service.name,
                operation=route.operation,
                protocol=service.protocol,
                parameters=_rest(shape, labels, given, request) if shape else {},
            )
    return None


class _Route(msgspec.Struct, frozen=True):
    method: str
    pattern: re.Pattern[str]
    query: tuple[tuple[str, str], ...]
    operation: str
    rank: tuple[int, ...]


@functools.cache
def _routes(service: str) -> tuple[_Route, ...]:
    """The paths of a service's operations, the one that says most first."""
    routes = []
    for name in model(service).operation_names:
        if (service, name) in _SHADOWED:
            continue
        operation = operation_model(service, name)
        path, _, query = operation.http["requestUri"].partition("?")
        asked = [*parse_qsl(query, keep_blank_values=True)]
        shape = operation.input_shape
        if shape is not None:
            asked += [
                (member.serialization["name"], "")
                for key, member in shape.members.items()
                if key in shape.required_members and member.serialization.get("location") == "querystring"
            ]
        parts = re.split(r"(\{[^}]+\})", path.rstrip("/"))
        pattern = "".join(_label(part) if part.startswith("{") else re.escape(part) for part in parts)
        literal = sum(len(part) for part in parts if not part.startswith("{"))
        rank = (-len(asked), -literal, "+}" in path)
        routes.append(_Route(operation.http["method"], re.compile(pattern + "/?"), tuple(asked), name, rank))
    return tuple(sorted(routes, key=lambda route: route.rank))


def _label(part: str) -> str:
    name = part.strip("{}").rstrip("+")
    # Python's group names are narrower than AWS's labels; the few others go unnamed.
    inner = ".+" if part.endswith("+}") else "[^/]+"
    return f"(?P<{name}>{inner})" if name.isidentifier() else f"(?:{inner})"


def _decoded(body: bytes) -> Json:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _rest(shape: StructureShape, labels: Mapping[str, str], query: Mapping[str, str], request: Request) -> Json:
    body = _decoded(request.body) if request.body[:1] == b"{" else {}
    found: Json = {}
    for name, member in shape.members.items():
        where, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "uri" and wire in labels:
            found[name] = labels[wire]
        elif where == "querystring" and wire in query:
            found[name] = _scalar(member, query[wire])
        elif where == "header" and wire.lower() in request.headers:
            found[name] = request.headers[wire.lower()]
        elif where is None and wire in body:
            found[name] = _in_words(member, body[wire])
    return found


def _in_words(shape: Shape, value: Any) -> Any:
    """A JSON value with the names of the wire replaced by boto3's."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        wire = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        return {wire[key][0]: _in_words(wire[key][1], inner) for key, inner in value.items() if key in wire}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_in_words(shape.member, inner) for inner in value]
    return value


def _unflattened(shape: StructureShape, fields: Mapping[str, str], prefix: str, ec2: bool) -> Json:
    """The structure that the fields ``prefix…`` of a form spell."""
    found: Json = {}
    for name, member in shape.members.items():
        value = _field(member, fields, prefix + _form_name(name, member, ec2), ec2)
        if value is not None:
            found[name] = value
    return found


def _form_name(name: str, shape: Shape, ec2: bool) -> str:
    if ec2:
        wire = shape.serialization.get("name")
        return str(shape.serialization.get("queryName") or (wire[0].upper() + wire[1:] if wire else name))
    return str(shape.serialization.get("name", name))


def _field(shape: Shape, fields: Mapping[str, str], at: str, ec2: bool) -> Any:
    if isinstance(shape, StructureShape):
        inner = _unflattened(shape, fields, at + ".", ec2) if _begins(fields, at + ".") else None
        return inner or None
    if isinstance(shape, MapShape):
        pairs = (f"{at}.entry.{number}" for number in itertools.count(1))
        taken = itertools.takewhile(lambda pair: pair + ".key" in fields, pairs)
        return {fields[pair + ".key"]: fields.get(pair + ".value", "") for pair in taken} or None
    if isinstance(shape, ListShape):
        if not _begins(fields, at + "."):
            return None
        flat = ec2 or shape.serialization.get("flattened")
        stem = at if flat else f"{at}.{shape.member.serialization.get('name', 'member')}"
        items = (_field(shape.member, fields, f"{stem}.{number}", ec2) for number in itertools.count(1))
        return list(itertools.takewhile(lambda item: item is not None, items))
    return _scalar(shape, fields[at]) if at in fields else None


def _begins(fields: Mapping[str, str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in fields)


def _scalar(shape: Shape, text: str) -> Any:
    if shape.type_name in ("integer", "long"):
        return int(text) if text.lstrip("-").isdigit() else text
    return text == "true" if shape.type_name == "boolean" else text


# ------------------------------------------------------------------ answers


def render(call: Call, output: Mapping[str, Any]) -> Response:
    """The answer that boto3 reads as ``output``."""
    operation = operation_model(call.service, call.operation)
    shape = operation.output_shape
    headers: tuple[tuple[str, str], ...] = _identified(call)
    if call.protocol == "cbor":
        return Response(body=to_cbor(output), headers=(*headers, ("Smithy-Protocol", "rpc-v2-cbor")))
    if call.protocol in ("json", "rest-json"):
        body = json.dumps(_on_wire(shape, output, call.protocol) if shape else {}).encode()
        return Response(body=body, headers=headers)
    return Response(body=_xml_document(call, shape, output).encode(), headers=headers)


def error(call: Call, code: str, message: str, status: int = 400) -> Response:
    """The answer of which botocore makes a ClientError with this code and message."""
    headers = _identified(call)
    request_id = headers[1][1]
    if call.protocol == "cbor":
        body = to_cbor({"__type": f"com.amazonaws#{code}", "message": message})
        return Response(status=status, body=body, headers=(*headers, ("Smithy-Protocol", "rpc-v2-cbor")))
    if call.protocol in ("json", "rest-json", ""):
        told = {"message": message} if call.protocol == "rest-json" else {"__type": code, "message": message}
        headers += (("x-amzn-ErrorType", f"{code}:http://internal.amazon.com/coral/"),)
        if call.service and model(call.service).metadata.get("awsQueryCompatible") is not None:
            headers += (("x-amzn-query-error", f"{code};{'Sender' if status < 500 else 'Receiver'}"),)
        return Response(status=status, body=json.dumps(told).encode(), headers=headers)
    told_xml = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.protocol == "ec2":
        inner = f"<Response><Errors><Error>{told_xml}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif call.service == "s3":
        inner = f"<Error>{told_xml}<RequestId>{request_id}</RequestId><HostId>host</HostId></Error>"
    else:
        party = "Sender" if status < 500 else "Receiver"
        inner = (
            f"<ErrorResponse><Error><Type>{party}</Type>{told_xml}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Response(status=status, body=f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'.encode(), headers=headers)


def empty(call: Call) -> Response:
    """The smallest answer that is valid: of a list operation, that there is nothing."""
    shape = operation_model(call.service, call.operation).output_shape
    return render(call, smallest(shape, 3) if shape else {})


def smallest(shape: StructureShape, depth: int) -> Json:
    """The least that the shape allows: empty lists and maps, and what it requires."""
    found: Json = {}
    for name, member in shape.members.items():
        required = name in shape.required_members
        match member:
            case ListShape():
                found[name] = []
                continue
            case MapShape():
                found[name] = {}
                continue
            case StructureShape():
                if depth and (inner := smallest(member, depth - 1)):
                    found[name] = inner
                continue
        match member.type_name:
            case "boolean":
                if required or name.startswith(("IsTruncated", "HasMore")):
                    found[name] = False
            case "integer" | "long" | "float" | "double":
                if required:
                    found[name] = 0
            case "timestamp":
                if required:
                    found[name] = datetime.fromtimestamp(0, UTC)
            case _:
                if required:
                    found[name] = ""
    return found


_CONTENT: Final = {
    "json": "application/x-amz-json-1.1",
    "rest-json": "application/json",
    "cbor": "application/cbor",
    "": "application/json",
}


def _identified(call: Call) -> tuple[tuple[str, str], ...]:
    request_id = f"00000000-0000-4000-8000-{next(_numbers):012x}"
    return ("Content-Type", _CONTENT.get(call.protocol, "text/xml")), ("x-amzn-RequestId", request_id)


def _on_wire(shape: Shape, value: Any, protocol: str) -> Any:
    if isinstance(value, datetime):
        # JSON 1.x sends seconds; REST-JSON as the shape says, by default seconds too.
        iso = shape.serialization.get("timestampFormat") == "iso8601"
        return value.isoformat().replace("+00:00", "Z") if iso else value.timestamp()
    if isinstance(shape, StructureShape) and not shape.is_document_type:
        return {
            shape.members[name].serialization.get("name", name): _on_wire(shape.members[name], inner, protocol)
            for name, inner in value.items()
        }
    if isinstance(shape, ListShape):
        return [_on_wire(shape.member, inner, protocol) for inner in value]
    return value


def _xml_document(call: Call, shape: StructureShape | None, output: Mapping[str, Any]) -> str:
    metadata = model(call.service).metadata
    namespace = metadata.get("xmlNamespace", f"http://{call.service}.amazonaws.com/doc/{metadata['apiVersion']}/")
    if isinstance(namespace, dict):
        namespace = namespace["uri"]
    content = "".join(_xml_members(shape, output)) if shape else ""
    if call.protocol == "rest-xml":
        # A payload is the root itself; else the root's name isn't looked at.
        if shape is not None and "payload" in shape.serialization:
            return content or "<empty/>"
        return f'<{call.operation}Result xmlns="{namespace}">{content}</{call.operation}Result>'
    if call.protocol == "ec2":
        content = f"<requestId>{next(_numbers)}</requestId>{content}"
    else:
        wrapper = shape.serialization.get("resultWrapper") if shape else None
        content = f"<{wrapper}>{content}</{wrapper}>" if wrapper else content
        content += f"<ResponseMetadata><RequestId>{next(_numbers)}</RequestId></ResponseMetadata>"
    return f'<{call.operation}Response xmlns="{namespace}">{content}</{call.operation}Response>'


def _xml_members(shape: StructureShape, value: Mapping[str, Any]) -> Iterator[str]:
    for name, inner in value.items():
        member = shape.members[name]
        yield from _xml(member, member.serialization.get("name", name), inner)


def _xml(shape: Shape, tag: str, value: Any) -> Iterator[str]:
    match shape:
        case StructureShape():
            yield f"<{tag}>{''.join(_xml_members(shape, value))}</{tag}>"
            return
        case ListShape():
            inner = shape.member
            flat = shape.serialization.get("flattened")
            item = inner.serialization.get("name", tag if flat else "member")
            items = "".join(itertools.chain.from_iterable(_xml(inner, item, each) for each in value))
            yield items if flat else f"<{tag}>{items}</{tag}>"
            return
        case MapShape():
            pairs = "".join(
                f"<entry><key>{escape(str(key))}</key>{''.join(_xml(shape.value, 'value', each))}</entry>"
                for key, each in value.items()
            )
            yield f"<{tag}>{pairs}</{tag}>"
            return
    match shape.type_name:
        case "boolean":
            yield f"<{tag}>{'true' if value else 'false'}</{tag}>"
        case "timestamp":
            yield f"<{tag}>{value.isoformat().replace('+00:00', 'Z')}</{tag}>"
        case _:
            yield f"<{tag}>{escape(str(value))}</{tag}>"


# ------------------------------------------------------------------ CBOR (RFC 8949), as much as RPC v2 needs


def to_cbor(value: Any) -> bytes:
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case None:
            return b"\xf6"
        case datetime():
            return b"\xc1\xfb" + _double(value.timestamp())
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case float():
            return b"\xfb" + _double(value)
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case bytes():
            return _head(2, len(value)) + value
        case Mapping():
            pairs = (to_cbor(key) + to_cbor(inner) for key, inner in value.items())
            return _head(5, len(value)) + b"".join(pairs)
        case _:
            return _head(4, len(value)) + b"".join(to_cbor(inner) for inner in value)


def _double(value: float) -> bytes:
    return struct.pack(">d", value)


def _head(major: int, length: int) -> bytes:
    if length < 24:
        return bytes([major << 5 | length])
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if length < 1 << 8 * size:
            return bytes([major << 5 | extra]) + length.to_bytes(size, "big")
    raise OverflowError(length)


def from_cbor(raw: bytes) -> Any:
    """The value that botocore encoded: definite lengths, and no floats but doubles."""
    return _cbor_item(raw, 0)[0]


def _cbor_item(raw: bytes, at: int) -> tuple[Any, int]:
    major, extra = raw[at] >> 5, raw[at] & 31
    at += 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(extra, 0)
    length = int.from_bytes(raw[at : at + size], "big") if size else extra
    if major == 7:
        if extra == 27:
            return struct.unpack(">d", raw[at : at + 8])[0], at + 8
        return {20: False, 21: True}.get(extra), at
    at += size
    if major == 0:
        return length, at
    if major == 1:
        return -1 - length, at
    if major in (2, 3):
        text = raw[at : at + length]
        return (text if major == 2 else text.decode()), at + length
    if major == 6:
        return _cbor_item(raw, at)
    items = []
    for _ in range(length * (2 if major == 5 else 1)):
        item, at = _cbor_item(raw, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2], strict=True)) if major == 5 else items), at


def quoted(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")
