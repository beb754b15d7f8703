"""How an export is written changes nothing in the report: the order of columns and rows, the letter case of names,
columns that nobody knows, one file or several, packed or not."""

import csv
import gzip
import io
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.spend.report import Asked, report
from tests.spend.build import policy

Row = Mapping[str, str]

TAGS = st.dictionaries(
    st.sampled_from(["owner", "environment", "team", "Name"]), st.sampled_from(["shop", "dev", "", "Ü", '"'])
)
COST = st.decimals(min_value=-1000, max_value=1000, places=9).map(str)
DAY = st.integers(1, 28)


def focus(tags: Mapping[str, str], cost: str, day: int, kind: int) -> Row:
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "USD",
        "ChargeCategory": ["Usage", "Tax", "Credit"][kind],
        "ChargePeriodStart": f"2026-10-{day:02}T00:00:00Z",
        "ProviderName": "AWS",
        "ResourceId": f"i-{day % 3}",
        "SubAccountId": f"0{day}",
        "Tags": json.dumps(tags),
    }


def cur_2(tags: Mapping[str, str], cost: str, day: int, kind: int) -> Row:
    return {
        "line_item_unblended_cost": cost,
        "line_item_currency_code": "USD",
        "line_item_line_item_type": ["Usage", "Tax", "Credit"][kind],
        "line_item_usage_start_date": f"2026-10-{day:02} 00:00:00",
        "line_item_usage_account_id": f"0{day}",
        "line_item_resource_id": f"i-{day % 3}",
        "resource_tags": json.dumps({f"user_{key.lower()}": value for key, value in tags.items()}),
    }


def cur(tags: Mapping[str, str], cost: str, day: int, kind: int) -> Row:
    keys = ("owner", "environment", "team", "Name")
    return {
        "lineItem/UnblendedCost": cost,
        "lineItem/CurrencyCode": "USD",
        "lineItem/LineItemType": ["Usage", "Tax", "Credit"][kind],
        "lineItem/UsageStartDate": f"2026-10-{day:02}T00:00:00Z",
        "lineItem/UsageAccountId": f"0{day}",
        "lineItem/ResourceId": f"i-{day % 3}",
        **{f"resourceTags/user:{key}": tags.get(key, "") for key in keys},
    }


def azure(tags: Mapping[str, str], cost: str, day: int, kind: int) -> Row:
    return {
        "CostInBillingCurrency": cost,
        "BillingCurrencyCode": "USD",
        "ChargeType": ["Usage", "Tax", "Refund"][kind],
        "Date": f"10/{day:02}/2026",
        "SubscriptionId": f"0{day}",
        "ResourceId": f"/subscriptions/{day % 3}",
        "MeterCategory": "Storage",
        "Tags": json.dumps(tags)[1:-1],
    }


FORMATS = {"focus": focus, "cur-2": cur_2, "cur": cur, "azure": azure}


def text(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([[row[column] for column in columns] for row in rows])
    return out.getvalue().encode()


def said(folder: Path) -> dict[str, Any]:
    asked = Asked(paths=((str(folder / "bill"), None),), basis="BilledCost", cache=folder / "cache")
    done = report(asked, policy(folder), date(2026, 11, 23))
    return {
        name: getattr(done, name)
        for name in ("total", "currency", "period", "classes", "taggable", "kpis", "by", "showback", "pareto", "rows")
    } | {"complete": done.complete}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=12, deadline=None)
@given(
    given=st.lists(st.tuples(TAGS, COST, DAY, st.integers(0, 2)), min_size=1, max_size=12),
    seed=st.randoms(use_true_random=False),
)
def test_how_an_export_is_written_changes_nothing(
    name: str, given: list[tuple[dict[str, str], str, int, int]], seed: random.Random
) -> None:
    rows = [FORMATS[name](*one) for one in given]
    columns = list(rows[0])
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain, changed = Path(one), Path(other)
        (plain / "bill").mkdir()
        (plain / "bill" / "bill.csv").write_bytes(text(rows, columns))

        # Keys of tags keep their letters: they are the tag's name.
        names = {column: column if "user:" in column else seed.choice([column, column.upper(), column.lower()])
                 for column in columns}  # fmt: skip
        order = [*names.values(), "x_unknown"]
        seed.shuffle(order)
        rewritten = [{names[column]: cell for column, cell in row.items()} | {"x_unknown": "1,5"} for row in rows]
        seed.shuffle(rewritten)
        cut = seed.randint(0, len(rewritten))
        (changed / "bill" / "month=10").mkdir(parents=True)
        (changed / "bill" / "b.csv").write_bytes(text(rewritten[:cut], order))
        (changed / "bill" / "month=10" / "a.csv.gz").write_bytes(gzip.compress(text(rewritten[cut:], order)))
        assert said(changed) == said(plain)


@settings(max_examples=12, deadline=None)
@given(
    given=st.lists(st.tuples(TAGS, COST, DAY, st.sampled_from(["DISCOUNT", "PROMOTION"])), min_size=1, max_size=12),
    seed=st.randoms(use_true_random=False),
)
def test_how_googles_export_is_written_changes_nothing(
    given: list[tuple[dict[str, str], str, int, str]], seed: random.Random
) -> None:
    rows = [
        {
            "billing_account_id": "A",
            "cost": float(cost),
            "currency": "USD",
            "cost_type": "regular",
            "usage_start_time": f"2026-10-{day:02}T00:00:00Z",
            "project": {"id": "p", "labels": [{"key": "unit", "value": "u"}]},
            "service": {"description": "Compute"},
            "resource": {"name": f"n{day % 3}", "global_name": f"//compute/{day % 3}"},
            "labels": [{"key": key, "value": value} for key, value in tags.items()] or [{"key": "a", "value": "b"}],
            "credits": [{"type": kind, "amount": -0.25}],
        }
        for tags, cost, day, kind in given
    ]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        plain, changed = Path(one), Path(other)
        (plain / "bill").mkdir()
        (changed / "bill").mkdir()
        (plain / "bill" / "bill.jsonl").write_text("\n".join(map(json.dumps, rows)))
        rewritten = []
        for row in rows:
            names = list(row)
            seed.shuffle(names)
            rewritten.append({**{name: row[name] for name in names}, "x_unknown": 1})
        seed.shuffle(rewritten)
        cut = seed.randint(0, len(rewritten) - 1)
        if cut:
            (changed / "bill" / "b.jsonl").write_text("\n".join(map(json.dumps, rewritten[:cut])))
        packed = gzip.compress("\n".join(map(json.dumps, rewritten[cut:])).encode())
        (changed / "bill" / "a.jsonl.gz").write_bytes(packed)
        assert said(changed) == said(plain)
