"""FOCUS as Parquet has it: tags as maps and lists, costs as binary fractions, columns by newer names."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

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


@pytest.mark.parametrize("provider", ["ServiceProviderName", "HostProviderName", "ProviderName", "PublisherName"])
def test_the_provider_is_in_the_column_that_there_is(tmp_path: Path, provider: str) -> None:
    done = reported(tmp_path, "'{}'", "1.0", provider)
    assert [one.name for one in done.by["provider"]] == ["azure"]
    assert [one.name for one in done.by["account"]] == ["0012"]
