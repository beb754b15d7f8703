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


def reported(folder: Path, rows: list[dict[str, Any]], *, parquet: bool = False, rules: str = POLICY) -> SpendReport:
    file = folder / "export.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    if parquet:
        import duckdb

        made = folder / "export.parquet"
        with duckdb.connect() as db:
            db.execute(f"COPY (FROM read_json('{file}')) TO '{made}'")
        file = made
    asked = Asked(paths=((str(file), None),), cache=folder / "cache")
    return report(asked, policy(folder, rules), date(2026, 11, 23))


@pytest.mark.parametrize("parquet", [False, True])
def test_a_discount_is_of_the_price_and_a_gift_is_a_credit(tmp_path: Path, parquet: bool) -> None:
    labels = [{"key": "owner", "value": 'a"b'}, {"key": "x", "value": ""}]
    credits_ = [
        {"type": "SUSTAINED_USAGE_DISCOUNT", "amount": -0.3},
        {"type": "PROMOTION", "amount": -0.1},
        {"type": "FREE_TIER", "amount": -0.2},
        {"type": "NEW_KIND", "amount": -0.2},
    ]
    done = reported(tmp_path, [row(1.1, labels=labels, credits=credits_), row(2.5)], parquet=parquet)
    assert (done.total, done.classes["credit_adjustment"]) == ("2.8", "-0.3")
    # The label of the project allocates, and is not judged.
    assert (done.taggable["compliant"], done.taggable["missing"]) == ("0.6", "2.5")


TAGGED = "version: 1\nname: owners\ntags: {owner: {google-tag: 123456789012/owner, value: {enum: [shop]}}}\n"


def tag(value: str, *, key: str = "owner", inherited: bool = False, namespace: str = "123456789012") -> dict[str, Any]:
    return {"key": key, "value": value, "inherited": inherited, "namespace": namespace}


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    ("tags", "labels", "state", "untagged", "owner"),
    [
        ([tag("shop")], [], "compliant", "0", "shop"),
        ([tag("shop", inherited=True)], [], "compliant", "0", "shop"),
        ([tag("shop", namespace="organizations/123456789012")], [], "compliant", "0", "shop"),
        ([tag("till")], [], "invalid", "0", ""),
        ([tag("till")], [{"key": "owner", "value": "shop"}], "invalid", "0", ""),
        ([tag("till", key="unit")], [{"key": "owner", "value": "shop"}], "compliant", "0", "shop"),
        ([tag("shop", key="unit")], [], "missing", "0", ""),
        ([tag("shop", key="unit", inherited=True)], [], "missing", "4", ""),
        ([tag("shop", namespace="999999999999")], [], "missing", "0", ""),
        # Whether the project of this name is the one of that number, the bill doesn't say.
        ([tag("shop", namespace="my-project")], [], "unknown", "0", ""),
        ([tag("shop"), tag("till")], [], "unknown", "0", ""),
    ],
)
def test_a_tag_of_the_resource_manager_does_as_well_as_a_label(
    tmp_path: Path,
    tags: list[dict[str, Any]],
    labels: list[dict[str, Any]],
    state: str,
    untagged: str,
    owner: str,
    parquet: bool,
) -> None:
    rows = [row(4, tags=tags, labels=labels, project={"id": "shop"})]
    done = reported(tmp_path, rows, parquet=parquet, rules=TAGGED)
    assert {name: cost for name, cost in done.taggable.items() if name != "untagged" and cost != "0"} == {state: "4"}
    assert done.taggable["untagged"] == untagged
    assert done.complete == (tags != [tag("shop"), tag("till")])
    assert [one.name for one in done.by["tag:owner"]] == [owner]


def test_where_an_extract_has_no_tags_of_the_resource_manager_nobody_can_say_that_one_is_missing(
    tmp_path: Path,
) -> None:
    assert reported(tmp_path, [row(4)], rules=TAGGED).taggable["unknown"] == "4"
    assert reported(tmp_path, [row(4, tags=[])], rules=TAGGED).taggable["missing"] == "4"
    # Who asks for a label alone isn't told of Tags.
    assert reported(tmp_path, [row(4)]).taggable["missing"] == "4"


@pytest.mark.parametrize("parquet", [False, True])
def test_a_reservation_that_nothing_used_is_an_unused_commitment(tmp_path: Path, parquet: bool) -> None:
    unused = {"key": "compute.googleapis.com/is_unused_reservation", "value": "true"}
    cores = {"key": "compute.googleapis.com/cores", "value": "4"}
    rows = [
        row(4, system_labels=[cores, unused]),
        row(2, system_labels=[cores, unused | {"value": "false"}]),
        row(1, system_labels=[]),
    ]
    done = reported(tmp_path, rows, parquet=parquet)
    assert (done.classes["unused_commitment"], done.classes["usage_taggable"]) == ("4", "3")


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
