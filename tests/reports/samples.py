"""Reports to render: one of everything, the situations a reader meets, and hostile ones."""

import msgspec

from costguard.model.coverage import Cell, Outcome
from costguard.model.finding import (
    FINDINGS_SCHEMA,
    FaultTotal,
    Finding,
    Level,
    Report,
    ResourceRef,
    ResourceStatus,
    Status,
    Summary,
    Tool,
    Totals,
    Verdict,
)
from costguard.model.resource import Checkpoint, Gap, Location, Manager

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
    managed_by: tuple[Manager, ...] = (),
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
        managed_by=managed_by,
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


ACCOUNTS = ("111122223333", "222233334444", "333344445555")


def live_finding(name: str, account: str, *managers: Manager, verdict: Verdict = Verdict.MISSING) -> Finding:
    kind = "aws_sqs_queue" if name.startswith("queue") else "aws_s3_bucket"
    address = f"arn:aws:sqs:eu-west-1:{account}:{name}" if kind == "aws_sqs_queue" else f"arn:aws:s3:::{name}"
    ref = ResourceRef(address=address, type=kind, provider="aws", id=address, account=account, region="eu-west-1")
    if verdict is Verdict.UNKNOWN:
        return finding(
            verdict,
            level=Level.WARNING,
            resource=ref,
            location=None,
            message="can't tell whether Owner is there: its tags could not be read: AccessDenied",
            remedy="make sure that Owner is among the tags",
            managed_by=managers,
        )
    return finding(verdict, resource=ref, location=None, managed_by=managers)


def cell(
    account: str, type_: str, source: str, outcome: Outcome = "read", count: int = 0, error: str = "", **more: object
) -> Cell:
    return msgspec.convert(
        {
            "cloud": "aws",
            "account": account,
            "region": "eu-west-1",
            "type": type_,
            "source": source,
            "outcome": outcome,
            "count": count,
            "error": error,
            **more,
        },
        Cell,
    )


def summary(compliant: int, violating: int, unknown: int, findings: int) -> Summary:
    return Summary(
        resources=compliant + violating + unknown,
        compliant=compliant,
        violating=violating,
        unknown=unknown,
        exempt=0,
        untaggable=0,
        findings=findings,
    )


DENIED = "AccessDenied: the role may not call kms:ListKeys"
STATE = Manager(tool="terraform", name='module.data["eu"].aws_s3_bucket.logs', where="live/prod")
STACK = Manager(tool="cloudformation", name="shop")


def live() -> Report:
    """A scan of three accounts: 1,000 buckets and 200 queues, of which four have no owner and one won't say."""
    one, two, three = ACCOUNTS
    found = (
        live_finding("logs", one, STATE),
        live_finding("media", one),
        live_finding("queue-a", two, STACK),
        live_finding("queue-b", two),
        live_finding("secret", three, verdict=Verdict.UNKNOWN),
    )
    cells = [cell(account, "aws_s3_bucket", "native", count=1_000 // 4, age=None) for account in ACCOUNTS]
    cells += [cell(account, "aws_kms_key", "native", "failed", error=DENIED) for account in ACCOUNTS]
    cells += [cell(one, "aws_sqs_queue", "native", count=200)]
    cells += [cell(account, "*", "explorer", "absent", error="there is no view") for account in ACCOUNTS[:2]]
    cells += [cell(one, "*", "tagging", count=900, age=7_300)]
    cells += [cell(three, "*", "tagging", "disabled", error="the account hasn't enabled it", region="ap-east-1")]
    gaps = [Gap(one.where, one.error) for one in cells if one.outcome == "failed"]
    gaps += [
        Gap(f"aws/{account}/eu-west-1/aws_s3_bucket/tags", "the tags of 12 could not be read: AccessDenied")
        for account in ACCOUNTS
    ]
    gaps += [Gap("s3://states/live/", "there is no such bucket")]
    made = report(
        *found,
        checkpoint="live",
        complete=False,
        gaps=tuple(gaps),
        notes=("accepted by --allow-gap: aws/*/explorer",),
        seen=1_200,
        untaggable=0,
    )
    totals = Totals(
        accounts={one: summary(598, 2, 0, 2), two: summary(298, 2, 0, 2), three: summary(299, 0, 1, 1)},
        types={"aws_s3_bucket": summary(997, 2, 1, 3), "aws_sqs_queue": summary(198, 2, 0, 2)},
        faults=(
            FaultTotal(
                rule="tags/owner",
                tag="owner",
                key="Owner",
                verdict=Verdict.MISSING,
                level=Level.ERROR,
                new=True,
                findings=4,
                resources=4,
                accounts={one: 2, two: 2},
                types={"aws_s3_bucket": 2, "aws_sqs_queue": 2},
            ),
            FaultTotal(
                rule="tags/owner",
                tag="owner",
                key="Owner",
                verdict=Verdict.UNKNOWN,
                level=Level.WARNING,
                new=True,
                findings=1,
                resources=1,
                accounts={three: 1},
                types={"aws_s3_bucket": 1},
            ),
        ),
    )
    return msgspec.structs.replace(made, coverage=tuple(cells), totals=totals)
