"""Google's export: credits and labels are lists, and neither multiplies what a row costs."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costguard.model.cost import SpendReport
from costguard.spend.report import Asked, report
from tests.spend.build import policy

POLICY = "version: 1\nname: owners\ntags: {owner: {}}\n"


def row(cost: float, **more: Any) -> dict[str, Any]:
    return {
        "billing_account_id": "01-02",
        "service": {"id": "6F", "description": "Compute Engine"},
        "usage_start_time": "2026-10-01T00:00:00Z",
        "project": {"id": "shop", "labels": [{"key": "owner", "value": "project"}]},
        "location": {"region": "europe-west1"},
        "resource": {"name": "i", "global_name": "//compute.googleapis.com/i"},
        "labels": [],
        "credits": [],
        "cost": cost,
        "currency": "EUR",
        "cost_type": "regular",
        **more,
    }


def reported(folder: Path, rows: list[dict[str, Any]], *, parquet: bool = False) -> SpendReport:
    file = folder / "export.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    if parquet:
        import duckdb

        made = folder / "export.parquet"
        with duckdb.connect() as db:
            db.execute(f"COPY (FROM read_json('{file}')) TO '{made}'")
        file = made
    asked = Asked(paths=((str(file), None),), cache=folder / "cache")
    return report(asked, policy(folder, POLICY), date(2026, 11, 23))


@pytest.mark.parametrize("parquet", [False, True])
def test_a_discount_is_of_the_price_and_a_gift_is_a_credit(tmp_path: Path, parquet: bool) -> None:
    labels = [{"key": "owner", "value": 'a"b'}, {"key": "x", "value": ""}]
    credits_ = [
        {"type": "SUSTAINED_USAGE_DISCOUNT", "amount": -0.3},
        {"type": "PROMOTION", "amount": -0.1},
        {"type": "FREE_TIER", "amount": -0.2},
    ]
    done = reported(tmp_path, [row(1.1, labels=labels, credits=credits_), row(2.5)], parquet=parquet)
    assert (done.total, done.classes["credit_adjustment"]) == ("3", "-0.3")
    # The label of the project allocates, and is not judged.
    assert (done.taggable["compliant"], done.taggable["missing"]) == ("0.8", "2.5")


def test_an_extract_without_any_label_or_credit_is_read(tmp_path: Path) -> None:
    done = reported(tmp_path, [row(2.5, resource={"name": "i"}, project={"id": "shop"})])
    assert (done.total, done.taggable["untagged"], done.complete) == ("2.5", "2.5", True)


@pytest.mark.parametrize(
    ("word", "class_"),
    [("tax", "tax"), ("adjustment", "credit_adjustment"), ("rounding_error", "credit_adjustment")],
)
def test_each_type_of_cost_is_of_one_class(tmp_path: Path, word: str, class_: str) -> None:
    assert reported(tmp_path, [row(4, cost_type=word)]).classes[class_] == "4"


def test_a_type_of_cost_that_nobody_knows_is_a_gap(tmp_path: Path) -> None:
    done = reported(tmp_path, [row(4, cost_type="new")])
    assert (done.total, done.complete) == ("4", False)
