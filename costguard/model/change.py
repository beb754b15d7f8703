"""Change sets: what is to be done to live resources, why, and what must still be true when it is done.

A change set is a file that people approve and that ``costguard reconcile apply`` accepts only unchanged: its ``id`` is
the hash of everything else in it. The wire format ``costguard/changeset/v1`` is these types; the published JSON Schema
is generated from them, so a change here is a change of the contract.
"""

from datetime import date, datetime
from hashlib import sha256
from typing import Literal

import msgspec

from costguard.errors import InputError
from costguard.model.finding import Tool
from costguard.model.resource import Cloud, Gap, Manager
from costguard.model.spool import encoded

ChangeSetSchema = Literal["costguard/changeset/v1"]
CHANGE_SET_SCHEMA: ChangeSetSchema = "costguard/changeset/v1"

Decision = Literal["tag", "patch", "flag", "skip"]
"""``tag``: written live. ``patch``: Terraform manages it, and its source is to be mended. ``flag``: somebody must look.
``skip``: nothing is to be done now, and the reason is no fault of the resource (a limit, an exemption)."""

EvidenceKind = Literal[
    "alias",  # another key on the resource itself means this tag
    "synonym",  # its own value, of which the right one is certain
    "parent",  # what it is attached to, runs in or was made from
    "child",  # what is attached to it or was made from it
    "module",  # the other resources of its Terraform module, in its state
    "state",  # the other resources of its Terraform state
    "stack",  # the other resources of its CloudFormation stack
    "cluster",  # the other resources of its cluster or service
    "network",  # the other resources of its network
    "creator",  # who made it, as CloudTrail says, and whom costguard.yaml makes of that
    "account",  # what costguard.yaml, or the account's own tags, say of the account or project
    "folder",  # the same of an organisational unit or a folder
    "codeowners",  # who owns the source that manages it
    "model",  # what was learned from this organisation's own tagged resources
]


class Evidence(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing that speaks for one value. ``says`` is a sentence for people ("the instance i-0abc that it is attached
    to has Owner = shop"); ``confidence`` is the share of right answers that evidence of this kind gave on held-out
    resources of the same inventory."""

    kind: EvidenceKind
    value: str
    confidence: float
    says: str


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a resource that is to change. ``before`` is None where the key isn't there, ``after`` None where it is
    to be taken away. ``tag`` is the policy's name of the tag, ``rule`` the rule that asks for it; ``confidence`` is
    that of all evidence together."""

    tag: str
    key: str
    before: str | None
    after: str | None
    rule: str
    confidence: float
    evidence: tuple[Evidence, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of one resource.

    ``why`` says why it isn't simply tagged (empty for ``tag``). ``expects`` is the precondition: keys and what they
    must be when it is read again, None for one that must not be there; what the evidence on the resource itself stood
    on is among them. ``count`` is how many tags of its own it had. ``proposed`` are values that were found and are not
    written, with what there is for them: too unsure, or in conflict.
    """

    id: str
    type: str
    cloud: Cloud
    account: str
    region: str
    decision: Decision
    why: str = ""
    values: tuple[Value, ...] = ()
    proposed: tuple[Value, ...] = ()
    expects: dict[str, str | None] = {}
    count: int = 0
    managed_by: tuple[Manager, ...] = ()
    missing: tuple[str, ...] = ()
    """The policy's names of all tags that the resource is at fault with."""


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """A change to the source of a repository, as ``git apply`` takes it, and the resources that it is for. ``left`` are
    those of its resources that ``costguard fix`` can't mend there, each with the reason."""

    repository: str
    diff: str
    mends: tuple[str, ...] = ()
    left: dict[str, str] = {}


Rung = Literal["notify", "remind", "quarantine", "stop", "terminate"]
"""The ladder for what nobody tags, above being flagged; each rung follows on the one before."""
RUNGS: tuple[Rung, ...] = ("notify", "remind", "quarantine", "stop", "terminate")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One resource that climbs a rung. ``since`` is the day on which its fault was first seen, ``owner`` who probably
    answers for it, where anything says so. ``expects`` is as in a change; ``missing`` are the tags it is at fault
    with. ``sets`` is the quarantine's tag, with the value that it gets. ``snapshot``: one is taken first. ``then`` is
    the rung after this one, where an entry allows it and nothing that is known stands against it, and ``due`` the first
    day on which it may be climbed."""

    id: str
    type: str
    cloud: Cloud
    account: str
    region: str
    rung: Rung
    since: date
    why: str
    owner: str | None = None
    expects: dict[str, str | None] = {}
    missing: tuple[str, ...] = ()
    sets: dict[str, str] = {}
    snapshot: bool = False
    then: Rung | None = None
    due: date | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A limit that held changes back: its name as costguard.yaml has it, what it counts ("account 111122223333"), the
    limit, and how many changes had to wait."""

    limit: str
    of: str
    most: float
    held: int


class Reliability(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """How often values with such a confidence were right, on held-out resources: ``stated`` is their mean confidence,
    ``right`` of ``count`` the truth. ``tag`` is the policy's name."""

    tag: str
    low: float
    high: float
    count: int
    right: int
    stated: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What the confidences are worth. ``held_out`` counts (resource, tag) pairs whose known value was hidden, ``error``
    is the mean distance between stated and true share, weighted by count (expected calibration error), ``precision``
    the share of right values at or above the threshold and ``coverage`` how many of the pairs reach it. None where
    nothing could be measured."""

    threshold: float
    held_out: int
    error: float | None
    precision: float | None
    coverage: float | None
    bins: tuple[Reliability, ...] = ()


class ChangeSet(msgspec.Struct, frozen=True, kw_only=True):
    """What one plan wants done. ``id`` is the SHA-256 of the rest, as :func:`sealed` makes it. It is not accepted after
    ``expires``. ``read`` counts the resources of the inventory that it was made from, ``scan`` names that."""

    schema: ChangeSetSchema
    id: str
    tool: Tool
    made: datetime
    expires: datetime
    policy: tuple[str, ...]
    scan: str
    read: int
    changes: tuple[Change, ...]
    patches: tuple[Patch, ...] = ()
    steps: tuple[Step, ...] = ()
    held: tuple[Held, ...] = ()
    calibration: Calibration | None = None
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


def sealed(draft: ChangeSet) -> ChangeSet:
    """The change set with its id."""
    return msgspec.structs.replace(draft, id=_digest(draft))


def written(changes: ChangeSet) -> bytes:
    """A change set as its file holds it: canonical JSON, indented for people, which changes nothing about its id."""
    return msgspec.json.format(encoded(changes), indent=1) + b"\n"


def read(raw: bytes, name: str) -> ChangeSet:
    """The change set in a file. Raises :class:`InputError` where it is none, or isn't as it was written."""
    try:
        found = msgspec.json.decode(raw, type=ChangeSet)
        # What the nouns don't have, or have once, is no part of what the id is of: somebody may have read it for true.
        bare = msgspec.json.format(raw, indent=-1)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InputError(f"{name} is not a change set of costguard reconcile plan: {error}") from error
    if found.id != _digest(found) or bare != encoded(found):
        raise InputError(f"{name} was changed after it was planned: its content is not what its id says; plan again")
    return found


def _digest(changes: ChangeSet) -> str:
    return sha256(encoded(msgspec.structs.replace(changes, id=""))).hexdigest()
