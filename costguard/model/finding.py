"""Findings and the report that carries them: the wire format ``costguard/findings/v1`` is these types.

The field order here is the order of the JSON; the published JSON Schema is generated from these types and their
docstrings (``scripts/write-schemas``), so a change here is a change of the contract: add, never rename or remove.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from costguard.model.coverage import Cell
from costguard.model.resource import Checkpoint, Gap, Location, Manager

FindingsSchema = Literal["costguard/findings/v1"]
FINDINGS_SCHEMA: FindingsSchema = "costguard/findings/v1"


class Verdict(StrEnum):
    """What the evidence says of one tag. ``COMPLIANT`` never appears in a finding."""

    COMPLIANT = "compliant"
    EMPTY = "empty"
    INVALID = "invalid"
    MISSPELLED = "misspelled"
    MISSING = "missing"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """3 for error, 2 for warning, 1 for info."""
        return _RANK[self]


_RANK = {Level.ERROR: 3, Level.WARNING: 2, Level.INFO: 1}


class Status(StrEnum):
    """What a resource as a whole is: ``untaggable`` ones are counted and never judged."""

    COMPLIANT = "compliant"
    VIOLATING = "violating"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"
    UNTAGGABLE = "untaggable"


class ResourceRef(msgspec.Struct, frozen=True, kw_only=True):
    """Names a resource: by its Terraform address, and where they are known by its cloud id, account and region.

    ``root`` is the folder of the root module that the address starts from, as seen from the top of the repository; only
    the source has several.
    """

    address: str
    type: str
    provider: str
    id: str | None = None
    account: str | None = None
    region: str | None = None
    root: str | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One fault, or one thing that can't be decided, about one tag on one surface of one resource.

    There is at most one finding per (resource, surface, tag). ``tag`` is the policy's name and ``key`` its spelling on
    this cloud. ``found`` is the key (misspelled) or value (invalid) that is there instead, absent where it is
    sensitive; ``expected`` is what it should become, where that is certain or near. ``new`` is false for old debt
    that the change doesn't touch: it never blocks.

    In the source, ``location`` is where the mend belongs, and ``chain`` says what leads from there to the resource, the
    outermost first ("module.service at live/main.tf:12"). A fault of one block in the source is one finding: of its
    ``instances`` (by ``count`` and ``for_each``, by modules that are called again, in several root modules)
    ``resource`` is the first, and ``also`` names some of the others.

    ``managed_by`` says what made a live resource and would undo a change to it: the mend belongs there.
    """

    rule: str
    tag: str | None
    key: str | None
    surface: str
    verdict: Verdict
    level: Level
    resource: ResourceRef
    location: Location | None
    message: str
    remedy: str
    fingerprint: str
    new: bool
    found: str | None = None
    expected: str | None = None
    chain: tuple[str, ...] = ()
    instances: int = 1
    also: tuple[str, ...] = ()
    managed_by: tuple[Manager, ...] = ()


class ResourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One judged resource. ``tags`` is what the evidence shows, ``null`` for a value that is unknown or sensitive; a
    Tag of Google's resource manager is ``tag:`` and its namespaced key. ``provenance`` says for each key where it comes
    from. ``managed_by`` is as in a finding."""

    address: str
    type: str
    status: Status
    tags: dict[str, str | None]
    provenance: dict[str, str]
    note: str | None = None
    managed_by: tuple[Manager, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How many resources were seen and how many have each status; ``findings`` counts findings.

    In the source a resource is a block: one with many instances counts once, with the worst status of them.
    """

    resources: int
    compliant: int
    violating: int
    unknown: int
    exempt: int
    untaggable: int
    findings: int


class FaultTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How often one fault was found: that of one rule with one tag, one verdict and one level.

    ``key`` is its spelling where all have the same one. ``accounts`` and ``types`` count the resources that have it,
    by account and by type. Where one rule has faulted a hundred different tags, those that are left are counted
    together: their ``tag`` is null.
    """

    rule: str
    tag: str | None
    key: str | None
    verdict: Verdict
    level: Level
    new: bool
    findings: int
    resources: int
    accounts: dict[str, int]
    types: dict[str, int]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A live report counted: a summary for each account and each type, and the faults, what blocks most first.

    A resource whose account is not known is counted under an empty name.
    """

    accounts: dict[str, Summary]
    types: dict[str, Summary]
    faults: tuple[FaultTotal, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What one checkpoint found. ``complete`` is false when ``gaps`` names something that could not be read.

    ``resources`` is there only with ``--show-compliant``. ``notes`` are remarks that change no verdict. A live report
    has ``coverage``, the ledger of what each source showed, and ``totals``.
    """

    schema: FindingsSchema
    tool: Tool
    checkpoint: Checkpoint
    complete: bool
    summary: Summary
    findings: Sequence[Finding]
    resources: Sequence[ResourceStatus] | msgspec.UnsetType = msgspec.UNSET
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: tuple[Cell, ...] | msgspec.UnsetType = msgspec.UNSET
    totals: Totals | msgspec.UnsetType = msgspec.UNSET
