"""How a service is listed: rows of data for the regular ones, and what the irregular ones are written with.

It hides how pages follow one another, how tags are spelt in a service's answer, and what becomes of the tags of a
resource that has to be asked for them by itself: read, refused (then it is unread, never untagged), or gone meanwhile.
Every text of an answer is somebody else's and may be anything.
"""

import re
import string
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import jmespath
import msgspec
from jmespath.parser import ParsedResult

from costguard.catalog.native import canonical, ec2_resource
from costguard.clouds.aws import api
from costguard.clouds.aws.calls import Call
from costguard.clouds.aws.native import Scope
from costguard.clouds.sighting import GLOBAL, Sighting, SourceAbsent, SourceError
from costguard.model.resource import Manager, Relation

Item = Mapping[str, Any]
"""A resource, or a page, as botocore gives it."""

# What IAM asks for where that isn't the operation's own name (Service Authorization Reference).
_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {
        ("s3", "ListBuckets"): ("s3:ListAllMyBuckets",),
        # botocore itself sends it where S3 redirects without a word where to. Its answer names the region also where it
        # is refused, so it needs no permission beside that of the call which was redirected.
        ("s3", "HeadBucket"): ("s3:GetBucketTagging",),
    }
)
# Its actions are the verbs of HTTP, and its resources paths: on all of them GET would show API keys, too.
_API_GATEWAY = ("apigateway:GET",)
_PATHS = tuple(f"arn:*:apigateway:*::{path}" for path in ("/restapis*", "/apis*", "/usageplans*", "/vpclinks*"))


def call(service: str, operation: str) -> Call:
    """The entry of the table of calls."""
    if service in ("apigateway", "apigatewayv2"):
        return Call(service, operation, _API_GATEWAY, _PATHS)
    return Call(service, operation, _ACTIONS.get((service, operation), ()))


class Kind(msgspec.Struct, frozen=True):
    """What a resource is beside its name: its Terraform type, why nobody can tag it, that AWS made it unasked, and what
    else made it."""

    type: str
    untaggable: str = ""
    default: str = ""
    managers: tuple[Manager, ...] = ()


class To(msgspec.Struct, frozen=True):
    """Other resources that one stands in a relation to, as its listing shows them.

    ``path`` is a JMESPath into the resource: to a text, or to a list of them. A text is an ARN, or an id that EC2 gave
    out (also several with commas between); anything else is the ``{value}`` of the template ``arn``, and without one
    no relation. Where there is a ``pattern``, a text counts that it matches as a whole, and its first group is the
    value.
    """

    kind: Literal["parent", "network", "cluster"]
    path: str
    arn: str = ""
    pattern: str = ""


class Each(msgspec.Struct, frozen=True, kw_only=True):
    """Tags that are asked for resource by resource. ``asks`` are the parameters, as templates; ``tags`` is a JMESPath
    into the answer; ``none`` is what AWS calls it where there aren't any."""

    operation: str
    asks: Mapping[str, Any]
    tags: str = "Tags"
    none: frozenset[str] = frozenset()


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Tags that are asked for ``size`` resources at once.

    ``name`` is a template of what a resource is called in the list ``parameter`` and, as ``key``, in each of the
    ``answers``. Text among ``asks`` is a template of what they have in common.
    """

    operation: str
    parameter: str
    name: str
    size: int
    answers: str
    key: str
    asks: Mapping[str, Any] = MappingProxyType({})
    tags: str = "Tags"


_PATIENCE = 3
"""After so many resources in a row about whose tags nothing whole is said, boto3's repetitions and all, the others of a
listing aren't asked for theirs: nobody is there, and each would take minutes."""


class Reading:
    """One service being read in one place: the account's way in, the region, and whose tags are known already."""

    def __init__(self, access: api.Access, service: str, region: str, tagged: Collection[str]) -> None:
        self.access = access
        self.account = access.account
        self.region = region
        self.remembered: dict[str, frozenset[str]] = {}
        """What a row looked up once, for all of its resources."""
        self._silent = 0
        self._service = service
        self._tagged = tagged
        self._clients: dict[str, Any] = {}
        self._place = {"partition": access.partition, "account": access.account, "region": region}
        self._where = GLOBAL if region == GLOBAL else region

    def client(self, region: str = "") -> Any:
        """The service's client; of another region where one is named."""
        region = region or (self.access.home if self.region == GLOBAL else self.region)
        if region not in self._clients:
            self._clients[region] = self.access.client(self._service, region)
        return self._clients[region]

    def pages(
        self, operation: str, asks: Mapping[str, Any] = MappingProxyType({}), *, region: str = "", page: int = 0
    ) -> Iterator[Item]:
        """The answers to an operation, all of its pages; boto3's errors escape. ``page`` is how much one may hold."""
        client = self.client(region)
        method = _method(operation)
        if client.can_paginate(method):
            sizes = {"PageSize": page} if page else {}
            yield from client.get_paginator(method).paginate(PaginationConfig=sizes, **asks)
            return
        # boto3 doesn't know of all operations that they have pages, and older ones know of fewer.
        takes = client.meta.service_model.operation_model(operation).input_shape
        asked, seen = dict(asks), set[str]()
        while True:
            answer = getattr(client, method)(**asked)
            yield answer
            more = _more(answer, takes.members if takes is not None else ())
            if not more:
                return
            if str(more) in seen:
                raise SourceError(f"no whole answer: {operation} gave the same page twice")
            seen.add(str(more))
            asked.update(more)

    def fill(self, template: str, item: Item) -> str:
        """The template with the place and the item's fields in it; ``{Id:/}`` is what follows the last ``/`` of ``Id``,
        ``{Id:^/}`` all of it but a ``/`` that it begins with.

        Raises :class:`SourceError` where one is missing.
        """
        done = []
        for literal, field, separator in _parts(template):
            done.append(literal)
            if field:
                value = self._place.get(field) or item.get(field)
                if not isinstance(value, str) or not value:
                    raise SourceError(f"no whole answer: {self._service} shows a resource without its {field}")
                if separator.startswith("^"):
                    value = value.removeprefix(separator[1:])
                elif separator:
                    value = value.rsplit(separator, 1)[-1]
                done.append(value)
        return legible("".join(done))

    def fill_in(self, asks: Mapping[str, Any], item: Item) -> dict[str, Any]:
        """Parameters of which those that are text are templates."""
        return {name: self.fill(value, item) if isinstance(value, str) else value for name, value in asks.items()}

    def sighting(
        self,
        id_: str,
        kind: Kind,
        tags: Mapping[str, str] | str | None,
        *,
        region: str = "",
        related: tuple[Relation, ...] = (),
    ) -> Sighting:
        """``tags`` as they are; as text, why they could not be read; None where they were not asked for."""
        return Sighting(
            id=id_,
            type=kind.type,
            account=self.account,
            region=region or self._where,
            tags=None if isinstance(tags, str) else tags,
            unread=tags if isinstance(tags, str) else "",
            untaggable=kind.untaggable,
            default=kind.default,
            managers=kind.managers,
            related=related,
        )

    def related(self, id_: str, to: Iterable[To], item: Item) -> tuple[Relation, ...]:
        """What the resource stands in a relation to: each once, and never itself."""
        found = set()
        for one in to:
            for text in texts_at(one.path, item):
                if one.pattern:
                    said = re.fullmatch(one.pattern, text)
                    text = said[1] if said is not None else ""
                other = self.named(text, one.arn)
                if other and other != id_:
                    found.add(Relation(one.kind, other))
        return tuple(sorted(found)) if found else ()

    def named(self, text: str, arn: str = "") -> str:
        """The id of the resource that a text names, as the inventory spells it; empty where it names none. The text is
        an ARN, the ``{value}`` of the template ``arn``, or without one an id that EC2 gave out."""
        if not text or text in _NOBODYS:
            return ""
        if text.startswith("arn:"):
            return canonical(legible(text))
        if arn:
            return canonical(self.fill(arn, {"value": text}))
        resource = ec2_resource(text)
        return canonical(self.fill(_EC2, {"value": resource})) if resource is not None else ""

    def asked(self, id_: str, kind: Kind) -> bool:
        """Whether the resource has to be asked for its tags."""
        return not kind.untaggable and id_ not in self._tagged

    def tags(self, each: Each, item: Item, *, region: str = "") -> Mapping[str, str] | str | None:
        """A resource's tags, or why they could not be read; None for a resource that is gone."""
        from botocore.exceptions import BotoCoreError, ClientError

        found: dict[str, str] = {}
        if self._silent >= _PATIENCE:
            return f"not asked any more: {_PATIENCE} times in a row {each.operation} gave no whole answer"
        try:
            for answer in self.pages(each.operation, self.fill_in(each.asks, item), region=region):
                tags = tags_of(_path(each.tags).search(answer))
                if tags is None:
                    return f"{each.operation} answered with something that isn't tags"
                found.update(tags)
        except ClientError as error:
            if api.code(error) in each.none:
                return {}
            return None if gone(error) else api.explain(error)
        except BotoCoreError as error:
            self._silent += 1
            return api.explain(error)
        except SourceError as error:
            self._silent += 1
            return str(error)
        self._silent = 0
        return found

    def tags_together(self, batch: Batch, items: Sequence[Item]) -> Iterator[Mapping[str, str] | str | None]:
        """The same for many, in their order; a batch that isn't answered leaves all of it unread."""
        for start in range(0, len(items), batch.size):
            names = [self.fill(batch.name, item) for item in items[start : start + batch.size]]
            found = self._batch(batch, self.fill_in(batch.asks, items[start]), names)
            for name in names:
                yield found.get(name, f"{batch.operation} left it out of its answer")

    def _batch(
        self, batch: Batch, asks: Mapping[str, Any], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str] | str | None]:
        from botocore.exceptions import BotoCoreError, ClientError

        found: dict[str, Mapping[str, str] | str | None] = {}
        try:
            for answer in self.pages(batch.operation, {**asks, batch.parameter: list(names)}):
                for part in _path(batch.answers).search(answer) or ():
                    tags = tags_of(part.get(batch.tags))
                    found[legible(str(part.get(batch.key)))] = (
                        f"{batch.operation} answered with something that isn't tags" if tags is None else tags
                    )
        except ClientError as error:
            if len(names) > 1 and (gone(error) or _forbidden(error)):
                # One of them spoils it for the others.
                half = len(names) // 2
                return {**self._batch(batch, asks, names[:half]), **self._batch(batch, asks, names[half:])}
            return dict.fromkeys(names, None if gone(error) else api.explain(error))
        except BotoCoreError as error:
            return dict.fromkeys(names, api.explain(error))
        except SourceError as error:
            return dict.fromkeys(names, str(error))
        return found


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that has to be asked first: its ``items`` are what the next one is asked of, one by one."""

    operation: str
    items: str
    asks: Mapping[str, Any] = MappingProxyType({})
    page: int = 0


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A regular listing: one operation shows all resources, one field of each its tags.

    ``operation`` is asked with ``asks``, in pages of ``page``; ``items`` is a JMESPath to the resources in a page.
    ``id`` is a template of the ARN: ``{partition}``, ``{account}`` and ``{region}`` are the place's, any other name is
    a field of the resource. ``tags`` names the field with the tags, or says how they are asked for. Where ``type`` is
    not all that there is to say, ``kind`` says what a resource is, or None for one that doesn't count (it is deleted,
    or somebody else's), ``among`` all types that it may say, and ``besides`` the operations that it asks itself.

    ``related`` are the resources that it stands in a relation to, where the listing shows that by the way.

    ``within`` are the steps down to it (a cluster's services: the clusters). Text among ``asks`` is a template of what
    the steps have shown, and so is ``id``: a resource has their fields too.
    """

    service: str
    operation: str
    items: str
    id: str
    type: str = ""
    tags: str | Each | Batch = "Tags"
    asks: Mapping[str, Any] = MappingProxyType({})
    page: int = 0
    within: tuple[Step, ...] = ()
    kind: Callable[[Reading, Item], Kind | None] | None = None
    among: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    related: tuple[To, ...] = ()
    scope: Scope = "region"

    @property
    def types(self) -> tuple[str, ...]:
        return self.among or (self.type,)

    @property
    def calls(self) -> tuple[Call, ...]:
        operations = [*(step.operation for step in self.within), self.operation, *self.besides]
        if not isinstance(self.tags, str):
            operations.append(self.tags.operation)
        return tuple(call(self.service, operation) for operation in operations)

    def read(self, access: api.Access, region: str, tagged: Collection[str]) -> Iterator[Sequence[Sighting]]:
        yield from _there(self.service, self._read(access, region, tagged))

    def _read(self, access: api.Access, region: str, tagged: Collection[str]) -> Iterator[Sequence[Sighting]]:
        reading = Reading(access, self.service, GLOBAL if self.scope == "global" else region, tagged)
        plain = Kind(self.type)
        last = Step(operation=self.operation, items=self.items, asks=self.asks, page=self.page)
        for resources in _descend(reading, (*self.within, last), {}):
            found = []
            for item in resources:
                kind = self.kind(reading, item) if self.kind else plain
                if kind is not None:
                    found.append((reading.fill(self.id, item), kind, item))
            yield list(self._sightings(reading, found))

    def _sightings(self, reading: Reading, found: Sequence[tuple[str, Kind, Item]]) -> Iterator[Sighting]:
        if isinstance(self.tags, str):
            for id_, kind, item in found:
                tags = tags_of(item.get(self.tags))
                yield reading.sighting(
                    id_,
                    kind,
                    f"{self.operation} answered with something that isn't tags" if tags is None else tags,
                    related=reading.related(id_, self.related, item),
                )
            return
        known: dict[str, Mapping[str, str] | str | None] = {}
        asked = [(id_, item) for id_, kind, item in found if reading.asked(id_, kind)]
        if isinstance(self.tags, Batch):
            answers = reading.tags_together(self.tags, [item for _, item in asked])
            known.update(zip((id_ for id_, _ in asked), answers, strict=True))
        else:
            known.update((id_, reading.tags(self.tags, item)) for id_, item in asked)
        for id_, kind, item in found:
            if id_ in known and known[id_] is None:
                continue
            yield reading.sighting(id_, kind, known.get(id_), related=reading.related(id_, self.related, item))


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """An irregular listing: ``walk`` does it, with the ``operations`` that are named."""

    service: str
    types: tuple[str, ...]
    operations: tuple[str, ...]
    walk: Callable[[Reading], Iterator[Sequence[Sighting]]]
    scope: Scope = "region"

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call(self.service, operation) for operation in self.operations)

    def read(self, access: api.Access, region: str, tagged: Collection[str]) -> Iterator[Sequence[Sighting]]:
        reading = Reading(access, self.service, GLOBAL if self.scope == "global" else region, tagged)
        return _there(self.service, self.walk(reading))


def _there(service: str, pages: Iterator[Sequence[Sighting]]) -> Iterator[Sequence[Sighting]]:
    """The pages. Raises :class:`SourceAbsent` where the service says that in this place it doesn't do what is asked:
    then there is nothing of the kind."""
    from botocore.exceptions import ClientError

    try:
        yield from pages
    except ClientError as error:
        if api.code(error) in _UNKNOWN:
            raise SourceAbsent(f"{service} doesn't have {error.operation_name} there ({api.code(error)})") from error
        raise


# A region gets a service without all of its parts; and an account that never signed up for one has nothing in it.
_UNKNOWN = frozenset({"InvalidAction", "SubscriptionRequiredException", "UnknownOperationException"})


def _descend(reading: Reading, steps: Sequence[Step], above: Item) -> Iterator[Sequence[Item]]:
    """What the last step shows, page by page, with the fields of all that it is in."""
    from botocore.exceptions import ClientError

    step, *rest = steps
    try:
        for page in reading.pages(step.operation, reading.fill_in(step.asks, above), page=step.page):
            found = [{**above, **item} if above else item for item in items(step.items, page)]
            if rest:
                for item in found:
                    yield from _descend(reading, rest, item)
            else:
                yield found
    except ClientError as error:
        if not above or not gone(error):
            raise


def items(path: str, page: Item) -> Iterator[dict[str, Any]]:
    """The resources of a page. Raises :class:`SourceError` where they aren't what AWS documents."""
    found = _path(path).search(page)
    for item in found or ():
        if not isinstance(item, dict):
            raise SourceError("no whole answer: it lists something that isn't a resource")
        yield item


def texts_at(path: str, item: Item) -> Iterator[str]:
    """The texts that a JMESPath leads to."""
    return _texts(_path(path).search(item))


def _texts(found: object) -> Iterator[str]:
    """The texts in a text or in lists, ids with commas between one by one."""
    if isinstance(found, str):
        yield from found.split(",") if "," in found and not found.startswith("arn:") else (found,)
    elif isinstance(found, list):
        for one in found:
            yield from _texts(one)


_EC2 = "arn:{partition}:ec2:{region}:{account}:{value}"
_NOBODYS = frozenset({"vol-ffffffff"})
"""The volume of every snapshot that is a copy: an id "that should not be used for any purpose" (DescribeSnapshots)."""


def tags_of(value: object) -> dict[str, str] | None:
    """Tags in any of AWS's spellings: a map, or a list of key and value; None where it is neither."""
    if not value:
        return {}
    if isinstance(value, dict):
        pairs: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list) and all(isinstance(tag, dict) for tag in value):
        pairs = (_pair(tag) for tag in value)
    else:
        return None
    tags = {}
    for key, text in pairs:
        if not isinstance(key, str) or not isinstance(text, str | None):
            return None
        tags[legible(key)] = legible(text or "")
    return tags


def legible(text: str) -> str:
    """The text without halves of characters (JSON can hold them), which nothing could write down."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def gone(error: Exception) -> bool:
    """Whether AWS says that the resource isn't there (any more)."""
    said = api.code(error)
    return "NotFound" in said or said in _GONE


# The services' words for it that don't end in "NotFound…".
_GONE = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "ActivityDoesNotExist",
        "InvalidResourceId",
        "NoSuchBucket",
        "NoSuchDistribution",
        "NoSuchEntity",
        "NoSuchHealthCheck",
        "NoSuchHostedZone",
        "NoSuchResource",
        "QueueDoesNotExist",
        "ResourceNotExist",
        "StateMachineDoesNotExist",
    }
)


def _more(answer: Item, takes: Collection[str]) -> dict[str, Any]:
    """What to ask for the next page with; nothing where this one was the last."""
    for given, taken in _NEXT:
        if answer.get(given) and taken in takes:
            return {taken: answer[given]}
    for given, (last, taken) in _AFTER.items():
        if answer.get(given) is True and _path(last).search(answer):
            return {taken: _path(last).search(answer)}
    return {}


_NEXT = (
    ("NextToken", "NextToken"),
    ("nextToken", "nextToken"),
    ("NextMarker", "NextMarker"),
    ("NextMarker", "Marker"),
    ("Marker", "Marker"),
    ("position", "position"),
)
# Services that say only that there is more, and go on after a name.
_AFTER: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "HasMoreDeliveryStreams": ("DeliveryStreamNames[-1]", "ExclusiveStartDeliveryStreamName"),
        "HasMoreTags": ("Tags[-1].Key", "ExclusiveStartTagKey"),
    }
)


def _pair(tag: Mapping[str, Any]) -> tuple[Any, Any]:
    for key, value in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue")):
        if key in tag:
            return tag[key], tag.get(value)
    return None, None


def _forbidden(error: Any) -> bool:
    return bool(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403)


@cache
def _path(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


@cache
def _parts(template: str) -> tuple[tuple[str, str, str], ...]:
    parts = string.Formatter().parse(template)
    return tuple((literal, field or "", separator or "") for literal, field, separator, _ in parts)


@cache
def _method(operation: str) -> str:
    from botocore import xform_name

    return str(xform_name(operation))
