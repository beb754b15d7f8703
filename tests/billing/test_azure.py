"""Azure's exports: names, dates and tags in every spelling that was seen."""

from datetime import date
from pathlib import Path

import pytest

from costguard.model.cost import SpendReport
from costguard.spend.report import Asked, report
from tests.spend.build import bill, policy

POLICY = "version: 1\nname: owners\ntags: {owner: {}}\n"
ROW = {
    "SubscriptionId": "s",
    "Date": "9/2/2023",
    "MeterCategory": "VM",
    "Cost": "1.25",
    "BillingCurrency": "CAD",
    "ResourceId": "/subscriptions/s/x",
    "Tags": '"owner": "shop"',
    "ChargeType": "Usage",
}


def reported(folder: Path, row: dict[str, str]) -> SpendReport:
    file = bill(folder / "azure.csv", [row], list(row))
    asked = Asked(paths=((str(file), None),), cache=folder / "cache")
    return report(asked, policy(folder, POLICY), date(2026, 11, 23))


@pytest.mark.parametrize(
    ("word", "class_"),
    [
        ("Usage", "usage_taggable"),
        ("Purchase", "purchase"),
        ("Tax", "tax"),
        ("UnusedReservation", "unused_commitment"),
        ("UnusedSavingsPlan", "unused_commitment"),
        ("Refund", "credit_adjustment"),
        ("RoundingAdjustment", "credit_adjustment"),
    ],
)
def test_each_type_of_charge_is_of_one_class(tmp_path: Path, word: str, class_: str) -> None:
    done = reported(tmp_path, {**ROW, "ChargeType": word})
    assert (done.classes[class_], done.complete) == ("1.25", True)


def test_a_type_of_charge_that_nobody_knows_is_a_gap(tmp_path: Path) -> None:
    assert not reported(tmp_path, {**ROW, "ChargeType": "New"}).complete


@pytest.mark.parametrize("day", ["9/2/2023", "09/02/2023", "2023-09-02", "2023-09-02T00:00:00Z"])
def test_days_are_read_as_americans_and_as_others_write_them(tmp_path: Path, day: str) -> None:
    assert reported(tmp_path, {**ROW, "Date": day}).period.start == "2023-09-01"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Cost", "PreTaxCost"),
        ("Cost", "costInBillingCurrency"),
        ("BillingCurrency", "billingcurrencycode"),
        ("BillingCurrency", "Currency"),
        ("SubscriptionId", "SubscriptionGuid"),
        ("ResourceId", "InstanceId"),
        ("Date", "UsageDateTime"),
    ],
)
def test_a_column_by_another_name_is_the_same(tmp_path: Path, name: str, other: str) -> None:
    done = reported(tmp_path, {other if one == name else one: text for one, text in ROW.items()})
    assert (done.currency, done.taggable["compliant"], done.period.start) == ("CAD", "1.25", "2023-09-01")
