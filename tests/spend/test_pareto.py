"""What is mended already, what a backfill could reach of it, and what to do first. Figures are by hand."""

from datetime import date
from pathlib import Path

import pytest

from costguard.cli.main import outcome
from costguard.model.resource import Manager
from costguard.reports import Style
from costguard.reports.spend import markdown, terminal
from costguard.spend.pareto import Known, backfilled_since
from tests.spend.build import GOOD, charge, reported

MENDED = Known(compliant=True, type="aws_instance")
FAULTY = Known(compliant=False, type="aws_instance")


def at(month: str) -> dict[str, str]:
    return {"ChargePeriodStart": f"{month}-01T00:00:00Z"}


def test_what_is_compliant_today_is_recoverable_and_no_candidate(tmp_path: Path) -> None:
    done = reported(
        tmp_path,
        [charge("60"), charge("25", resource="i-2"), charge("15", GOOD, resource="i-3")],
        inventory={"i-1": MENDED, "i-2": FAULTY},
    )
    assert done.recoverable is not None
    assert (done.recoverable.cost, done.recoverable.resources, done.recoverable.ratio) == ("60", 1, 0.25)
    assert [one.name for one in done.pareto] == ["i-2"]


def test_a_backfill_reaches_charges_of_aws_that_lack_a_tag_in_the_last_twelve_months(tmp_path: Path) -> None:
    done = reported(
        tmp_path,
        [
            charge("100", **at("2025-10")),  # too long ago
            charge("20", **at("2025-11")),  # the first month that is reached
            charge("30", '{"owner": "shop"}', **at("2026-10")),
            charge("7", '{"owner": "shop", "environment": "qa"}', **at("2026-10")),  # a wrong value was its own
            charge("5", ProviderName="Google Cloud", resource="//compute/i", **at("2026-10")),
            charge("3", ProviderName="Microsoft", resource="/subscriptions/x", **at("2026-10")),
            charge("1000", resource="i-2", **at("2026-10")),  # nobody has mended it
        ],
        inventory={"i-1": MENDED, "//compute/i": MENDED, "/subscriptions/x": MENDED, "i-2": FAULTY},
    )
    assert done.recoverable is not None
    assert (done.recoverable.cost, done.recoverable.backfill) == ("165", "50")
    assert done.recoverable.command == (
        "aws ce start-cost-allocation-tag-backfill --backfill-from 2025-11-01T00:00:00Z"
    )
    said = terminal(done, Style(color=False, width=200))
    assert "50.00 of that at most" in said
    assert done.recoverable.command in said
    assert "50.00 of that at most a backfill" in markdown(done)


def test_where_a_backfill_reaches_nothing_none_is_named(tmp_path: Path) -> None:
    done = reported(tmp_path, [charge("9", **at("2025-01"))], inventory={"i-1": MENDED})
    assert done.recoverable is not None
    assert (done.recoverable.cost, done.recoverable.backfill, done.recoverable.command) == ("9", "0", "")
    assert "backfill" not in terminal(done, Style(color=False, width=200))


def test_a_refund_is_no_reach(tmp_path: Path) -> None:
    charges = [charge("50", '{"owner": "x1", "environment": "dev"}'), charge("-20")]
    done = reported(tmp_path, charges, inventory={"i-1": MENDED})
    assert done.recoverable is not None
    assert (done.recoverable.cost, done.recoverable.backfill) == ("30", "0")


@pytest.mark.parametrize(
    ("today", "since"),
    [("2026-11-30", "2025-11"), ("2026-12-01", "2025-12"), ("2026-01-31", "2025-01"), ("2024-02-29", "2023-02")],
)
def test_the_first_month_of_a_backfill_is_the_same_one_a_year_ago(today: str, since: str) -> None:
    assert backfilled_since(date.fromisoformat(today)) == since


def test_places_in_the_source_are_ranked_by_all_that_they_cover(tmp_path: Path) -> None:
    def managed(name: str) -> Known:
        manager = Manager(tool="terraform", name=name, where="infra/main.tf")
        return Known(compliant=False, type="aws_instance", managers=(manager,))

    done = reported(
        tmp_path,
        [charge("4", resource="i-1"), charge("5", resource="i-2"), charge("6", resource="i-3")],
        inventory={"i-1": managed("aws_instance.a[0]"), "i-2": managed("aws_instance.a[1]"), "i-3": FAULTY},
    )
    places = [one for one in done.pareto if one.kind == "source"]
    assert [(one.cost, one.resources, one.projected, one.command) for one in places] == [
        ("9", 2, 0.4, "costguard fix infra/main.tf")
    ]
    assert [one.cost for one in done.pareto if one.kind == "resource"] == ["6", "5", "4"]


def test_a_store_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "store").write_text("no store")
    bill_ = tmp_path / "bill.csv"
    bill_.write_text("ChargeCategory,BilledCost,EffectiveCost\nUsage,1,1\n")
    assert outcome(["spend", str(bill_), "--store", str(tmp_path / "store")]) == 2
    assert "store" in capsys.readouterr().err
