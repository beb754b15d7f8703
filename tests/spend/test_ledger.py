"""The ledger's groups keep their sums when they are judged, and each has the ruling of its own tags."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.billing import COLUMNS, Charges, literal
from costguard.policy import Policy
from costguard.spend.ledger import Ledger
from costguard.spend.query import DIMENSIONS, grouping
from costguard.spend.verdicts import LONGEST_TAGS, Case, Judge, needs
from tests.policy.build import policy

TODAY = date(2026, 11, 23)
POLICY = """
tags: {owner: {aliases: [team]}, environment: {value: {enum: [production, dev]}}}
rules: [{id: one, when: {account: "1"}, require: {owner: {}}}]
exemptions: [{when: {account: "3"}, reason: moving, until: 2027-01-01}]
"""
TAGS = (
    None,
    "{}",
    '{"owner": "a"}',
    '{"owner": "a", "environment": "dev"}',
    '"team": "a"',
    "[",
    '{"owner": "\\u0000"}',
)
Row = tuple[str | None, str | None, str | None, Decimal]
rows = st.lists(
    st.tuples(
        st.sampled_from(TAGS),
        st.sampled_from(["aws", "google", "oracle", None]),
        st.sampled_from(["1", "3", None]),
        st.decimals(-9, 9, places=18),
    ),
    max_size=12,
)


def taken(ledger: Ledger, given: Sequence[Row]) -> None:
    blank: dict[str, list[str | None]] = {name: [None] * len(given) for name in DIMENSIONS}
    tags, providers, accounts, costs = zip(*given, strict=True) if given else ((), (), (), ())
    columns = {name: pa.array(column, pa.string()) for name, column in blank.items()}
    for name, column in (("tags", tags), ("provider", providers), ("account", accounts)):
        columns[name] = pa.array(column, pa.string())
    columns["cost"] = pa.array(costs, pa.decimal128(38, 18))
    columns["charges"] = pa.array([1] * len(given), pa.int64())
    columns["unread"] = pa.array([0] * len(given), pa.int64())
    ledger.open()
    ledger.take_batches(0, pa.table(columns).to_batches())


def judged(ledger: Ledger, rules: Policy) -> None:
    ledger.judge({0: Judge(rules, TODAY)}, list(rules.spellings), needs(rules))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_=rows)
def test_each_group_has_the_ruling_of_its_own_tags(tmp_path: Path, given_: list[Row]) -> None:
    rules = policy(tmp_path, POLICY)
    expected: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    alone = Judge(rules, TODAY, remember=False)
    for tags, provider, account, cost in given_:
        one = alone.one(Case(tags, provider, account))
        states = [one.states.get("owner"), one.states.get("environment")]
        values = [one.values.get("owner"), one.values.get("environment")]
        expected[(one.state, one.untagged, one.exempt, one.flaw or None, *states, *values)] += cost
    with Ledger(tmp_path, threads=1) as ledger:
        taken(ledger, given_)
        judged(ledger, rules)
        found = ledger.rows(
            "SELECT state, untagged, exempt, flaw, fault0, fault1, value0, value1, SUM(cost) FROM judged GROUP BY ALL"
        )
    assert {tuple(row[:-1]): row[-1] for row in found} == expected


def test_a_tag_set_of_any_length_is_judged_and_not_fetched(tmp_path: Path) -> None:
    rules = policy(tmp_path, POLICY)
    cell = '{"owner": "' + "é" * (3 * LONGEST_TAGS) + '"}'
    with Ledger(tmp_path, threads=1) as ledger:
        taken(ledger, [(cell, "aws", "1", Decimal(2)), (TAGS[3], "aws", "1", Decimal(3))])
        judged(ledger, rules)
        found = ledger.rows("SELECT state, flaw IS NOT NULL, SUM(cost) FROM judged GROUP BY ALL ORDER BY ALL")
    assert found == [("compliant", False, 3), ("unknown", True, 2)]


def test_a_ruling_is_kept_once(tmp_path: Path) -> None:
    rules = policy(tmp_path, POLICY)
    many = [(f'{{"owner": "a", "environment": "dev", "Name": "{n}"}}', "aws", "1", Decimal(1)) for n in range(50)]
    with Ledger(tmp_path, threads=1) as ledger:
        taken(ledger, [*many])
        judged(ledger, rules)
        assert ledger.rows("SELECT COUNT(*) FROM rulings") == [(1,)]
        assert ledger.rows("SELECT COUNT(*), COUNT(DISTINCT tags) FROM cases") == [(50, 50)]
        assert ledger.rows("SELECT SUM(cost) FROM judged") == [(50,)]


def test_the_embedded_query_gives_the_same_groups(tmp_path: Path) -> None:
    times = ("2026-10-31T23:59:59.999999Z", "2026-11-01T00:30:00+01:00", "2026-11-01", "1969-12-31T23:00:00Z", "no", "")
    listed = ", ".join(f"({literal(time)})" for time in times)
    select = dict.fromkeys(COLUMNS, "CAST(NULL AS VARCHAR)")
    select |= {"start": "TRY_CAST(time AS TIMESTAMPTZ)", "cost": "CAST(1.5 AS DECIMAL(38,18))"}
    with Ledger(tmp_path, threads=1) as ledger:
        one, other = (
            grouping(Charges(select=select), f"(VALUES {listed}) AS bill(time)", embedded=embedded)
            for embedded in (False, True)
        )
        found = ledger.rows(f"SELECT * FROM ({other}) ORDER BY ALL")
        assert found == ledger.rows(f"SELECT * FROM ({one}) ORDER BY ALL")
        months = {row[DIMENSIONS.index("month")]: row[-2] for row in found}
        assert months == {"2026-10": 2, "2026-11": 1, "1969-12": 1, None: 2}
