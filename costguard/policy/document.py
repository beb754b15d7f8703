"""The policy document, version 1, as types.

These types *are* the format: ``msgspec`` converts a document to them, and the published JSON Schema
(``costguard/schemas/policy-v1.json``) is generated from them by ``scripts/write-schemas``.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from costguard.model.finding import Level

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Globs = Text | Annotated[list[Text], Meta(min_length=1)]
UnknownAction = Literal["pass", "warn", "fail"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What all parts of the document share: a key that the format doesn't have is a mistake."""


class SpellingDoc(_Part, frozen=True):
    """How the key of a tag is spelled on each cloud, where it isn't the tag's own name."""

    aws: Text | None = None
    google: Text | None = None
    azure: Text | None = None


class ValuesFromDoc(_Part, frozen=True):
    """Allowed values that are kept elsewhere. ``file`` is relative to the policy document."""

    file: Text
    path: Annotated[
        Text | None,
        Meta(description="yaml, json: a JMESPath expression that gives a list of texts. csv: the name of the column."),
    ] = None
    format: Annotated[
        Literal["yaml", "json", "csv", "codeowners", "backstage"] | None,
        Meta(description="Recognised by the file's name where it is left out."),
    ] = None
    kind: Annotated[
        Text, Meta(description="backstage: the kind of entity whose metadata.name is an allowed value.")
    ] = "Group"


class TagDoc(_Part, frozen=True):
    """One logical tag: what it means, how it is spelled and which values it may have."""

    description: Text | None = None
    required: bool | None = None
    level: Level | None = None
    keys: SpellingDoc = SpellingDoc()
    aliases: Annotated[
        list[Text], Meta(description="Other keys that mean this tag: reported as misspelled, and mendable.")
    ] = []
    value: Annotated[
        dict[str, Any] | None,
        Meta(description="A JSON Schema (2020-12) that the value, a text, must satisfy."),
    ] = None
    values_from: ValuesFromDoc | None = None
    google_tag: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^([0-9]{1,20}|([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9])/"
                r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$(?!\n)",
                description="A Tag's key is named with what it belongs to: 123456789012/owner, my-project/owner.",
            ),
        ]
        | None,
        Meta(
            description="The namespaced key of a Tag of Google's resource manager, which satisfies this where there is "
            "no label: the short name of its value is the value."
        ),
    ] = None
    synonyms: Annotated[
        dict[str, str], Meta(description="Wrong values whose right one is certain: prod means production.")
    ] = {}
    default: Annotated[
        Text | None,
        Meta(description="The value that costguard fix may write where the tag is missing; nothing else uses it."),
    ] = None


class WhenDoc(_Part, frozen=True):
    """Selects resources: everything given must hold, a list is alternatives, ``*`` and ``?`` are wildcards."""

    type: Globs | None = None
    provider: Globs | None = None
    address: Globs | None = None
    module: Globs | None = None
    account: Globs | None = None
    region: Globs | None = None
    tags: dict[str, Globs] | None = None
    checkpoint: (
        Literal["source", "plan", "live", "bill"]
        | Annotated[list[Literal["source", "plan", "live", "bill"]], Meta(min_length=1)]
        | None
    ) = None


class ForbidDoc(_Part, frozen=True):
    """What no tag may be. ``keys`` are globs, case-insensitive; ``values`` are regular expressions."""

    keys: list[Text] = []
    values: list[Text] = []
    content: Annotated[
        list[Literal["payment-card"]],
        Meta(description="What no expression can tell: a payment card's number has a check digit."),
    ] = []


class EveryTagDoc(_Part, frozen=True):
    """What the key and the value of every tag must be, whatever the tag is; each is a JSON Schema for a text."""

    key: dict[str, Any] | None = None
    value: dict[str, Any] | None = None


class RuleDoc(_Part, frozen=True):
    """A rule beyond the tags that everything needs."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9-]*$",
            max_length=100,
            description="An id is of lower case letters, digits and dashes.",
        ),
    ]
    description: Text | None = None
    when: WhenDoc = WhenDoc()
    level: Level = Level.ERROR
    require: Annotated[dict[str, TagDoc], Meta(min_length=1)] | None = None
    forbid: ForbidDoc | None = None
    every_tag: EveryTagDoc | None = None
    tags_schema: Annotated[
        dict[str, Any] | None, Meta(description="A JSON Schema (2020-12) over the whole map of tags.")
    ] = None
    max_tags: Annotated[int, Meta(ge=0, le=1000, description="The most tags that a resource may carry.")] | None = None


class ExemptionDoc(_Part, frozen=True):
    """Findings that are accepted for a while. Past ``until`` it no longer holds, and the report says so."""

    when: WhenDoc
    reason: Text
    until: Annotated[str, Meta(description="The last day on which it holds: YYYY-MM-DD.")]
    tags: Annotated[list[Text], Meta(min_length=1)] | None = None
    rules: Annotated[list[Text], Meta(min_length=1)] | None = None


class UnknownDoc(_Part, frozen=True):
    """What an undecidable tag does at each checkpoint."""

    source: UnknownAction | None = None
    plan: UnknownAction | None = None
    live: UnknownAction | None = None
    bill: UnknownAction | None = None


class ExampleResourceDoc(_Part, frozen=True):
    """A resource to try the policy on. A tag whose value is null is present with an unknown value."""

    type: Text
    address: Text | None = None
    module: str = ""
    account: Text | None = None
    region: Text | None = None
    tags: dict[str, str | None] = {}
    google_tags: Annotated[
        dict[str, str] | None,
        Meta(description="Google's Tags that hold for it, by their namespaced keys; left out, they can't be seen."),
    ] = None
    open: Annotated[bool, Meta(description="True where keys may exist that the evidence can't show.")] = False


class ExampleDoc(_Part, frozen=True):
    """A test that the policy carries: what the policy must say of a resource."""

    name: Text
    resource: ExampleResourceDoc
    expect: Annotated[
        Literal["compliant"] | dict[str, Literal["empty", "invalid", "misspelled", "missing", "unknown", "forbidden"]],
        Meta(description="compliant, or the verdict for each tag (or rule, where no tag is at fault)."),
    ]
    checkpoint: Literal["source", "plan", "live", "bill"] = "plan"


class PolicyDoc(_Part, frozen=True):
    """A costguard policy: which tags every resource must carry, and what may stand in them."""

    version: Literal[1]
    name: Text | None = None
    description: Text | None = None
    extends: Annotated[
        Text | list[Text] | None,
        Meta(description="Policies that this one builds on: a shipped one by its name, another by its relative path."),
    ] = None
    tags: dict[str, TagDoc] = {}
    rules: list[RuleDoc] = []
    exemptions: list[ExemptionDoc] = []
    unknown: UnknownDoc = UnknownDoc()
    surfaces: Annotated[
        dict[str, Literal["error", "warning", "info", "ignore"]],
        Meta(
            description="The level of findings on tags of what a resource will create, by attribute path (globs): "
            "tag_specifications[*].tags, volume_tags, tag.propagate_at_launch. Warning where nothing is said; a "
            "surface that is named here is judged even where nobody wrote it."
        ),
    ] = {}
    relax: Annotated[
        list[Text],
        Meta(
            description="Paths (tags.owner.level, rules.my-rule, unknown.plan) that this document loosens on purpose "
            "against an earlier one; without it, loosening is a mistake."
        ),
    ] = []
    examples: list[ExampleDoc] = []
