"""AWS's reports: which line item is what, what it costs by either basis, and whose tags are where."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from costguard.model.cost import SpendReport
from costguard.spend.report import Asked, report
from tests.spend.build import bill, policy

POLICY = """
version: 1
name: owners
tags: {Owner: {aliases: [team]}, cost-center: {required: false}}
"""


def reported(folder: Path, rows: list[dict[str, str]], basis: str = "BilledCost") -> SpendReport:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file = bill(folder / "cur.csv", rows, columns)
    asked = Asked(paths=((str(file), None),), basis=basis, cache=folder / "cache")  # type: ignore[arg-type]
    return report(asked, policy(folder, POLICY), date(2026, 11, 23))


def line(kind: str, cost: str = "1", **more: str) -> dict[str, str]:
    return {
        "line_item_line_item_type": kind,
        "line_item_unblended_cost": cost,
        "line_item_usage_account_id": "012345678901",
        "line_item_resource_id": "i-0123456789abcdef0",
        "line_item_currency_code": "USD",
        "line_item_usage_start_date": "2026-10-01T00:00:00Z",
        "line_item_usage_type": "BoxUsage:t3.micro",
        **more,
    }


TYPES: Mapping[str, tuple[dict[str, str], tuple[str, str], tuple[str, str]]] = {
    # the line item → its class and cost as billed, and as effective
    "usage": (line("Usage"), ("usage_taggable", "1"), ("usage_taggable", "1")),
    "usage without a resource": (
        line("Usage", line_item_resource_id=""),
        ("usage_no_resource", "1"),
        ("usage_no_resource", "1"),
    ),
    "tax": (line("Tax"), ("tax", "1"), ("tax", "1")),
    "credit": (line("Credit", "-1"), ("credit_adjustment", "-1"), ("credit_adjustment", "-1")),
    "refund": (line("Refund", "-1"), ("credit_adjustment", "-1"), ("credit_adjustment", "-1")),
    "discount": (line("EdpDiscount", "-1"), ("credit_adjustment", "-1"), ("credit_adjustment", "-1")),
    "support": (line("Fee"), ("purchase", "1"), ("purchase", "1")),
    "a reservation's upfront fee": (
        line("Fee", reservation_reservation_a_r_n="arn:aws:ec2:::x"),
        ("purchase", "1"),
        ("purchase", "0"),
    ),
    "reserved usage": (
        line("DiscountedUsage", "0", reservation_effective_cost="0.7"),
        ("usage_taggable", "0"),
        ("usage_taggable", "0.7"),
    ),
    "a reservation's fee": (
        line(
            "RIFee",
            "5",
            reservation_unused_amortized_upfront_fee_for_billing_period="0.25",
            reservation_unused_recurring_fee="0.5",
        ),
        ("purchase", "5"),
        ("unused_commitment", "0.75"),
    ),
    "covered usage": (
        line("SavingsPlanCoveredUsage", "1", savings_plan_savings_plan_effective_cost="0.6"),
        ("usage_taggable", "1"),
        ("usage_taggable", "0.6"),
    ),
    "a plan's negation": (line("SavingsPlanNegation", "-1"), ("credit_adjustment", "-1"), ("credit_adjustment", "0")),
    "a plan's fee": (
        line(
            "SavingsPlanRecurringFee",
            "2",
            savings_plan_total_commitment_to_date="2",
            savings_plan_used_commitment="1.9",
        ),
        ("purchase", "2"),
        ("unused_commitment", "0.1"),
    ),
    "a plan's upfront fee": (line("SavingsPlanUpfrontFee", "9"), ("purchase", "9"), ("purchase", "0")),
}


@pytest.mark.parametrize(("row", "billed", "effective"), TYPES.values(), ids=TYPES)
def test_each_line_item_is_of_one_class_and_costs_what_its_type_says(
    tmp_path: Path, row: dict[str, str], billed: tuple[str, str], effective: tuple[str, str]
) -> None:
    for basis, (class_, cost) in (("BilledCost", billed), ("EffectiveCost", effective)):
        done = reported(tmp_path, [row], basis)
        assert done.complete
        assert (done.classes[class_], done.total) == (cost, cost)


def test_a_type_that_aws_invents_tomorrow_is_a_gap(tmp_path: Path) -> None:
    done = reported(tmp_path, [line("SomethingNew", "4"), line("Usage")])
    assert (done.total, done.complete) == ("5", False)


def test_rows_that_split_an_instance_among_pods_are_not_counted_beside_it(tmp_path: Path) -> None:
    rows = [
        line("Usage", "3"),
        line("Usage", "1", line_item_usage_type="EU-EKSPod-EC2:vCPU-Hours"),
        line("Usage", "1", line_item_usage_type="ECSTask-EC2:GB-Hours"),
        line("Usage", "1", split_line_item_parent_resource_id="i-0123456789abcdef0"),
    ]
    done = reported(tmp_path, rows)
    assert (done.total, done.rows) == ("3", 1)


TAGS: Mapping[str, tuple[dict[str, str], str]] = {
    # the columns with tags → the state
    "legacy": ({"resourceTags/user:Owner": "shop"}, "compliant"),
    "legacy, empty": ({"resourceTags/user:Owner": ""}, "missing"),
    "legacy, another key": ({"resourceTags/user:Team": "shop"}, "misspelled"),
    "legacy, aws's own alone": ({"resourceTags/user:Owner": "", "resourceTags/aws:createdBy": "x"}, "missing"),
    "legacy, hostile": ({"resourceTags/user:Owner": 'a"b\\c\n\t\r,{'}, "compliant"),
    "glue": ({"resource_tags_user_owner": "shop"}, "compliant"),
    "2.0": ({"resource_tags": '{"user_owner": "shop"}'}, "compliant"),
    "2.0, aws's own alone": ({"resource_tags": '{"aws_created_by": "x"}'}, "missing"),
    "2.0, newer": ({"tags": '{"resourceTags/Owner": "shop"}'}, "compliant"),
    "2.0, newer, the account's alone": ({"tags": '{"accountTag/Owner": "shop"}'}, "missing"),
}


@pytest.mark.parametrize(("columns", "state"), TAGS.values(), ids=TAGS)
def test_tags_are_found_in_every_shape_of_the_report(tmp_path: Path, columns: dict[str, str], state: str) -> None:
    done = reported(tmp_path, [line("Usage", "2", **columns)])
    assert {name: amount for name, amount in done.taggable.items() if amount != "0" and name != "untagged"} == {
        state: "2"
    }


def test_a_legacy_file_has_the_same_columns_by_other_names(tmp_path: Path) -> None:
    row = {
        "lineItem/LineItemType": "Usage",
        "lineItem/UnblendedCost": "2",
        "lineItem/UsageAccountId": "000000000001",
        "lineItem/ResourceId": "arn:aws:s3:::b",
        "lineItem/CurrencyCode": "EUR",
        "lineItem/UsageStartDate": "2026-10-31T23:00:00Z",
        "product/ProductName": "Amazon S3",
        "resourceTags/user:Owner": "shop",
    }
    done = reported(tmp_path, [row])
    assert (done.currency, done.taggable["compliant"], done.by["account"][0].name) == ("EUR", "2", "000000000001")
    assert (done.by["service"][0].name, done.period.start) == ("Amazon S3", "2026-10-01")
