"""The objective and its budget: held against sums made by hand and, over many days, with Decimal alone."""

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.config import SloDoc
from costguard.model.cost import STATES, Slo, SpendReport, State
from costguard.spend.report import Asked, report
from costguard.spend.slo import Dated, slo
from tests.spend.build import GOOD, bill, charge, policy, reported

TODAY = date(2026, 11, 23)
LAST = date(2026, 10, 30)
OBJECTIVE = SloDoc(objective=0.9, window="30d")
NONE: Mapping[State, Decimal] = dict.fromkeys(STATES, Decimal())


def day(**states: str) -> Mapping[State, Decimal]:
    return {**NONE, **{name: Decimal(cost) for name, cost in states.items()}}  # type: ignore[misc]


def standing(days: Mapping[date, Mapping[State, Decimal]], doc: SloDoc = OBJECTIVE) -> Slo:
    return slo(Dated(days, NONE), doc, TODAY)


def back(number: int) -> date:
    return LAST - timedelta(days=number)


# ------------------------------------------------------------------ by hand


def test_the_budget_is_what_the_objective_leaves_of_the_window() -> None:
    # 30 days of 10 compliant and 1 missing: 330 in all, of which a tenth may lack its tags.
    found = standing({back(n): day(compliant="10", missing="1") for n in range(30)})
    assert (found.taggable, found.compliant, found.budget, found.spent, found.left) == ("330", "300", "33", "30", "3")
    assert (found.state, found.start, found.end, found.days, found.seen) == ("met", "2026-10-01", "2026-10-31", 30, 30)
    long, short = found.burn
    assert (long.spent, long.budget, long.days) == ("30", "33", 30)
    assert (short.spent, short.budget, short.days, short.start) == ("3", "3.3", 3, "2026-10-28")
    assert long.rate == short.rate == pytest.approx(10 / 11)
    assert found.notes == ()


def test_what_lies_before_the_window_is_not_in_it() -> None:
    inside = {back(n): day(compliant="9", invalid="1") for n in range(30)}
    assert standing({**inside, back(30): day(missing="1000")}) == standing(inside)


def test_a_budget_that_is_used_to_the_last_digit_is_not_overspent() -> None:
    assert standing({back(n): day(compliant="9", missing="1") for n in range(30)}).state == "met"
    days = {back(n): day(compliant="9", missing="1") for n in range(29)}
    over = standing({**days, back(29): day(compliant="9", missing="1.000000000000000002")})
    assert (over.state, over.left) == ("missed", "-0.0000000000000000018")


def test_the_short_window_tells_what_happened_lately() -> None:
    found = standing({back(n): day(compliant="10", missing="10" if n < 3 else "0") for n in range(30)})
    # 30 of 330 in all, but half of the last three days: five times what a tenth allows.
    assert [one.rate for one in found.burn] == [pytest.approx(30 / 33), 5.0]


@pytest.mark.parametrize(("window", "short"), [("1d", 1), ("9d", 1), ("28d", 2), ("999d", 99)])
def test_the_short_window_is_a_tenth_and_at_least_a_day(window: str, short: int) -> None:
    found = standing({LAST: day(compliant="1")}, SloDoc(objective=0.9, window=window))
    assert [one.days for one in found.burn] == [int(window[:-1]), short]


def test_what_is_unknown_is_spent_but_never_misses_the_objective() -> None:
    days = {back(n): day(compliant="8", unknown="2") for n in range(30)}
    found = standing(days)
    assert (found.spent, found.unknown, found.state) == ("60", "60", "undecided")
    assert found.notes == ("whether the budget is spent hangs on 60 of which nothing is known",)
    # 1 of 10 a day may lack its tags; what is known to is more than that.
    known = {back(n): day(compliant="7", unknown="1", missing="2") for n in range(30)}
    assert standing(known).state == "missed"


@pytest.mark.parametrize(
    ("states", "note"),
    [
        ({"compliant": "-5", "missing": "1"}, "credits or corrections"),
        ({"compliant": "5", "missing": "-1"}, "credits or corrections"),
        ({"compliant": "-5"}, "credits or corrections"),
        ({"compliant": "5", "missing": "1", "unknown": "-2"}, "credits or corrections"),
        ({"compliant": "1", "missing": "-1"}, "credits or corrections"),
        ({}, "there is no taggable spend"),
    ],
)
def test_credits_make_it_meaningless_and_that_is_said(states: dict[str, str], note: str) -> None:
    found = standing({LAST: day(**states)})
    assert found.state == "undecided"
    assert any(one.startswith(note) for one in found.notes)
    assert [one.rate for one in found.burn] == [None, None]


def test_a_bill_without_days_decides_nothing() -> None:
    found = slo(Dated({}, day(missing="7")), OBJECTIVE, TODAY)
    assert (found.state, found.start, found.end, found.burn) == ("undecided", None, None, ())
    assert found.notes[0] == "7 of taggable spend doesn't say when it was and is in no window"


def test_a_bill_shorter_than_the_window_says_so() -> None:
    (note,) = standing({back(n): day(compliant="1") for n in range(7)}).notes
    assert note == "the bill has taggable charges on 7 of the window's 30 days: the budget is of these"


def test_the_future_is_in_no_window() -> None:
    found = standing({LAST: day(compliant="1"), TODAY + timedelta(days=1): day(missing="9")})
    assert (found.end, found.state) == ("2026-10-31", "met")
    assert found.notes[0].startswith("9 of taggable spend is dated after 2026-11-23")


# ------------------------------------------------------------------ laws

amounts = st.decimals(min_value=-5, max_value=1000, places=18, allow_nan=False)
bills = st.dictionaries(
    st.integers(0, 40).map(back), st.fixed_dictionaries(dict.fromkeys(STATES, amounts)), max_size=20
)


@given(bills, st.integers(1, 999), st.integers(1, 45))
def test_budget_and_windows_add_up(days: dict[date, dict[State, Decimal]], thousandths: int, window: int) -> None:
    objective = thousandths / 1000
    found = standing(days, SloDoc(objective=objective, window=f"{window}d"))
    with localcontext(prec=100):
        assert Decimal(found.budget) == Decimal(found.spent) + Decimal(found.left)
        assert Decimal(found.taggable) == Decimal(found.spent) + Decimal(found.compliant)
        # The objective's and the budget's parts are the whole.
        assert Decimal(found.budget) * 1000 == Decimal(found.taggable) * (1000 - thousandths)
        if not days:
            return
        long, short = found.burn
        assert (long.spent, long.budget) == (found.spent, found.budget)
        last = max(days)
        for one in (long, short):
            within = [states for when, states in days.items() if (last - when).days < one.days]
            wrong = sum((cost for states in within for name, cost in states.items() if name != "compliant"), Decimal())
            assert Decimal(one.spent) == wrong
        if found.state == "met":
            assert long.rate is not None
            assert long.rate <= 1


# ------------------------------------------------------------------ from bills

_TAGS = {"compliant": GOOD, "missing": '{"owner": "shop"}', "invalid": '{"owner": "shop", "environment": "x"}'}


def dated(days: Sequence[tuple[int, str, str]]) -> list[dict[str, str]]:
    return [
        charge(cost, _TAGS[state], f"i-{number}", ChargePeriodStart=f"2026-10-{number + 1:02}T23:59:59Z")
        for number, state, cost in days
    ]


def test_the_days_of_a_bill_are_those_of_its_charges(tmp_path: Path) -> None:
    charges = [
        *dated([(0, "compliant", "9"), (0, "missing", "0.5"), (1, "invalid", "2.25"), (29, "compliant", "20")]),
        # None of these is taggable usage in dollars.
        charge("100", ChargeCategory="Tax", ChargePeriodStart="2026-10-01T00:00:00Z"),
        charge("100", resource=None, ChargePeriodStart="2026-10-01T00:00:00Z"),
        charge("100", CommitmentDiscountStatus="Unused", ChargePeriodStart="2026-10-01T00:00:00Z"),
        charge("100", BillingCurrency="EUR", ChargePeriodStart="2026-10-01T00:00:00Z"),
    ]
    done = reported(tmp_path, charges, slo=SloDoc(objective=0.9), currency="USD")
    assert [(one.day, one.taggable, one.compliant) for one in done.days] == [
        ("2026-10-01", "9.5", "9"),
        ("2026-10-02", "2.25", "0"),
        ("2026-10-30", "20", "20"),
    ]
    assert done.slo is not None
    assert (done.slo.spent, done.slo.budget, done.slo.state) == ("2.75", "3.175", "met")


def test_nothing_is_looked_at_where_nobody_asks(tmp_path: Path) -> None:
    done = reported(tmp_path, dated([(0, "compliant", "9")]))
    assert (done.slo, done.days) == (None, ())


def test_a_policy_that_looks_at_resources_has_its_days(tmp_path: Path) -> None:
    text = """
version: 1
name: owners
tags: {owner: {}}
exemptions:
  - {when: {account: "2*"}, reason: "theirs", until: 2099-01-01}
"""
    charges = [charge("3", resource="i-1", SubAccountId="200000000000"), charge("4", resource="i-1")]
    done = reported(tmp_path, charges, text=text, slo=OBJECTIVE)
    assert [(one.taggable, one.compliant) for one in done.days] == [("7", "3")]


@pytest.mark.parametrize("when", ["", "0001-01-01", "9999-12-31", "infinity", "290000-01-01", "soon", "294247-01-10"])
def test_days_that_no_calendar_has_lose_nothing(tmp_path: Path, when: str) -> None:
    charges = [charge("3", ChargePeriodStart=when), charge("1", GOOD, ChargePeriodStart="2026-10-01")]
    done = reported(tmp_path, charges, slo=OBJECTIVE)
    assert done.slo is not None
    assert done.taggable["missing"] == "3"
    assert done.slo.notes[0].startswith("3 of taggable spend doesn't say when it was")
    assert [(one.day, one.taggable) for one in done.days] == [("2026-10-01", "1")]


rows = st.tuples(st.integers(0, 29), st.sampled_from(sorted(_TAGS)), amounts.map(str))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, min_size=1, max_size=12), st.randoms(), st.integers(0, 12))
def test_order_and_splitting_change_nothing_and_days_sum_to_the_whole(
    tmp_path: Path, days: list[tuple[int, str, str]], chance: random.Random, at: int
) -> None:
    whole = reported(tmp_path / "whole", dated(days), slo=OBJECTIVE)
    shuffled = dated(days)
    chance.shuffle(shuffled)
    for old in (tmp_path / "parts").glob("*.csv"):
        old.unlink()
    for number, part in enumerate((shuffled[:at], shuffled[at:])):
        if part:
            bill(tmp_path / "parts" / f"{number}.csv", part)
    split = _report(tmp_path)
    assert (split.slo, split.days) == (whole.slo, whole.days)
    for ours, theirs in (("taggable", whole.classes["usage_taggable"]), ("compliant", whole.taggable["compliant"])):
        assert sum((Decimal(getattr(one, ours)) for one in whole.days), Decimal()) == Decimal(theirs)


def _report(folder: Path) -> SpendReport:
    return report(Asked(paths=((str(folder / "parts"), None),), slo=OBJECTIVE), policy(folder), TODAY)
