"""What resources cost here: medians that are made by hand."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.model.cost import UnitCost
from costguard.spend.prices import remarks, size_of, type_of
from costguard.spend.report import Asked, report
from tests.cli.conftest import a_plan
from tests.conftest import ROOT
from tests.spend.build import COLUMNS, GOOD, bill, charge, policy
from tests.spend.test_slo import TODAY

WITH_USAGE = (*COLUMNS, "x_UsageType", "ChargeDescription")


def instance(number: int) -> str:
    return f"i-{number:017x}"


def database(number: int) -> str:
    return f"arn:aws:rds:us-east-1:012345678901:db:db{number}"


def seen(
    resource: str, each: str, times: int, usage: str = "", *, hours: int = 24, since: str = "2026-10-01", **more: str
) -> list[dict[str, str]]:
    """Charges of one resource, one after the other."""
    start = datetime.fromisoformat(f"{since}T00:00:00+00:00")
    return [
        charge(
            each,
            GOOD,
            resource,
            ChargePeriodStart=(start + timedelta(hours=hours * n)).isoformat(),
            **({"x_UsageType": usage} | more),
        )
        for n in range(times)
    ]


def learned(folder: Path, rows: Iterable[dict[str, str]], columns: tuple[str, ...] = WITH_USAGE) -> list[UnitCost]:
    file = bill(folder / "bill.csv", rows, columns)
    return list(report(Asked(paths=((str(file), None),), prices=True), policy(folder), TODAY).prices)


def test_a_month_is_730_hours_of_what_was_seen(tmp_path: Path) -> None:
    rows = [
        # 7.2 a day, thirty days of it: 7.2 / 24 * 730 = 219. Traffic is part of what it costs.
        *seen(database(1), "7.0", 30, "InstanceUsage:db.t3.small"),
        *seen(database(1), "0.2", 30, "DataTransfer-Out-Bytes"),
        # A database that was there for ten days only: 6 / 24 * 730 = 182.5.
        *seen(database(2), "6", 10, "EUW1-InstanceUsage:db.t3.small"),
        *seen(database(3), "12", 30, "InstanceUsage:db.t3.small"),
    ]
    assert learned(tmp_path, rows) == [
        UnitCost(type="aws_db_instance", size="db.t3.small", month="219", least="182.5", most="365", resources=3)
    ]


def test_hours_are_counted_where_the_bill_has_hours(tmp_path: Path) -> None:
    # 0.1 an hour is 73 a month, however many hours it was seen in, and whichever.
    rows = [row for n, count in enumerate((72, 100, 700)) for row in seen(instance(n), "0.1", count, hours=1)]
    rows += seen(instance(9), "5", 71, hours=1)  # too short to say
    assert [(one.type, one.size, one.month, one.least, one.most, one.resources) for one in learned(tmp_path, rows)] == [
        ("aws_instance", "", "73", "73", "73", 3)
    ]


def test_a_bill_of_months_says_nothing(tmp_path: Path) -> None:
    assert learned(tmp_path, [row for n in range(5) for row in seen(instance(n), "70", 1)]) == []


def test_only_the_last_31_days_count(tmp_path: Path) -> None:
    rows = [row for n in range(3) for row in seen(instance(n), "999", 30, since="2026-08-01")]
    rows += [row for n in range(3) for row in seen(instance(n), "2.4", 31, since="2026-10-01")]
    assert [one.month for one in learned(tmp_path, rows)] == ["73"]


@pytest.mark.parametrize(
    "rows",
    [
        seen(instance(1), "1", 30) + seen(instance(2), "1", 30),
        [row for n in range(3) for row in seen(instance(n), "0", 30)],
        [row for n in range(3) for row in seen(instance(n), "-1", 30)],
        [row for n in range(3) for row in seen(f"no-name-{n}", "1", 30)],
        [row for n in range(3) for row in seen(instance(n), "1", 30, ChargeCategory="Tax")],
        [row for n in range(3) for row in seen(instance(n), "1", 30, CommitmentDiscountStatus="Unused")],
        [row for n in range(3) for row in seen(instance(n), "x", 30)],
        [row for n in range(3) for row in [*seen(instance(n), "1", 1), charge("1", ChargePeriodStart="infinity")]],
        [],
    ],
    ids=["two", "free", "refunded", "nobody knows what", "tax", "unused", "unreadable", "never", "empty"],
)
def test_nothing_is_invented(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    assert learned(tmp_path, [*rows, charge("1", GOOD, "i-0")]) == []


def test_what_was_resized_is_no_example(tmp_path: Path) -> None:
    rows = [row for n in range(3) for row in seen(instance(n), "2.4", 30, "BoxUsage:m5.large")]
    rows += seen(instance(7), "9", 15, "BoxUsage:m5.large")
    rows += seen(instance(7), "90", 15, "BoxUsage:m5.24xlarge", since="2026-10-16")
    assert [(one.size, one.most, one.resources) for one in learned(tmp_path, rows)] == [("m5.large", "73", 3)]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("BoxUsage:m5.large", "m5.large"),
        ("EUC1-BoxUsage:u-6tb1.112xlarge", "u-6tb1.112xlarge"),
        ("USE2-SpotUsage:c7gn.metal-48xl", "c7gn.metal-48xl"),
        ("Multi-AZUsage:db.r6g.2xlarge", "db.r6g.2xlarge"),
        ("APS1-NodeUsage:cache.t4g.micro", "cache.t4g.micro"),
        ("$0.34 per On Demand Linux c5.2xlarge Instance Hour", "c5.2xlarge"),
        ("EBS:VolumeUsage.gp3", ""),
        ("BoxUsage", ""),
        ("m5.largest", ""),
        ("'; DROP TABLE groups; --", ""),
    ],
)
def test_sizes_are_read_from_what_the_bill_says_of_usage(tmp_path: Path, text: str, size: str) -> None:
    rows = [row for n in range(3) for row in seen(instance(n), "2.4", 30, text)]
    assert [one.size for one in learned(tmp_path, rows)] == [size]


def test_currencies_are_never_added_up(tmp_path: Path) -> None:
    rows = [row for n in range(3) for row in seen(instance(n), "2.4", 30)]
    rows += [row for n in range(3) for row in seen(instance(n), "999", 9, BillingCurrency="EUR")]
    assert [one.month for one in learned(tmp_path, rows)] == ["73"]


amounts = st.decimals("0.01", "99", places=4)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.decimals("0.01", "99", places=4), st.integers(3, 30)), min_size=3, max_size=7), st.randoms()
)
def test_it_is_the_median_whatever_the_order(tmp_path: Path, costs: list[tuple[Decimal, int]], chance: Any) -> None:
    rows = [row for n, (each, days) in enumerate(costs) for row in seen(instance(n), str(each), days)]
    chance.shuffle(rows)
    (found,) = learned(tmp_path, rows)
    months = [each / 24 * 730 for each, _ in costs]
    for said, truth in ((found.month, median(months)), (found.least, min(months)), (found.most, max(months))):
        assert abs(Decimal(said) - truth) <= Decimal("0.005000001")


@pytest.mark.parametrize(
    ("resource", "provider", "type_"),
    [
        (instance(5), "aws", "aws_instance"),
        (instance(5), "azure", None),
        ("arn:aws:ec2:us-east-1:012345678901:natgateway/nat-0abc12345678901de", "aws", "aws_nat_gateway"),
        ("//compute.googleapis.com/projects/p/zones/z/instances/i", "google", "google_compute_instance"),
        ("//storage.googleapis.com/projects/_/buckets/b", "google", "google_storage_bucket"),
        ("//", "google", None),
        ("arn:", "aws", None),
        ("", None, None),
    ],
)
def test_types_are_those_that_the_catalogue_knows(resource: str, provider: str | None, type_: str | None) -> None:
    assert type_of(resource, provider) == type_


# ------------------------------------------------------------------ what the gate says

SMALL = UnitCost(type="aws_db_instance", size="db.t3.small", month="212.4", least="180", most="1260.5", resources=14)


def test_a_remark_has_its_median_and_its_range() -> None:
    planned = [("aws_db_instance", {"instance_class": "db.t3.small"})] * 2
    assert remarks([SMALL], "USD", planned) == (
        "an aws_db_instance (db.t3.small) typically costs 212 USD a month here (median of 14, 180 to 1,260)",
    )


@pytest.mark.parametrize("arguments", [{}, {"instance_class": "db.t3.large"}, {"engine": "db.t3.small"}])
def test_nothing_is_said_of_another_size(arguments: dict[str, str]) -> None:
    assert remarks([SMALL], "USD", [("aws_db_instance", arguments)]) == ()
    assert size_of({}) == ""


def test_the_gate_quotes_what_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("version: 1\nname: r\ntags: {owner: {}}\n")
    (tmp_path / "costguard.yaml").write_text("version: 1\npolicies: [rules.yaml]\nspend: {quote: true}\n")
    rows = [row for n in range(3) for row in seen(database(n), "7.2", 30, "InstanceUsage:db.t3.small")]
    bill(tmp_path / "bill.csv", rows, WITH_USAGE)
    planned: dict[str, Any] = {"instance_class": "db.t3.small", "tags": None, "tags_all": {}}
    change = {
        "address": "aws_db_instance.x",
        "mode": "managed",
        "type": "aws_db_instance",
        "name": "x",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {"actions": ["create"], "before": None, "after": planned, "after_unknown": {}},
    }
    (tmp_path / "plan.json").write_bytes(a_plan([change]))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "costguard", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    before = run("gate", "plan.json", "--format", "json")
    assert (before.returncode, json.loads(before.stdout)["notes"]) == (1, [])
    assert run("spend", "bill.csv", "--record").returncode == 0
    after = run("gate", "plan.json", "--format", "json")
    assert after.returncode == 1
    assert json.loads(after.stdout)["notes"] == [
        "an aws_db_instance (db.t3.small) typically costs 219 USD a month here (median of 3, 219 to 219)"
    ]
