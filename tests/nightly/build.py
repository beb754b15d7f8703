"""Nights to make reports of: as large, and as hostile, as a test wants them."""

from datetime import date
from decimal import Decimal

import msgspec

from costguard.model.cost import (
    SPEND_SCHEMA,
    Burn,
    Candidate,
    Part,
    Period,
    Point,
    Recoverable,
    Share,
    Slo,
    SpendReport,
)
from costguard.model.finding import Level, Summary, Tool, Verdict
from costguard.model.night import (
    NIGHT_SCHEMA,
    STAGES,
    Activity,
    AtFault,
    Expiring,
    Headline,
    Live,
    Looked,
    Night,
    Planned,
    RuleCount,
    Stage,
)
from costguard.model.resource import Gap

TOOL = Tool(name="costguard", version="0")
OWNERS = ("commerce", "payments", "platform", "search", "data", "identity", "mobile")
TYPES = (
    "aws_instance",
    "aws_ebs_volume",
    "aws_s3_bucket",
    "aws_db_instance",
    "aws_lambda_function",
    "google_storage_bucket",
)
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2", "europe-west4")


def rows(count: int, taggable: Decimal = Decimal(200_000)) -> tuple[AtFault, ...]:
    """So many resources at fault, each a little cheaper than the one before; together a fifth of what is taggable."""
    if not count:
        return ()
    weights = [Decimal(1) / (n + 3) for n in range(count)]
    scale = taggable / 5 / sum(weights)
    left = taggable / 5
    made = []
    for n, weight in enumerate(weights):
        cost = (weight * scale).quantize(Decimal("0.0001"))
        left -= cost
        account = f"{100000000000 + n % 400:012}"
        kind = TYPES[n % len(TYPES)]
        made.append(
            AtFault(
                id=f"arn:aws:ec2:{REGIONS[n % 3]}:{account}:thing/i-{n:017x}",
                type=kind,
                account=account,
                region=REGIONS[n % len(REGIONS)],
                service="Amazon Elastic Compute Cloud",
                tags=(("owner",), ("owner", "service"), ("environment",), ("owner", "service", "environment"))[n % 4],
                verdict=("missing", "misspelled", "empty", "invalid")[n % 4],
                cost=str(cost),
                projected=float(max(left, Decimal()) / taggable),
                since=date(2026, 11, 1 + n % 24),
                fresh=n % 24 == 23,
                owner=OWNERS[n % len(OWNERS)] if n % 4 == 2 else "",
                manager="terraform: aws_instance.web in live/shop" if n % 5 == 0 else "",
                do=f"costguard reconcile plan --account {account} --type {kind}",
            )
        )
    return tuple(made)


def spend(taggable: Decimal = Decimal(200_000)) -> SpendReport:
    wrong = taggable / 5
    return SpendReport(
        schema=SPEND_SCHEMA,
        tool=TOOL,
        complete=True,
        cost="EffectiveCost",
        currency="USD",
        period=Period(start="2026-11-01", end="2026-12-01"),
        total=str(taggable + 40_000),
        classes={"usage_taggable": str(taggable), "usage_no_resource": "30000", "tax": "10000"},
        taggable={"compliant": str(taggable - wrong), "missing": str(wrong), "untagged": str(wrong / 2)},
        by={"account": tuple(
            Part(name=f"{100000000000 + n:012}", total=str(9000 - 100 * n), taggable=str(8000 - 100 * n),
                 compliant="5000", untagged="100", ratio=(3000 - 100 * n) / (8000 - 100 * n))
            for n in range(20)
        ), "tag:owner": (
            Part(name="commerce", total="30000", taggable="28000", compliant="21000", untagged="0", ratio=0.25),
            Part(name="", total="62000", taggable="60000", compliant="0", untagged="20000", ratio=1.0),
        )},
        showback={
            tag: (
                *(Share(value=f"{name}{more}", total=str(30_000 - 2_000 * n), tagged=str(25_000 - 2_000 * n),
                        inherited="3000", ruled="2000", split="0") for n, name in enumerate(OWNERS)),
                Share(value=None, total="62000", tagged="0", inherited="0", ruled="0", split="0"),
            )
            for tag, more in (("owner", ""), ("service", "-api"), ("environment", "-prod"))
        },
        pareto=(
            Candidate(kind="source", name="provider aws in live/shop", cost="9000", resources=214, states=("missing",),
                      missing=("owner",), account="", service="", projected=0.155, command="costguard fix live/shop"),
        ),
        recoverable=Recoverable(cost="1250.5", resources=31, ratio=0.19),
        slo=Slo(objective="0.95", start="2026-10-25", end="2026-11-24", days=30, seen=30, taggable=str(taggable),
                compliant=str(taggable - wrong), unknown="0", budget=str(taggable / 20), spent=str(wrong),
                left=str(taggable / 20 - wrong), state="missed",
                burn=(Burn(start="2026-10-25", end="2026-11-24", days=30, spent="1", budget="1", rate=4.0),)),
        trend=tuple(
            Point(kind="day", at=f"2026-11-{n:02}", taggable="100", compliant=str(70 + n / 2), ratio=(70 + n / 2) / 100)
            for n in range(1, 24)
        ),
        rows=1000,
    )  # fmt: skip


def night(count: int = 60, *, more: bool = True) -> Night:
    """A night with something in every part of the report; without ``more`` one of which nothing is known."""
    bare = Night(
        schema=NIGHT_SCHEMA,
        tool=TOOL,
        id="20261124T010000-abcd",
        began="2026-11-24T01:00:00+00:00",
        ended="2026-11-24T01:20:00+00:00",
        complete=True,
        policies=("policies/baseline.yaml",),
        stages=tuple(Stage(name=name, state="done") for name in STAGES),
    )
    if not more:
        return bare
    summary = Summary(
        resources=4 * count, compliant=3 * count, violating=count, unknown=0, exempt=0, untaggable=0, findings=count
    )
    return msgspec.structs.replace(
        bare,
        complete=False,
        spend=spend(),
        rows=rows(count),
        live=Live(
            seen="2026-11-24T01:00:05+00:00",
            summary=summary,
            accounts={f"{100000000000 + n:012}": summary for n in range(20)},
            rules=tuple(
                RuleCount(rule=f"require-{tag}", tag=tag, verdict=verdict, level=Level.ERROR, resources=number)
                for number, (tag, verdict) in enumerate(
                    (tag, verdict)
                    for tag in ("owner", "service", "environment")
                    for verdict in (Verdict.MISSING, Verdict.INVALID)
                )
            ),
            coverage=(
                Looked(cloud="aws", source="native", outcome="failed", places=1, resources=0),
                Looked(cloud="aws", source="native", outcome="read", places=2584, resources=240),
            ),
            added=14,
            mended=9,
        ),
        planned=Planned(change_set="c" * 64, decisions={"tag": 12, "patch": 30, "flag": 18}, held=3,
                        patches={"live": "git -C live apply /tmp/001.patch"}, rehearsal=False),
        activity=(
            Activity(run="20261124T010500-aaaaaa", kind="apply", at="2026-11-24T01:05:00+00:00", how="done",
                     counts={"written": 12}, undo="costguard reconcile undo 20261124T010500-aaaaaa --apply",
                     tonight=True),
        ),
        expiring=(Expiring(reason="the migration", until=date(2026, 11, 28), where="policies/org.yaml:12"),),
        before=(Headline(id="20261123T010000-abcd", at="2026-11-23T01:00:00+00:00", complete=True, currency="USD",
                         taggable="200000", compliant="156000", resources=240, violating=65),),
        gaps=(Gap("aws/100000000003/eu-west-1/*/native", "access denied: iam role CostguardReader can't be assumed"),),
        notes=("an exemption ended on 2026-11-01 and no longer holds",),
    )  # fmt: skip
