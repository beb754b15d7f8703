"""Every sample of a real bill, summed by a second method: the csv module and Decimal."""

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from costguard.model.cost import CLASSES, SpendReport
from costguard.policy.load import load
from costguard.spend.report import Asked, report

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "billing"
Row = Mapping[str, str | None]


def _azure(row: Row) -> tuple[str, str]:
    cost = next(text for name, text in row.items() if name.casefold() in ("costinbillingcurrency", "cost"))
    resource = row.get("ResourceId") or row.get("InstanceId")
    usage = "usage_taggable" if resource else "usage_no_resource"
    return {"Usage": usage, "Purchase": "purchase"}[row.get("ChargeType") or "Usage"], cost or ""


def _legacy(row: Row) -> tuple[str, str]:
    class_ = {"Usage": "usage_no_resource", "Tax": "tax"}[row["lineItem/LineItemType"] or ""]
    return class_, row["lineItem/UnblendedCost"] or ""


def _mini(row: Row) -> tuple[str, str]:
    return "usage_taggable", row["line_item_unblended_cost"] or ""


READ: Mapping[str, Callable[[Row], tuple[str, str]]] = {
    "aws_cur2_mini.csv": _mini,
    "aws_cur_legacy_anonymous.csv": _legacy,
    "azure_ea_actual_small.csv": _azure,
    "azure_ea_amortized_small.csv": _azure,
    "azure_ea_anonymous.csv": _azure,
    "azure_opencost_missing_brackets.csv": _azure,
    "azure_opencost_template.csv": _azure,
}


def reported(name: str, cache: Path) -> SpendReport:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("the samples of bills aren't beside the repository")
    asked = Asked(paths=((str(path), None),), basis="BilledCost", cache=cache)
    return report(asked, load(["baseline"]), date(2026, 11, 23))


@pytest.mark.parametrize("name", READ)
def test_a_sample_is_summed_to_the_last_digit(name: str, tmp_path: Path) -> None:
    done = reported(name, tmp_path)
    classes: dict[str, Decimal] = defaultdict(Decimal)
    count = 0
    with (SAMPLES / name).open(newline="", encoding="utf-8-sig") as file, localcontext(prec=60):
        for row in csv.DictReader(file):
            class_, cost = READ[name](row)
            classes[class_] += Decimal(cost)
            count += 1
        assert {one: Decimal(done.classes[one]) for one in CLASSES} == {one: classes[one] for one in CLASSES}
        assert Decimal(done.total) == sum(classes.values())
    assert (done.rows, done.complete) == (count, True)
    again = reported(name, tmp_path)
    assert again == done, "what was kept in the cache is the same"


def test_a_report_without_ids_and_tags_is_diagnosed_and_not_called_untagged(tmp_path: Path) -> None:
    done = reported("aws_cur_legacy_anonymous.csv", tmp_path)
    assert {"no-resource-ids", "no-tags"} <= {one.id for one in done.diagnoses}
    assert set(done.taggable.values()) == {"0"}
    assert {one.id: one.ratio for one in done.kpis}["untagged_share_taggable"] is None


def test_tags_without_braces_are_tags(tmp_path: Path) -> None:
    done = reported("azure_ea_anonymous.csv", tmp_path)
    # Each row carries tagA, tagB and tagC, and none of them is the policy's.
    assert (done.taggable["untagged"], done.taggable["missing"]) == ("0", done.total)


def test_costs_that_are_empty_are_a_gap(tmp_path: Path) -> None:
    done = reported("aws_cur2_fivetran_seed.csv", tmp_path)
    assert (done.total, done.rows, done.complete) == ("0", 20, False)
    assert any("20 charges have no BilledCost" in gap.why for gap in done.gaps)
