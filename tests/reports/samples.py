"""Reports to render: one of everything, the situations a reader meets, and hostile ones."""

from costguard.model.finding import (
    FINDINGS_SCHEMA,
    Finding,
    Level,
    Report,
    ResourceRef,
    ResourceStatus,
    Status,
    Summary,
    Tool,
    Verdict,
)
from costguard.model.resource import Checkpoint, Gap, Location

NOWHERE = Location("", 0, 0)


def finding(
    verdict: Verdict = Verdict.MISSING,
    *,
    address: str = "aws_s3_bucket.logs",
    tag: str | None = "owner",
    key: str | None = "Owner",
    level: Level = Level.ERROR,
    new: bool = True,
    rule: str = "",
    surface: str = "tags",
    resource: ResourceRef | None = None,
    location: Location | None = NOWHERE,
    message: str = "Owner is missing",
    remedy: str = "add Owner to tags: the team that answers for the resource",
    found: str | None = None,
    expected: str | None = None,
) -> Finding:
    resource = resource or ResourceRef(address=address, type=address.rpartition(".")[0].split(".")[-1], provider="aws")
    return Finding(
        rule=rule or f"tags/{tag}",
        tag=tag,
        key=key,
        surface=surface,
        verdict=verdict,
        level=level,
        resource=resource,
        location=Location("storage/main.tf", 12, 15) if location is NOWHERE else location,
        message=message,
        remedy=remedy,
        fingerprint=f"{abs(hash_of(resource.address, tag, key, surface)):016x}",
        new=new,
        found=found,
        expected=expected,
    )


def hash_of(*parts: str | None) -> int:
    """The same in every process, which ``hash`` is not."""
    number = 0
    for character in "\0".join(part or "" for part in parts):
        number = (number * 1_000_003 + ord(character)) % 2**64
    return number


def report(
    *findings: Finding,
    checkpoint: Checkpoint = "plan",
    complete: bool = True,
    gaps: tuple[Gap, ...] = (),
    notes: tuple[str, ...] = (),
    resources: tuple[ResourceStatus, ...] | None = None,
    seen: int = 38,
    untaggable: int = 5,
) -> Report:
    violating = len({f.resource for f in findings if f.verdict is not Verdict.UNKNOWN})
    unknown = len({f.resource for f in findings}) - violating
    seen = max(seen, violating + unknown + untaggable)
    made = Report(
        schema=FINDINGS_SCHEMA,
        tool=Tool(name="costguard", version="0.1.0"),
        checkpoint=checkpoint,
        complete=complete,
        summary=Summary(
            resources=seen,
            compliant=seen - untaggable - violating - unknown,
            violating=violating,
            unknown=unknown,
            exempt=0,
            untaggable=untaggable,
            findings=len(findings),
        ),
        findings=findings,
        gaps=gaps,
        notes=notes,
    )
    if resources is None:
        return made
    import msgspec

    return msgspec.structs.replace(made, resources=resources)


def environment(address: str, **more: object) -> Finding:
    return finding(
        Verdict.INVALID,
        address=address,
        tag="environment",
        key="Environment",
        message="Environment: 'prd' is not production, staging or dev",
        remedy='write Environment = "production"',
        found="prd",
        expected="production",
        **more,  # type: ignore[arg-type]
    )


def everything() -> Report:
    """Every verdict, level and kind of place once."""
    return report(
        finding(address='module.data["eu|west"].aws_s3_bucket.logs'),
        environment('module.data["eu|west"].aws_s3_bucket.logs'),
        finding(
            Verdict.MISSPELLED,
            address="aws_instance.web[0]",
            message="Owner is missing, and team is there instead",
            remedy="rename team to Owner",
            found="team",
            expected="Owner",
            location=Location("compute/main.tf", 3, 9),
        ),
        finding(
            Verdict.FORBIDDEN,
            address="aws_instance.web[0]",
            tag=None,
            key="db_password",
            rule="no-secrets-in-tags",
            message="tags are readable by everybody in the account, and db_password promises a secret",
            remedy="remove db_password, and keep the secret in a secret store",
            location=Location("compute/main.tf", 3, 9),
        ),
        finding(
            Verdict.EMPTY,
            address="aws_instance.web[0]",
            tag="service",
            key="Service",
            level=Level.WARNING,
            surface="root_block_device[0].tags",
            message="Service has no value in root_block_device[0].tags",
            remedy="set Service to the service that the resource is part of",
            location=Location("compute/main.tf", 7, 8),
        ),
        finding(
            Verdict.UNKNOWN,
            address="module.queue.aws_sqs_queue.jobs",
            level=Level.WARNING,
            message="whether Owner is there can't be known here: var.tags is known only after apply",
            remedy="make sure that Owner is among the tags",
            location=None,
        ),
        finding(
            tag="data-classification",
            key="data-classification",
            rule="stores-are-classified",
            level=Level.INFO,
            message="data-classification is missing",
            remedy="add data-classification to tags: public, internal or confidential",
        ),
        finding(
            new=False,
            resource=ResourceRef(
                address="aws_db_instance.old",
                type="aws_db_instance",
                provider="aws",
                id="old-1",
                account="123456789012",
                region="eu-west-1",
            ),
            location=None,
        ),
        complete=False,
        gaps=(
            Gap("live/eu/main.tf:4", "the source of module.eu could not be fetched"),
            Gap("account 210987654321, eu-central-1", "AccessDenied: tag:GetResources"),
        ),
        notes=("aws_new_thing is not in the catalogue; it is judged by its schema.",),
        resources=(
            ResourceStatus(
                address="aws_s3_bucket.fine",
                type="aws_s3_bucket",
                status=Status.COMPLIANT,
                tags={"Owner": "payments", "Environment": None},
                provenance={"Owner": "default_tags of provider aws", "Environment": "the resource"},
            ),
            ResourceStatus(
                address="aws_iam_policy.legacy",
                type="aws_iam_policy",
                status=Status.EXEMPT,
                tags={},
                provenance={},
                note="retired in Q1, until 2027-03-31",
            ),
        ),
    )


def many(number: int = 400) -> Report:
    """Mostly one fault, as it is in life: a provider without ``default_tags``."""
    made: list[Finding] = []
    for index in range(number):
        where = f"module.service_{index % 17}.aws_instance.worker[{index}]"
        place = Location(f"services/s{index % 17}/main.tf", 10 + index % 5, 20)
        if index % 3:
            made.append(finding(address=where, location=place))
        elif index % 2:
            made.append(environment(where, location=place))
        else:
            made.append(
                finding(
                    Verdict.MISSING,
                    address=where,
                    tag="service",
                    key="Service",
                    level=Level.WARNING,
                    new=index % 4 == 0,
                    message="Service is missing",
                    remedy="add Service to tags: the service that the resource is part of",
                    location=place,
                )
            )
    return report(*made, seen=number + 100)


HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "a\nb\r\nc\td\x00",
    "\x9b31m\x85\x7f",
    "\u202egpj.exe\u2066x\u2069",
    "zero\u200bwidth\u2028line\u2029\ufeff",
    "\ud800half\udfff",
    "|pipe\\|`tick``ticks```|",
    "<script>alert(1)</script><!-- -->",
    "@everyone @org/team #123 GH-12 deadbeefcafe fixes #1",
    "![x](http://example.com/x.png) [y](http://example.com) www.example.com a@example.com",
    "::error::gone ##[error]gone ##vso[task.complete]gone",
    "100%,a:b=c;%0A%25",
    "]]></failure>&amp;&#0;\ufffe\uffff",
    "~~s~~ **b** _i_ $x$ :smile: \\( \\) - # 1. > ---",
    "x" * 5_000,
    "",
    " ",
    "日本語のタグ e\u0301",
)


def of_the_docs() -> Report:
    """The report that ``docs/reference/formats.md`` shows in every format."""
    return report(
        finding(),
        finding(
            Verdict.UNKNOWN,
            address="module.queue.aws_sqs_queue.jobs",
            level=Level.WARNING,
            message="whether Owner is there can't be known here: var.tags is known only after apply",
            remedy="make sure that Owner is among the tags",
            location=None,
        ),
        seen=12,
        untaggable=2,
    )
