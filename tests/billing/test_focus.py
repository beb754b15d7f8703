"""FOCUS as Parquet has it: tags as maps and lists, costs as binary fractions, columns by newer names."""

import time
from datetime import date
from pathlib import Path

import duckdb
import pytest

from costguard.billing import Columns, formats
from costguard.errors import InputError
from costguard.model.cost import SpendReport
from costguard.spend.report import Asked, report
from tests.spend.build import policy

POLICY = "version: 1\nname: owners\ntags: {owner: {}}\n"


def reported(folder: Path, tags: str, cost: str, provider: str) -> SpendReport:
    file = folder / "focus.parquet"
    with duckdb.connect() as db:
        db.execute(
            f"COPY (SELECT {cost} AS effectivecost, {tags} AS TAGS, 'Usage' AS ChargeCategory, 'i-1' AS ResourceId, "
            f"'Microsoft' AS {provider}, '0012' AS SubAccountId, 'USD' AS BillingCurrency) TO '{file}'"
        )
    return report(Asked(paths=((str(file), None),), cache=folder / "cache"), policy(folder, POLICY), date(2026, 11, 23))


@pytest.mark.parametrize(
    "tags",
    [
        "MAP {'owner': 'a\"b', 'x': NULL}",
        "[{'key': 'owner', 'value': 'a\"b'}, {'key': 'x', 'value': NULL}]",
        "{'owner': 'a\"b'}",
        """'{"owner": "a\\"b"}'""",
    ],
)
@pytest.mark.parametrize("cost", ["CAST(0.1 AS DOUBLE)", "CAST(0.1 AS DECIMAL(9, 3))", "'0.1'"])
def test_tags_and_costs_are_the_same_in_every_type(tmp_path: Path, tags: str, cost: str) -> None:
    done = reported(tmp_path, tags, cost, "ServiceProviderName")
    assert (done.total, done.taggable["compliant"], done.complete) == ("0.1", "0.1", True)


def test_the_provider_and_the_account_are_told_row_by_row(tmp_path: Path) -> None:
    file = tmp_path / "focus.parquet"
    with duckdb.connect() as db:
        db.execute(
            "COPY (SELECT 1 AS EffectiveCost, 'Usage' AS ChargeCategory, 'USD' AS BillingCurrency, '{}' AS Tags, * "
            "FROM (VALUES ('AWS', 'Microsoft', '1', '9'), (NULL, 'Google', NULL, '9'), ('', 'Microsoft', '', '8')) "
            f"AS t(ServiceProviderName, ProviderName, SubAccountId, BillingAccountId)) TO '{file}'"
        )
    done = report(Asked(paths=((str(file), None),), cache=tmp_path), policy(tmp_path, POLICY), date(2026, 11, 23))
    assert {one.name for one in done.by["provider"]} == {"aws", "google", "azure"}
    assert {one.name for one in done.by["account"]} == {"1", "9", "8"}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize(
    ("start", "month"),
    [
        ("'2026-09-30T23:30:00Z'", "2026-09"),
        ("'2026-09-30T23:30:00-02:00'", "2026-10"),
        ("'2026-10-01T05:29:00+05:30'", "2026-09"),
        ("'2026-10-01 00:00:00'", "2026-10"),
        ("'2026-10-01'", "2026-10"),
        ("TIMESTAMP '2026-10-01 00:00:00'", "2026-10"),
        ("TIMESTAMPTZ '2026-09-30 23:30:00-02'", "2026-10"),
        ("DATE '2026-10-01'", "2026-10"),
    ],
)
def test_months_are_those_of_utc_wherever_the_machine_is(
    tmp_path: Path, start: str, month: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "focus.parquet"
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(
            f"COPY (SELECT {start} AS ChargePeriodStart, 1 AS EffectiveCost, 'Usage' AS ChargeCategory) TO '{file}'"
        )
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        done = report(Asked(paths=((str(file), None),), cache=tmp_path), policy(tmp_path, POLICY), date(2026, 11, 23))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert done.period.start == f"{month}-01"


@pytest.mark.parametrize("provider", ["ServiceProviderName", "HostProviderName", "ProviderName", "PublisherName"])
def test_the_provider_is_in_the_column_that_there_is(tmp_path: Path, provider: str) -> None:
    done = reported(tmp_path, "'{}'", "1.0", provider)
    assert [one.name for one in done.by["provider"]] == ["azure"]
    assert [one.name for one in done.by["account"]] == ["0012"]


def test_where_the_other_cost_is_there_it_is_named() -> None:
    columns = Columns({"ChargeCategory": "VARCHAR", "BilledCost": "DOUBLE"})
    with pytest.raises(InputError, match=r"no column EffectiveCost.*: --cost BilledCost counts the one that is there"):
        formats()["focus"].charges(columns, "EffectiveCost")
