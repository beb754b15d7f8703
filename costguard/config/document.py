"""``costguard.yaml``, version 1, as types.

These types *are* the format: ``msgspec`` converts a document to them, and the published JSON Schema
(``costguard/schemas/config-v1.json``) is generated from them by ``scripts/write-schemas``. What types can't say is in
:mod:`costguard.config.mistakes`. A command that takes a setting from its command line replaces it here with
``msgspec.structs.replace`` and asks :func:`costguard.config.objections` about the result.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from costguard.errors import UsageError

# A "$" of Python's also matches before a last newline, one of JSON Schema's (ECMA-262) only at the end. Both read this
# as the end of the text.
_END = r"$(?!\n)"
# The characters that AWS's \w stands for; Python's takes every script.
_WORD = "A-Za-z0-9_"
_ROLE = rf"([{_WORD}+=,.@-]+/)*[{_WORD}+=,.@-]{{1,64}}"

Text = Annotated[str, Meta(min_length=1, max_length=2000)]

AccountId = Annotated[str, Meta(pattern=f"^[0-9]{{12}}{_END}", description="An account's id is 12 digits, in quotes.")]

Region = Annotated[
    str,
    Meta(
        pattern=f"^[a-z]{{2,8}}(-[a-z]{{2,12}}){{1,3}}-[0-9]{{1,2}}{_END}",
        description="A region is named as in eu-west-1; a zone (eu-west-1a) is not one.",
    ),
]

EnvironmentVariable = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z_][A-Za-z0-9_]*{_END}",
        max_length=200,
        description="The name of the environment variable that holds the value: letters, digits and underscores.",
    ),
]

Scope = Annotated[
    str,
    Meta(
        pattern="^(organizations/[0-9]{1,20}|folders/[0-9]{1,20}|"
        f"projects/([0-9]{{1,20}}|([a-z0-9.-]{{1,100}}:)?[a-z][a-z0-9-]{{4,28}}[a-z0-9])){_END}",
        description="A scope is organizations/NUMBER, folders/NUMBER or projects/ID.",
    ),
]

Project = Annotated[
    str,
    Meta(
        pattern=f"^([0-9]{{1,20}}|([a-z0-9.-]{{1,100}}:)?[a-z][a-z0-9-]{{4,28}}[a-z0-9]){_END}",
        description="A project is named by its id or its number.",
    ),
]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True):
    """What all parts of the document share: a key that the format doesn't have is a mistake."""


class FromEnvDoc(_Part, frozen=True, kw_only=True):
    """A value that the environment holds."""

    from_env: EnvironmentVariable

    def value(self, environment: Mapping[str, str]) -> str:
        """Raises :class:`UsageError` where the variable isn't set, or is empty."""
        found = environment.get(self.from_env)
        if not found:
            raise UsageError(f"the environment variable {self.from_env}, which costguard.yaml names, is not set")
        return found


class AggregatorDoc(_Part, frozen=True, kw_only=True):
    """An aggregator of AWS Config, and where it is."""

    name: Annotated[
        str,
        Meta(
            pattern=f"^[{_WORD}-]{{1,256}}{_END}",
            description="An aggregator's name is of letters, digits, dashes and underscores.",
        ),
    ]
    region: Region
    account: Annotated[
        AccountId | None, Meta(description="The account that it is in; the one that costguard runs in otherwise.")
    ] = None


class AwsDoc(_Part, frozen=True, kw_only=True):
    """What ``costguard scan`` reads of AWS, and as whom."""

    accounts: Annotated[
        Literal["organization", "current"] | Annotated[list[AccountId], Meta(min_length=1)],
        Meta(description="organization (all that are active in it), current (the credentials' own), or a list of ids."),
    ] = "current"
    exclude_accounts: Annotated[list[AccountId], Meta(description="Accounts that are not read.")] = []
    role: Annotated[
        Annotated[
            str,
            Meta(
                pattern=rf"^(/?|arn:[a-z-]{{3,20}}:iam::\{{account\}}:role/){_ROLE}{_END}",
                max_length=600,
                description="A role's name, with its path if it has one, or its ARN with {account} for the id: "
                "arn:aws:iam::{account}:role/CostguardReader.",
            ),
        ]
        | None,
        Meta(description="The role that is assumed in each account. Without it none is."),
    ] = None
    external_id: Annotated[
        Annotated[
            str,
            Meta(
                pattern=f"^[{_WORD}+=,.@:/-]{{2,1224}}{_END}",
                description="An external id is 2 to 1224 letters, digits or any of _+=,.@:/-.",
            ),
        ]
        | FromEnvDoc
        | None,
        Meta(description="What the role's trust policy asks for: the text, or {from-env: NAME}."),
    ] = None
    session_name: Annotated[
        str,
        Meta(
            pattern=f"^[{_WORD}+=,.@-]{{2,64}}{_END}",
            description="A session's name, which CloudTrail shows, is 2 to 64 letters, digits or any of _+=,.@-.",
        ),
    ] = "costguard"
    profile: Annotated[
        Text | None, Meta(description="A profile of the SDK's configuration files, where the environment isn't to say.")
    ] = None
    regions: Annotated[
        Literal["enabled"] | Annotated[list[Region], Meta(min_length=1)],
        Meta(description="enabled (all that are, in each account), or a list of names."),
    ] = "enabled"
    sources: Annotated[
        Annotated[list[Literal["explorer", "tagging", "config", "native"]], Meta(min_length=1)] | None,
        Meta(
            description="Where resources are looked for: Resource Explorer, the tagging API, AWS Config, the services' "
            "own calls. Without it, each that is there; one that is named and isn't there is a gap."
        ),
    ] = None
    explorer_view: Annotated[
        Annotated[
            str,
            Meta(
                pattern=f"^arn:[a-z-]{{3,20}}:resource-explorer-2:[a-z0-9-]*:[a-z0-9]*:[!-~]+{_END}",
                max_length=1011,
                description="A view of Resource Explorer is named by its ARN: arn:aws:resource-explorer-2:…:view/….",
            ),
        ]
        | None,
        Meta(description="The view that is searched; the default view otherwise."),
    ] = None
    config_aggregator: AggregatorDoc | None = None

    def role_arn(self, partition: str, account: str) -> str | None:
        """The ARN of the role in an account; None where none is to be assumed."""
        if self.role is None or self.role.startswith("arn:"):
            return self.role and self.role.replace("{account}", account)
        return f"arn:{partition}:iam::{account}:role/{self.role.removeprefix('/')}"


class GoogleDoc(_Part, frozen=True, kw_only=True):
    """What ``costguard scan`` reads of Google Cloud."""

    scopes: Annotated[list[Scope], Meta(min_length=1, description="Organisations, folders and projects.")]
    sources: Annotated[
        Annotated[list[Literal["search", "list"]], Meta(min_length=1)] | None,
        Meta(
            description="Where resources are looked for: SearchAllResources, ListAssets. Without it the first, and the "
            "second for labels that the first need not show; one that is named and may not be used is a gap."
        ),
    ] = None
    quota_project: Annotated[
        Project | None, Meta(description="The project that calls are counted against; the credentials' otherwise.")
    ] = None


class InventoryDoc(_Part, frozen=True, kw_only=True):
    """What really runs: which clouds ``costguard scan`` reads, and how."""

    aws: AwsDoc | None = None
    google: GoogleDoc | None = None
    store: Annotated[
        Text, Meta(description="The file that a scan leaves for the commands after it, seen from this file.")
    ] = "costguard-scan.db"
    workers: Annotated[
        int, Meta(ge=1, le=64, description="How many pairs of account and region are read at a time.")
    ] = 16
    allow_gaps: Annotated[
        list[Text],
        Meta(description="Gaps that are accepted: globs for what a gap says under where."),
    ] = []


class SourceDoc(_Part, frozen=True, kw_only=True):
    """Where the source is whose state lies elsewhere."""

    state: Annotated[Text, Meta(description="A state's path or s3:// URL as it is under states; * and ** allowed.")]
    folder: Annotated[Text, Meta(description="The root module's folder, seen from this file.")]


class TerraformDoc(_Part, frozen=True, kw_only=True):
    """Where the states are that say which live resource Terraform manages."""

    states: Annotated[
        list[Text],
        Meta(
            description="Paths seen from this file, * and ** allowed, or s3://bucket/key; what ends in / is a folder."
        ),
    ] = []
    sources: Annotated[
        list[SourceDoc],
        Meta(description="The root modules of states that don't lie beside their source; the first that fits counts."),
    ] = []


class BillDoc(_Part, frozen=True, kw_only=True):
    """A bill, as its provider exports it."""

    path: Annotated[
        Text,
        Meta(description="A path seen from this file, or s3://, gs:// or az://; * and ** allowed."),
    ]
    format: Annotated[
        Literal["focus", "aws-cur", "gcp", "azure"] | None, Meta(description="Recognised where it is left out.")
    ] = None


class SplitDoc(_Part, frozen=True, kw_only=True):
    """A cost that several share: by what each has of the spend that is allocated otherwise, or by a fixed key."""

    tag: Annotated[Text, Meta(description="The policy's name of the tag among whose values it is split.")] = "owner"
    shares: (
        Annotated[
            dict[Text, Annotated[float, Meta(gt=0)]],
            Meta(
                min_length=1,
                description="A value → its part, 2 and 1 are two thirds and a third. By spend otherwise.",
            ),
        ]
        | None
    ) = None


class AllocateDoc(_Part, frozen=True, kw_only=True):
    """Says whose the spend is that no tag says it of. All that is given must hold, * matches; the first rule that fits
    a charge and a tag counts. What is allocated so is shown as such, and stays what it is in every other number."""

    provider: Text | list[Text] | None = None
    account: Text | list[Text] | None = None
    region: Text | list[Text] | None = None
    service: Annotated[Text | list[Text] | None, Meta(description="The provider's service, as the bill has it.")] = None
    charge: Annotated[
        Literal["credit_adjustment", "tax", "purchase", "unused_commitment", "usage_no_resource", "usage_taggable"]
        | None,
        Meta(description="The class of the charge."),
    ] = None
    set: (
        Annotated[dict[Text, Text], Meta(min_length=1, description="The policy's name of a tag → its value.")] | None
    ) = None
    split: SplitDoc | None = None


class SpendDoc(_Part, frozen=True, kw_only=True):
    """How ``costguard spend`` reads the bill."""

    cost: Annotated[
        Literal["EffectiveCost", "BilledCost"],
        Meta(description="FOCUS's words: commitments spread over what they cover, or as invoiced."),
    ] = "EffectiveCost"
    currency: Annotated[Text | None, Meta(description="The currency that is reported, where there are several.")] = None
    inherit: Annotated[
        bool,
        Meta(description="Tags of the account or project that the bill itself has allocate what carries none."),
    ] = True
    allocate: list[AllocateDoc] = []
    quote: Annotated[
        bool,
        Meta(
            description="`costguard gate` says what a resource at fault typically costs here, by the last `costguard "
            "spend --record`."
        ),
    ] = False


class LimitsDoc(_Part, frozen=True, kw_only=True):
    """The most that one change set may change, and when applying it stops."""

    changes: Annotated[int, Meta(ge=1, le=1_000_000, description="Resources in all.")] = 500
    percent: Annotated[float, Meta(gt=0, le=100, description="The share of the resources that were read.")] = 5
    per_account: Annotated[int, Meta(ge=1, le=1_000_000, description="Resources in one account or project.")] = 100
    per_type: Annotated[int, Meta(ge=1, le=1_000_000, description="Resources of one type.")] = 200
    per_key: Annotated[int, Meta(ge=1, le=1_000_000, description="Resources that get one key.")] = 500
    canary: Annotated[
        int,
        Meta(ge=0, le=1000, description="Resources that are written first, and must all turn out well; 0 for none."),
    ] = 5
    errors: Annotated[
        float,
        Meta(ge=0, le=100, description="The share of writes, in percent, above whose failing a run stops itself."),
    ] = 5


class DefaultsDoc(_Part, frozen=True, kw_only=True):
    """Values that hold, as a rule, for all that is in an account, an organisational unit, a project or a folder."""

    account: Annotated[Text | None, Meta(description="An AWS account's id, or a Google project's id; * matches.")] = (
        None
    )
    ou: Annotated[
        Annotated[str, Meta(pattern=f"^(ou-[0-9a-z]{{4,32}}-[0-9a-z]{{8,32}}|r-[0-9a-z]{{4,32}}){_END}")] | None,
        Meta(description="An organisational unit's id, or the root's: all accounts below it."),
    ] = None
    folder: Annotated[
        Annotated[str, Meta(pattern=f"^folders/[0-9]{{1,20}}{_END}")] | None,
        Meta(description="A folder of Google Cloud's: all projects below it."),
    ] = None
    set: Annotated[dict[Text, Text], Meta(min_length=1, description="The policy's name of a tag → its value.")]


class PrincipalDoc(_Part, frozen=True, kw_only=True):
    """Who makes resources, and what that says of them."""

    principal: Annotated[Text, Meta(description="The ARN of a role, a user or an assumed role's session; * matches.")]
    set: Annotated[dict[Text, Text], Meta(min_length=1, description="The policy's name of a tag → its value.")]


class InferDoc(_Part, frozen=True, kw_only=True):
    """What may say the value of a missing tag, beside what the inventory itself shows."""

    defaults: list[DefaultsDoc] = []
    principals: list[PrincipalDoc] = []
    trail: Annotated[
        int, Meta(ge=0, le=90, description="Days of CloudTrail's history that are read for who made a resource.")
    ] = 0
    model: Annotated[bool, Meta(description="Learn from this organisation's own tagged resources.")] = True


class ExcludeDoc(_Part, frozen=True, kw_only=True):
    """Resources that are never written: all that is given must hold, * matches."""

    type: Text | list[Text] | None = None
    account: Text | list[Text] | None = None
    region: Text | list[Text] | None = None
    id: Text | list[Text] | None = None
    tags: Annotated[dict[Text, Text] | None, Meta(description="A key as the cloud has it → its value.")] = None


class RungDoc(_Part, frozen=True, kw_only=True):
    """A rung of the ladder for what nobody tags. It is climbed only where an entry allows it."""

    rung: Literal["notify", "remind", "quarantine", "stop", "terminate"]
    after: Annotated[
        int, Meta(ge=0, le=365, description="Business days since the rung before; for the first, since it was flagged.")
    ]
    accounts: Annotated[list[Text], Meta(min_length=1, description="Ids of accounts and projects; * matches.")]
    types: Annotated[list[Text], Meta(min_length=1, description="Terraform types; * matches.")]
    most: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=10_000,
                description="Resources in one run: 500 by default; 5 to stop, 100 at most; 2 to terminate, 20 at most.",
            ),
        ]
        | None
    ) = None


class LadderDoc(_Part, frozen=True, kw_only=True):
    """What becomes of a resource that stays untagged. Nothing, unless a rung is named."""

    rungs: list[RungDoc] = []
    holidays: Annotated[
        list[Annotated[str, Meta(pattern=f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_END}")]],
        Meta(description="Days that are no business days, beside Saturdays and Sundays."),
    ] = []
    quarantine: Annotated[
        str,
        Meta(
            pattern=f"^[a-z][a-z0-9_-]{{0,62}}{_END}",
            description="The key of the tag that says that a resource is in quarantine, as every cloud takes one.",
        ),
    ] = "costguard-quarantine"


class ReconcileDoc(_Part, frozen=True, kw_only=True):
    """What ``costguard reconcile`` may do, and where it writes down what it did."""

    store: Annotated[
        Annotated[
            str,
            Meta(
                pattern=f"^(sqlite:///[^?#]+|postgresql://[^:@/?#]+(@[^@/?#]+)?/[^?#]+){_END}",
                max_length=2000,
                description="The store is sqlite:///PATH, seen from this file; with a fourth slash, from the root; or "
                "postgresql://USER@HOST/DATABASE, whose password is where PostgreSQL's own clients look for it.",
            ),
        ]
        | FromEnvDoc,
        Meta(description="sqlite:///PATH, postgresql://…, or {from-env: NAME} for an address with a password."),
    ] = "sqlite:///costguard.db"
    role: Annotated[
        Annotated[
            str,
            Meta(
                pattern=rf"^(/?|arn:[a-z-]{{3,20}}:iam::\{{account\}}:role/){_ROLE}{_END}",
                max_length=600,
                description="A role's name, with its path if it has one, or its ARN with {account} for the id.",
            ),
        ]
        | None,
        Meta(description="The role that is assumed in each AWS account to write; the inventory's otherwise."),
    ] = None
    threshold: Annotated[
        float, Meta(gt=0, le=1, description="How sure an inferred value must be to be written; 0.95 is 95 in 100.")
    ] = 0.95
    expires: Annotated[
        str,
        Meta(pattern=f"^[1-9][0-9]{{0,2}}[hd]{_END}", description="A change set's life is hours or days: 24h, 7d."),
    ] = "24h"
    workers: Annotated[int, Meta(ge=1, le=64, description="Calls that are under way at a time.")] = 10
    assume_unmanaged: Annotated[
        bool,
        Meta(
            description="What no state that was read has is nobody's, though no states are named or not all could be "
            "read. Without it such a resource is never written."
        ),
    ] = False
    overwrite: Annotated[
        list[Text], Meta(description="Tags, by the policy's names, whose wrong or empty values may be written over.")
    ] = []
    delete: Annotated[
        list[Text], Meta(description="Keys, as the cloud has them, that may be taken away once the right one is there.")
    ] = []
    exclude: list[ExcludeDoc] = []
    limits: LimitsDoc = LimitsDoc()
    infer: InferDoc = InferDoc()
    ladder: LadderDoc = LadderDoc()


class SloDoc(_Part, frozen=True, kw_only=True):
    """The share of spend that is to carry its tags."""

    objective: Annotated[float, Meta(gt=0, lt=1, description="0.95 is 95%; 1 would leave no error budget.")] = 0.95
    window: Annotated[
        str, Meta(pattern=f"^[1-9][0-9]{{0,2}}d{_END}", description="A window is a number of days, as in 30d.")
    ] = "30d"
    tighten: Annotated[
        bool,
        Meta(
            description="While the last `costguard spend --record` has the budget spent, what is unknown fails in "
            "`costguard gate` and `costguard check`, and warnings are errors."
        ),
    ] = False


class UrlFromEnvDoc(_Part, frozen=True, kw_only=True):
    """An address that lets everybody post who knows it: a secret, which stands in the environment."""

    url_from_env: EnvironmentVariable


class SmtpDoc(_Part, frozen=True, kw_only=True):
    """Mail. TLS is always used."""

    host: Text
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    user: Text | None = None
    password_from_env: EnvironmentVariable | None = None
    sender: Text = msgspec.field(name="from")
    to: Annotated[list[Text], Meta(min_length=1)]


class SnsDoc(_Part, frozen=True, kw_only=True):
    """A topic of Amazon SNS."""

    topic: Annotated[
        str,
        Meta(
            pattern=f"^arn:[a-z-]{{3,20}}:sns:[a-z0-9-]+:[0-9]{{12}}:[{_WORD}-]{{1,256}}{_END}",
            description="A topic is named by its ARN: arn:aws:sns:eu-west-1:111122223333:finops.",
        ),
    ]


class NightlyDoc(_Part, frozen=True, kw_only=True):
    """What ``costguard nightly`` does, and where it leaves its results."""

    stages: Annotated[
        Annotated[list[Literal["scan", "reconcile", "spend", "report", "notify"]], Meta(min_length=1)] | None,
        Meta(description="The stages that are run, in their own order; all of them otherwise."),
    ] = None
    apply: Annotated[
        bool,
        Meta(description="The reconciler writes what it can prove, within reconcile.limits. Else it only plans."),
    ] = False
    folder: Annotated[
        Text, Meta(description="The folder of the results, one folder for each night, seen from this file.")
    ] = "costguard-nights"
    keep: Annotated[int, Meta(ge=1, le=3650, description="So many nights' folders are kept.")] = 30
    push: Annotated[
        UrlFromEnvDoc | None,
        Meta(description="The Prometheus Pushgateway that gets the metrics: {url-from-env: NAME}."),
    ] = None


class NotifyDoc(_Part, frozen=True, kw_only=True):
    """Somebody who is told; one of these."""

    owners: Annotated[
        Annotated[list[Text], Meta(min_length=1)] | None,
        Meta(description="The owners whose digests go there; * matches. Without it, all, and what has no owner."),
    ] = None
    slack: UrlFromEnvDoc | None = None
    webhook: UrlFromEnvDoc | None = None
    smtp: SmtpDoc | None = None
    sns: SnsDoc | None = None


class AssumeDoc(_Part, frozen=True, kw_only=True):
    """Values that the source doesn't show, for the root modules in the folders that ``within`` names: each reference as
    the source writes it (``local.tags``, ``data.http.tags.body``) with its value."""

    within: Annotated[
        Text, Meta(description="A folder, seen from this file; * matches in one name, ** through folders.")
    ] = "**"
    values: dict[str, Any]


class CheckDoc(_Part, frozen=True, kw_only=True):
    """What ``costguard check`` and ``costguard fix`` leave alone."""

    exclude: Annotated[
        list[Text],
        Meta(description="Folders of root modules, seen from this file, that are not judged: examples, fixtures."),
    ] = []


class FixValuesDoc(_Part, frozen=True, kw_only=True):
    """Values for the tags of what lies under a path. Where several match, the last one counts, tag by tag."""

    path: Annotated[
        Text,
        Meta(description="A folder or a file, seen from this file; * matches in one name, ** through folders."),
    ]
    set: Annotated[dict[Text, Text], Meta(min_length=1, description="The policy's name of a tag → its value.")]


class FixCodeownersDoc(_Part, frozen=True, kw_only=True):
    """Takes the value of a tag from who owns the file in CODEOWNERS: ``@org/team`` is the team ``team``."""

    tag: Annotated[Text, Meta(description="The policy's name of the tag.")] = "owner"
    file: Annotated[
        Text | None,
        Meta(description="Seen from this file; without it CODEOWNERS in .github, .gitlab, docs or beside this file."),
    ] = None
    teams: Annotated[
        dict[Text, Text],
        Meta(
            description="What an owner is called in the tag, where it isn't the team's own name: @org/team → a value."
        ),
    ] = {}


class FixDoc(_Part, frozen=True, kw_only=True):
    """Where ``costguard fix`` takes values from, beside ``--set`` and the policy's ``default``."""

    values: list[FixValuesDoc] = []
    codeowners: FixCodeownersDoc | None = None


class ConfigDoc(_Part, frozen=True, kw_only=True):
    """Where to look and what may be done, never what must be true.

    ``assume`` says what values are that come from outside the source; without folders it is for all root modules.
    """

    version: Literal[1]
    policies: list[str] = []
    inventory: InventoryDoc = InventoryDoc()
    terraform: TerraformDoc = TerraformDoc()
    billing: list[BillDoc] = []
    spend: SpendDoc = SpendDoc()
    reconcile: ReconcileDoc = ReconcileDoc()
    slo: SloDoc = SloDoc()
    nightly: NightlyDoc = NightlyDoc()
    notify: list[NotifyDoc] = []
    assume: dict[str, Any] | list[AssumeDoc] | None = None
    check: CheckDoc = CheckDoc()
    fix: FixDoc = FixDoc()
