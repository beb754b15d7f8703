"""What the clouds call a resource type, and what Terraform calls the same: one policy's ``when.type`` fits both.

``native.json`` has one row per Terraform type; it is read on the first look-up, not at import. Here stands how a row
is read: AWS spells a type three ways (CloudFormation's and Config's name, Resource Explorer's ``service:type``, and
the form of its ARNs, which say it differently for every service), Google one way, the asset type.

What the table doesn't hold is None, an honest "not known": a wrong type would make false findings.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import msgspec


def terraform_type(native: str, name: str = "") -> str | None:
    """The canonical Terraform type of a native type in any spelling, None where the table doesn't say.

    ``native`` is ``AWS::S3::Bucket`` (CloudFormation, Config), ``s3:bucket`` (Resource Explorer) or
    ``storage.googleapis.com/Bucket`` (Cloud Asset Inventory). ``name`` is Google's full resource name where there is
    one: a template or a health check is another Terraform type in a region. Where AWS doesn't tell two Terraform types
    apart, the canonical one is the plain one (``rds:cluster`` is an ``aws_rds_cluster``) and :func:`variants` has the
    others. An ARN tells more than Explorer's type, which may call any load balancer what classic ones are called.
    """
    named = _table().named.get(native)
    if named is None:
        return None
    for segment, terraform in named.within:
        if f"/{segment}/" in name:
            return terraform
    return named.canonical


def terraform_type_of_arn(arn: str) -> str | None:
    """The canonical Terraform type of what the ARN names; None for what is no ARN, or one of a form not known."""
    form = _form_of(arn)
    return form.terraform if form else None


def explorer_type(arn: str) -> str | None:
    """The ``service:type`` that the ARN says, in Resource Explorer's spelling; None for what is no ARN or not known.

    Types that Explorer doesn't list are spelled in its manner, so not every answer is one that it could be asked for.
    """
    form = _form_of(arn)
    return form.explorer if form else None


def variants(native: str) -> tuple[str, ...]:
    """Every Terraform type that may stand behind a native type, the canonical one first where there is one.

    A reader that knows the engine, the kind or the location chooses among them. Where none is the plain one (an FSx
    file system is one of four) there is no canonical type, and all of them are here.
    """
    named = _table().named.get(native)
    return named.variants if named else ()


def native_types(terraform: str) -> tuple[str, ...]:
    """Every native spelling that may mean the Terraform type, its own before those that it shares; () if not known."""
    return _table().natives.get(terraform, ())


def known() -> Iterator[str]:
    """Every Terraform type that has a native spelling, those that only share one among them."""
    yield from _table().natives


def keys(id: str) -> tuple[str, ...]:  # noqa: A002 - the word that Resource has for it
    """The names under which a live resource may be looked up: its id, and other ones that are as unique.

    An ARN of something whose id AWS gives out once in a partition is also ``service:type/id``, for states hold many a
    resource with no ARN, or with one that names another account than the live read does: ``ec2:natgateway/nat-0abc``.
    No name that people choose is ever such a key. The ARN of a log group is also the one without the ``:*`` at its end,
    which some of the calls append and others don't. All other ids are their own only key.
    """
    form = _form_of(id)
    if form is None:
        return (id,)
    resource = id.split(":", 5)[5]
    found = [id]
    if form.template.endswith(":*"):
        found.append(id.removesuffix(":*"))
    if form.unique and _given_out(form.unique, resource.rpartition("/")[2]):
        found.append(f"{form.service}:{resource}")
    return tuple(found)


def canonical(id: str) -> str:  # noqa: A002 - the word that Resource has for it
    """The one spelling of an id that AWS spells in several ways, so that what its sources show can be joined.

    The ARN of an image or a snapshot of EC2 has no account (Service Authorization Reference), but some list it with
    the owner's; that of a log group ends in ``:*`` where it is meant for policies.
    """
    if "/ami-" in id or "/snap-" in id:
        return _OWNED.sub(r"\1\2", id)
    return id.removesuffix(":*") if id.endswith(":*") and ":log-group:" in id else id


_OWNED = re.compile(r"\A(arn:[a-z-]+:ec2:[a-z0-9-]*:)[0-9]+(:(?:image/ami|snapshot/snap)-[0-9a-z]+)\Z")


def ec2_resource(id: str) -> str | None:  # noqa: A002
    """What an id that EC2 gave out is called in an ARN: ``volume/vol-0abc``; None for any other text.

    EC2 speaks of its own resources by these ids alone, and of none by an ARN.
    """
    prefix = id.rpartition("-")[0]
    form = _table().ec2.get(prefix)
    return form.template.replace("{}", id) if form is not None and _given_out(prefix, id) else None


def state_key(terraform: str, id: str) -> str | None:  # noqa: A002
    """The short key that :func:`keys` has of a live resource, from what a state has of it: its type and plain id.

    None where ids of the type aren't unique by themselves, or where this isn't one: a key pair's ``id`` is its name.
    """
    form = _table().unique.get(terraform)
    if form is None or not _given_out(form.unique, id):
        return None
    return f"{form.service}:{form.template.removesuffix('{}')}{id}"


def _given_out(prefix: str, id: str) -> bool:  # noqa: A002
    """Whether AWS itself made the id: a prefix that says the type, and hexadecimal digits (8 or 17 of them today)."""
    return id.startswith(f"{prefix}-") and _HEX.fullmatch(id, len(prefix) + 1) is not None


_HEX = re.compile("[0-9a-f]+")


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the table.

    ``names`` are the names of CloudFormation, Config and Cloud Asset Inventory. ``arns`` are forms of ARNs, from the
    service on and without region and account (``ec2:instance/{}``); ``{}`` is a text without ``/`` and ``:``, ``{/}``
    one that may have ``/``, ``{*}`` any. ``explorer`` is Explorer's spelling where it isn't the form without what
    varies (``apigateway:/restapis/{}/stages/{}`` is ``apigateway:restapis/stages``). ``unique`` is the prefix of ids
    that AWS gives out once. ``within``: the row holds for resources whose name has that segment. ``variants`` share all
    of the row's spellings.
    """

    names: tuple[str, ...] = ()
    arns: tuple[str, ...] = ()
    explorer: str = ""
    unique: str = ""
    within: str = ""
    variants: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``native.json``. Rows that are ``ambiguous`` have only variants, none of which is the plain one."""

    types: dict[str, _Row]
    ambiguous: tuple[_Row, ...]


# Made before there are threads: two that make it at once crash msgspec (tests/test_threads.py).
_FILE = msgspec.json.Decoder(_File)


class _Form(NamedTuple):
    """A form of ARNs, and what it says. ``template`` is the part after the account; ``terraform`` None if ambiguous."""

    service: str
    template: str
    explorer: str
    terraform: str | None
    unique: str


class _Named(NamedTuple):
    """What a native spelling means: ``within`` has the types for resources whose name has the segment."""

    canonical: str | None
    within: tuple[tuple[str, str], ...]
    variants: tuple[str, ...]


class _Table(NamedTuple):
    named: Mapping[str, _Named]
    natives: Mapping[str, tuple[str, ...]]
    forms: Mapping[tuple[str, str], tuple[_Form, ...]]
    unique: Mapping[str, _Form]
    ec2: Mapping[str, _Form]  # by the prefix of the ids


@cache
def _table() -> _Table:
    with open(f"{__file__.removesuffix('.py')}.json", "rb") as file:  # noqa: PTH123 - as the catalogue does
        read = _FILE.decode(file.read())
    rows: list[tuple[str | None, _Row]] = [*read.types.items(), *((None, row) for row in read.ambiguous)]
    meant: dict[str, list[tuple[str | None, _Row]]] = {}
    forms: dict[tuple[str, str], list[_Form]] = {}
    unique: dict[str, _Form] = {}
    for terraform, row in rows:
        spellings = dict.fromkeys(row.names)
        for arn in row.arns:
            service, _, template = arn.partition(":")
            form = _Form(service, template, row.explorer or _plain(service, template), terraform, row.unique)
            forms.setdefault((service, _head(template)), []).append(form)
            spellings[form.explorer] = None
            if row.unique:
                unique.update((each, form) for each in (terraform, *row.variants) if each)
        for spelling in spellings:
            meant.setdefault(spelling, []).append((terraform, row))
    named = {spelling: _named(several) for spelling, several in meant.items()}
    own: dict[str, list[str]] = {}
    shared: dict[str, list[str]] = {}
    for spelling, several in meant.items():
        owners = {terraform for terraform, _ in several}
        for each in named[spelling].variants:
            (own if each in owners else shared).setdefault(each, []).append(spelling)
    natives = {each: (*own.get(each, ()), *shared.get(each, ())) for each in sorted({*own, *shared})}
    # The most literal form comes first: a service's own role is no other role, though it has the form of one.
    ordered = {place: tuple(sorted(found, key=_literals, reverse=True)) for place, found in forms.items()}
    ec2 = {form.unique: form for form in unique.values() if form.service == "ec2"}
    return _Table(named, natives, ordered, unique, ec2)


def _named(rows: list[tuple[str | None, _Row]]) -> _Named:
    """The first row that holds everywhere is the canonical one; two that share a spelling are each other's variants."""
    everywhere = [terraform for terraform, row in rows if terraform and not row.within]
    within = [(row.within, terraform) for terraform, row in rows if terraform and row.within]
    others = [variant for _, row in rows for variant in row.variants]
    every = dict.fromkeys([*everywhere, *(terraform for _, terraform in within), *others])
    return _Named(everywhere[0] if everywhere else None, tuple(within), tuple(every))


_VARIES = re.compile(r"\{[/*]?\}")
_PATTERNS: Mapping[str, str] = {"{}": "[^/:]+", "{/}": "[^:]+", "{*}": ".+"}
_PARTITION = re.compile(r"aws(?:-[a-z]+)*")


def _plain(service: str, template: str) -> str:
    """Explorer's spelling of a form: the service, and the parts that don't vary."""
    parts = [part for part in re.split("[/:]", _VARIES.sub("", template)) if part]
    return f"{service}:{'/'.join(parts)}"


def _literals(form: _Form) -> int:
    return len(_VARIES.sub("", form.template))


def _head(resource: str) -> str:
    """What an ARN's resource starts with, up to its first ``/`` or ``:``, where that is a word; else nothing.

    Forms are found by it, so that an ARN is held against a few and not against every form of its service.
    """
    found = re.match("[A-Za-z0-9-]+(?=[/:])", resource)
    return found[0] if found else ""


def _form_of(arn: str) -> _Form | None:
    """The form of an ARN, ``arn:partition:service:region:account:resource``."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not _PARTITION.fullmatch(parts[1]):
        return None
    service, resource = parts[2], parts[5]
    forms = _table().forms
    for head in dict.fromkeys((_head(resource), "")):
        for form in forms.get((service, head), ()):
            if _pattern(form.template).fullmatch(resource):
                return form
    return None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    literals = _VARIES.split(template)
    varies = [_PATTERNS[found] for found in _VARIES.findall(template)]
    text = "".join(re.escape(part) + vary for part, vary in zip(literals, [*varies, ""], strict=True))
    return re.compile(text, re.DOTALL)
