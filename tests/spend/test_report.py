"""What a bill comes to: held against sums that are made by hand, or with the csv module and Decimal."""

import csv
import json
import random
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.errors import UsageError
from costguard.model.cost import CLASSES, SpendReport
from costguard.policy.load import load
from costguard.spend.report import Asked, report
from tests.spend.build import GOOD, POLICY, bill, charge, policy, reported

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "billing" / "focus_sample_1.0.csv"
TODAY = date(2026, 11, 23)


# ------------------------------------------------------------------ the official sample, by a second method

_ALIASES = {
    "owner": {"owner", "team", "owned-by", "owned_by"},
    "service": {"service", "app", "application", "service-name", "service_name"},
    "environment": {"environment", "env", "stage"},
}


def _state(tags: Mapping[str, str]) -> str:
    """The baseline policy in a few lines of its own."""
    folded = {key.strip().casefold() for key in tags}
    found = set()
    for name, aliases in _ALIASES.items():
        if name not in tags:
            found.add("misspelled" if folded & aliases else "missing")
        elif not tags[name].strip():
            found.add("empty")
        elif name == "environment" and tags[name] not in ("production", "staging", "dev"):
            found.add("invalid")
    return next((state for state in ("missing", "misspelled", "empty", "invalid") if state in found), "compliant")


@pytest.mark.parametrize("basis", ["BilledCost", "EffectiveCost"])
def test_the_official_sample_is_summed_to_the_last_digit(basis: str) -> None:
    if not SAMPLE.exists():
        pytest.skip("the samples of bills aren't beside the repository")
    classes: Counter[str] = Counter()
    states: Counter[str] = Counter()
    accounts: Counter[str] = Counter()
    with SAMPLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cost: Decimal = Decimal(row[basis])
            tags = {} if row["Tags"] in ("", "NULL") else json.loads(row["Tags"])
            has_resource = row["ResourceId"] not in ("", "NULL")
            kind = {
                "Usage": "usage_taggable" if has_resource else "usage_no_resource",
                "Credit": "credit_adjustment",
                "Adjustment": "credit_adjustment",
            }[row["ChargeCategory"]]
            classes[kind] += cost  # type: ignore[assignment]
            accounts[row["SubAccountId"]] += cost  # type: ignore[assignment]
            if kind == "usage_taggable":
                states[_state(tags)] += cost  # type: ignore[assignment]
                states["untagged"] += Decimal() if tags else cost  # type: ignore[assignment]
    done = report(
        Asked(paths=((str(SAMPLE), None),), basis=basis),  # type: ignore[arg-type]
        load(["baseline"]),
        TODAY,
    )
    assert Decimal(done.total) == sum(classes.values())
    assert {name: Decimal(text) for name, text in done.classes.items()} == {name: classes[name] for name in CLASSES}
    assert {name: Decimal(text) for name, text in done.taggable.items()} == {
        name: states[name] for name in done.taggable
    }
    assert {part.name: Decimal(part.total) for part in done.by["account"]} == accounts
    assert (done.currency, done.rows, done.complete) == ("USD", 1000, True)
    assert (done.period.start, done.period.end) == ("2024-09-01", "2024-10-01")
    if basis == "BilledCost":
        assert done.total == "20.52022672899"


# ------------------------------------------------------------------ classes and states

CLASSED = {
    "usage of a resource": (charge("1"), "usage_taggable"),
    "usage without one": (charge("1", resource=None), "usage_no_resource"),
    "a null in a word": (charge("1", resource="NULL"), "usage_no_resource"),
    "purchase": (charge("1", ChargeCategory="Purchase"), "purchase"),
    "tax": (charge("1", ChargeCategory="Tax"), "tax"),
    "credit": (charge("-1", ChargeCategory="Credit"), "credit_adjustment"),
    "adjustment": (charge("1", ChargeCategory="Adjustment"), "credit_adjustment"),
    "what nothing used": (charge("1", CommitmentDiscountStatus="Unused"), "unused_commitment"),
    "what was used": (charge("1", CommitmentDiscountStatus="Used"), "usage_taggable"),
}


@pytest.mark.parametrize(("one", "class_"), CLASSED.values(), ids=CLASSED)
def test_each_charge_is_of_one_class(tmp_path: Path, one: dict[str, str], class_: str) -> None:
    done = reported(tmp_path, [one])
    assert {name: amount for name, amount in done.classes.items() if amount != "0"} == {class_: one["BilledCost"]}
    assert done.complete


STATES = {
    "compliant": (GOOD, "compliant"),
    "nothing": (None, "missing"),
    "one of two": ('{"owner": "shop"}', "missing"),
    "only the cloud's own": ('{"aws:createdBy": "x"}', "missing"),
    "another case": ('{"Owner": "shop", "environment": "dev"}', "misspelled"),
    "empty": ('{"owner": " ", "environment": "dev"}', "empty"),
    "a tag without a value": ('{"owner": true, "environment": "dev"}', "empty"),
    "invalid": ('{"owner": "shop", "environment": "prod"}', "invalid"),
    "a number": ('{"owner": 7, "environment": "dev"}', "invalid"),
    "missing before all others": ('{"Owner": "shop"}', "missing"),
    "misspelled before invalid": ('{"team": "shop", "environment": "prod"}', "misspelled"),
    "empty before invalid": ('{"owner": "", "environment": "prod"}', "empty"),
}


@pytest.mark.parametrize(("tags", "state"), STATES.values(), ids=STATES)
def test_a_charge_with_several_faults_counts_once(tmp_path: Path, tags: str | None, state: str) -> None:
    done = reported(tmp_path, [charge("1.5", tags)])
    untagged = {"untagged": "1.5"} if state == "missing" and tags in (None, '{"aws:createdBy": "x"}') else {}
    assert {name: amount for name, amount in done.taggable.items() if amount != "0"} == {state: "1.5"} | untagged


def test_tags_that_cannot_be_read_are_unknown_and_a_gap(tmp_path: Path) -> None:
    done = reported(tmp_path, [charge("1.5", '{"owner": '), charge("2", GOOD)])
    assert (done.taggable["unknown"], done.taggable["compliant"]) == ("1.5", "2")
    assert not done.complete
    assert "1.5" in done.gaps[0].why


def test_a_cost_that_cannot_be_read_is_a_gap_and_the_rest_is_counted(tmp_path: Path) -> None:
    done = reported(tmp_path, [charge("a lot"), charge("", GOOD), charge("2", GOOD)])
    assert done.total == "2"
    assert [gap.why for gap in done.gaps] == ["2 charges have no EffectiveCost that can be read, and count as nothing"]


def test_a_kind_of_charge_that_nobody_knows_is_counted_and_is_a_gap(tmp_path: Path) -> None:
    done = reported(tmp_path, [charge("3", ChargeCategory="Rebate"), charge("2", GOOD)])
    assert (done.total, done.classes["usage_no_resource"]) == ("5", "3")
    assert not done.complete
    assert "3 are of a kind that costguard doesn't know" in done.gaps[0].why


def test_amounts_keep_every_digit(tmp_path: Path) -> None:
    done = reported(tmp_path, [charge("0.000000000000000001", GOOD), charge("12345678901234567890", GOOD)])
    assert done.total == "12345678901234567890.000000000000000001"


def test_currencies_are_never_added_up(tmp_path: Path) -> None:
    charges = [charge("1", GOOD), charge("2", GOOD), charge("5", GOOD, BillingCurrency="EUR")]
    done = reported(tmp_path, charges)
    assert (done.currency, done.total, done.complete) == ("USD", "3", False)
    assert [gap.where for gap in done.gaps] == ["currency EUR"]
    assert "1 charges of 5" in done.gaps[0].why
    chosen = reported(tmp_path, charges, currency="EUR")
    assert (chosen.currency, chosen.total, chosen.complete) == ("EUR", "5", True)
    with pytest.raises(UsageError, match="there is EUR, USD"):
        reported(tmp_path, charges, currency="GBP")


def test_a_share_without_a_meaning_is_none(tmp_path: Path) -> None:
    done = reported(tmp_path, [charge("1"), charge("-3", GOOD, "i-2")])
    share = {one.id: one for one in done.kpis}["untagged_share_taggable"]
    assert (share.numerator, share.denominator, share.ratio) == ("1", "-2", None)
    assert "meaningless" in share.note
    nothing = reported(tmp_path, [charge("1", ChargeCategory="Tax")])
    assert {one.id: one.ratio for one in nothing.kpis}["compliant_share_taggable"] is None


def test_a_tag_that_is_on_no_charge_may_never_have_been_activated(tmp_path: Path) -> None:
    charges = [charge("1", '{"environment": "dev"}'), charge("2", '{"environment": "dev"}', "i-2")]
    (found,) = [one for one in reported(tmp_path, charges).diagnoses if one.id == "never-activated"]
    assert "tag owner" in found.message
    assert found.cost == "3"
    there = [*charges, charge("1", GOOD, "i-3")]
    assert not [one for one in reported(tmp_path, there).diagnoses if one.id == "never-activated"]
    untagged = [charge("1"), charge("2")]
    assert not [one for one in reported(tmp_path, untagged).diagnoses if one.id == "never-activated"]


def test_an_export_without_ids_or_tags_is_no_alarm_but_a_diagnosis(tmp_path: Path) -> None:
    columns = ("BilledCost", "EffectiveCost", "ChargeCategory", "BillingCurrency", "ServiceName")
    row = {name: charge("4")[name] for name in columns}
    file = bill(tmp_path / "bare.csv", [row], columns)
    done = report(Asked(paths=((str(file), None),)), policy(tmp_path), TODAY)
    assert done.classes["usage_no_resource"] == done.total == "4"
    assert {"no-resource-ids", "no-tags"} <= {one.id for one in done.diagnoses}
    assert {one.id: one.ratio for one in done.kpis}["untagged_share_taggable"] is None


# ------------------------------------------------------------------ what to tag first


def test_the_dearest_come_first_with_the_share_that_each_leaves(tmp_path: Path) -> None:
    charges = [
        charge("50", GOOD, "i-good"),
        charge("10", None, "i-ten"),
        charge("15", None, "i-fifteen"),
        charge("15", '{"owner": "shop"}', "i-fifteen"),
        charge("-5", None, "i-refund"),
        charge("15", '{"owner": "shop", "environment": "x"}', "i-invalid"),
    ]
    done = reported(tmp_path, charges)
    assert done.classes["usage_taggable"] == "100"
    assert [(one.name, one.cost, one.projected, one.missing) for one in done.pareto] == [
        ("i-fifteen", "30", 0.2, ("owner", "environment")),
        ("i-invalid", "15", 0.05, ("environment",)),
        ("i-ten", "10", None, ("owner", "environment")),
    ], "with the refund the last step would leave less than nothing"


# ------------------------------------------------------------------ laws

_TAGS = st.sampled_from([None, GOOD, '{"owner": "shop"}', '{"Owner": "x", "environment": "dev"}', "{}", '{"a": "b"}'])
_COSTS = st.decimals(-1000, 1000, places=11, allow_nan=False).map(lambda one: f"{one:f}")
_CHARGES = st.builds(
    lambda cost, tags, resource, category, status, account: charge(
        cost, tags, resource, ChargeCategory=category, CommitmentDiscountStatus=status, SubAccountId=account
    ),
    _COSTS,
    _TAGS,
    st.sampled_from([None, "i-1", "i-2", "arn:aws:s3:::b"]),
    st.sampled_from(["Usage", "Usage", "Usage", "Tax", "Credit", "Purchase", "Adjustment"]),
    st.sampled_from(["", "Used", "Unused"]),
    st.sampled_from(["000000000001", "000000000002"]),
)
LAWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _amounts(done: SpendReport) -> list[Decimal]:
    return [Decimal(text) for text in done.classes.values()]


@LAWS
@given(charges=st.lists(_CHARGES, min_size=1, max_size=12))
def test_everything_sums_to_the_bill(tmp_path: Path, charges: list[dict[str, str]]) -> None:
    done = reported(tmp_path, charges)
    total = sum(Decimal(one["EffectiveCost"]) for one in charges)
    assert Decimal(done.total) == total == sum(_amounts(done))
    states = [Decimal(amount) for name, amount in done.taggable.items() if name != "untagged"]
    assert sum(states) == Decimal(done.classes["usage_taggable"])
    for parts in done.by.values():
        assert sum(Decimal(part.total) for part in parts) == total
        assert sum(Decimal(part.taggable) for part in parts) == Decimal(done.classes["usage_taggable"])
    for shares in done.showback.values():
        assert sum(Decimal(share.total) for share in shares) == total
        for share in shares:
            assert sum(map(Decimal, share.months.values())) == Decimal(share.total)


@LAWS
@given(
    charges=st.lists(_CHARGES, min_size=2, max_size=10),
    order=st.randoms(use_true_random=False),
    at=st.integers(1, 9),
)
def test_the_order_of_rows_and_columns_and_the_splitting_of_files_change_nothing(
    tmp_path: Path, charges: list[dict[str, str]], order: random.Random, at: int
) -> None:
    whole = reported(tmp_path, charges)
    shuffled = list(charges)
    order.shuffle(shuffled)
    columns = list(charges[0])
    order.shuffle(columns)
    folder = tmp_path / "split"
    bill(folder / "b.csv", shuffled[:at], columns)
    bill(folder / "a.csv", shuffled[at:] or shuffled[:0], columns)
    parts = report(Asked(paths=((str(folder), None),)), policy(tmp_path), TODAY)
    # That two files have the same content is remarked on.
    assert msgspec.structs.replace(parts, diagnoses=()) == msgspec.structs.replace(whole, diagnoses=())


@LAWS
@given(charges=st.lists(_CHARGES, min_size=1, max_size=10))
def test_a_stricter_policy_never_lowers_what_is_at_fault(tmp_path: Path, charges: list[dict[str, str]]) -> None:
    strict = POLICY.replace("[production, dev]", "[production]") + "  service: {}\n"
    before, after = reported(tmp_path, charges), reported(tmp_path, charges, text=strict)
    assert after.taggable["untagged"] == before.taggable["untagged"]
    costs = {one["ResourceId"]: Decimal(one["EffectiveCost"]) for one in charges}
    if all(cost >= 0 for cost in costs.values()) and all(Decimal(one["EffectiveCost"]) >= 0 for one in charges):
        assert Decimal(after.taggable["compliant"]) <= Decimal(before.taggable["compliant"])
