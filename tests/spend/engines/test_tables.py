"""Bills in tables of Trino, Athena and BigQuery are reported as the same bills in files are.

The real clients talk to servers on loopback, and what these answer is computed from the query that arrived: DuckDB runs
it after SQLGlot has read it in the engine's dialect. That shows that the query means what it should as SQLGlot
understands the dialect; what it can't show is that an engine has each of its words. Those are held against the engines'
documentation (:mod:`costguard.spend.dialects`) and are in ``golden``.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from costguard.billing import Columns, formats
from costguard.cli.main import outcome
from costguard.spend.dialects import Dialect, kind, translated
from costguard.spend.query import grouping
from tests.servers.tables import Tables, serving
from tests.spend import bills

GOLDEN = Path(__file__).parent / "golden"
ROWS = 3000

FOCUS = {
    "chargecategory": "varchar",
    "commitmentdiscountstatus": "varchar(20)",
    "billedcost": "double",
    "effectivecost": "decimal(28,12)",
    "providername": "varchar",
    "subaccountid": "varchar",
    "resourceid": "varchar",
    "regionid": "varchar",
    "servicename": "varchar",
    "billingcurrency": "varchar",
    "chargeperiodstart": "timestamp(3)",
    "tags": "map(varchar, varchar)",
}
"""As Glue has the columns of AWS's FOCUS export."""


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The report without what names files and tables."""
    code = outcome(["spend", *arguments, "--format", "json", "--currency", "USD"])
    said = capsys.readouterr()
    assert code == 3, said.err or "a kind of charge that nobody knows is a gap"
    document: dict[str, Any] = json.loads(said.out)
    del document["diagnoses"], document["gaps"]
    return document


@pytest.fixture(scope="module")
def focus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("focus") / "bill.parquet"
    bills.write(file, ROWS, Tags=bills.MAP)
    return file


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("google") / "bill.parquet"
    bills.google(file, ROWS)
    return file


# ------------------------------------------------------------------ Trino

TRINO = ["--engine", "trino", "--engine-option", "scheme=http", "--engine-option", "host=127.0.0.1"]


@pytest.mark.parametrize("basis", ["BilledCost", "EffectiveCost"])
def test_a_bill_in_trino_is_reported_as_in_files(focus: Path, capsys: pytest.CaptureFixture[str], basis: str) -> None:
    tables = Tables("trino", FOCUS)
    tables.hold("hive", "bills", "focus", f"FROM '{focus}'")
    with serving(tables) as port:
        port_ = ["--engine-option", f"port={port}"]
        found = report(capsys, "hive.bills.focus", *TRINO, *port_, "--cost", basis)
        short = ["focus", "--engine-option", "catalog=hive", "--engine-option", "schema=bills"]
        assert report(capsys, *short, *TRINO, *port_, "--cost", basis) == found
    assert found == report(capsys, str(focus), "--cost", basis)
    assert found["rows"] > ROWS * 0.9


def test_what_trino_refuses_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    tables = Tables("trino", FOCUS)
    tables.refuses = "Access Denied: Cannot select from table focus"
    with serving(tables) as port:
        code = outcome(["spend", "hive.bills.focus", *TRINO, "--engine-option", f"port={port}"])
    assert code == 2
    assert "Cannot select from table focus" in capsys.readouterr().err


def test_a_table_that_trino_does_not_have_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Tables("trino", {})) as port:
        code = outcome(["spend", "hive.bills.focus", *TRINO, "--engine-option", f"port={port}"])
    assert code == 2
    assert "there is no such table" in capsys.readouterr().err


def test_a_hostile_name_of_a_table_stays_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    tables = Tables("trino", {})
    with serving(tables) as port:
        hostile = "hive.bills.t' OR '1'='1"
        assert outcome(["spend", hostile, *TRINO, "--engine-option", f"port={port}"]) == 2
    capsys.readouterr()
    (query,) = tables.said
    (where,) = sqlglot.parse_one(query, read="trino").find_all(sqlglot.exp.Where)
    assert [one.this for one in where.find_all(sqlglot.exp.Literal)] == ["bills", "t' or '1'='1"]


def test_a_password_is_not_sent_without_encryption(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTGUARD_TRINO_PASSWORD", "hunter2")
    assert outcome(["spend", "hive.bills.focus", *TRINO]) == 2
    said = capsys.readouterr().err
    assert "isn't sent over http" in said
    assert "hunter2" not in said


# ------------------------------------------------------------------ BigQuery


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def at(port: int) -> None:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{port}")

    return at


def field(name: str, kind_: str, mode: str = "NULLABLE", *inner: str) -> str:
    return json.dumps({"name": name, "type": kind_, "mode": mode, "fields": [json.loads(one) for one in inner]})


PAIR = field("key", "STRING"), field("value", "STRING")
GOOGLE = {
    "billing_account_id": field("billing_account_id", "STRING"),
    "cost": field("cost", "FLOAT"),
    "currency": field("currency", "STRING"),
    "cost_type": field("cost_type", "STRING"),
    "usage_start_time": field("usage_start_time", "TIMESTAMP"),
    "project": field(
        "project", "RECORD", "NULLABLE", field("id", "STRING"), field("labels", "RECORD", "REPEATED", *PAIR)
    ),
    "location": field("location", "RECORD", "NULLABLE", field("region", "STRING")),
    "service": field("service", "RECORD", "NULLABLE", field("description", "STRING")),
    "resource": field("resource", "RECORD", "NULLABLE", field("name", "STRING"), field("global_name", "STRING")),
    "labels": field("labels", "RECORD", "REPEATED", *PAIR),
    "system_labels": field("system_labels", "RECORD", "REPEATED", *PAIR),
    "tags": field("tags", "RECORD", "REPEATED", *PAIR, field("inherited", "BOOLEAN"), field("namespace", "STRING")),
    "credits": field("credits", "RECORD", "REPEATED", field("type", "STRING"), field("amount", "FLOAT")),
}
"""Google's detailed export (Google's guide, "Structure of detailed data export"), what costguard reads of it."""

BIGQUERY = ["--engine", "bigquery", "--engine-option", "project=acme-billing"]


def test_googles_export_in_bigquery_is_reported_as_in_files(
    google: Path, capsys: pytest.CaptureFixture[str], emulated: Callable[[int], None]
) -> None:
    tables = Tables("bigquery", GOOGLE)
    tables.hold("acme-billing", "billing", "gcp_billing_export_resource_v1_A", f"FROM '{google}'")
    with serving(tables) as port:
        emulated(port)
        found = report(capsys, "billing.gcp_billing_export_resource_v1_A", *BIGQUERY)
    assert found == report(capsys, str(google))
    assert found["classes"]["credit_adjustment"].startswith("-")


def test_focus_in_bigquery_is_reported_as_in_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], emulated: Callable[[int], None]
) -> None:
    file = tmp_path / "bill.parquet"
    bills.write(file, ROWS, Tags=bills.TEXT)
    kinds = {"BilledCost": "FLOAT", "EffectiveCost": "BIGNUMERIC", "ChargePeriodStart": "TIMESTAMP"}
    names = [
        *("ChargeCategory", "CommitmentDiscountStatus", "BilledCost", "EffectiveCost", "ProviderName", "SubAccountId"),
        *("ResourceId", "RegionId", "ServiceName", "BillingCurrency", "ChargePeriodStart", "Tags"),
    ]
    tables = Tables("bigquery", {name: field(name, kinds.get(name, "STRING")) for name in names})
    tables.hold("acme-billing", "billing", "focus", f"FROM '{file}'")
    with serving(tables) as port:
        emulated(port)
        for basis in ("BilledCost", "EffectiveCost"):
            found = report(capsys, "acme-billing.billing.focus", *BIGQUERY, "--cost", basis)
            assert found == report(capsys, str(file), "--cost", basis)


def test_what_bigquery_refuses_is_said(capsys: pytest.CaptureFixture[str], emulated: Callable[[int], None]) -> None:
    tables = Tables("bigquery", GOOGLE)
    tables.refuses = "Not found: Table acme-billing:billing.nothing"
    with serving(tables) as port:
        emulated(port)
        assert outcome(["spend", "billing.nothing", *BIGQUERY]) == 2
    assert "Not found: Table" in capsys.readouterr().err


@pytest.mark.parametrize("table", ["nothing", "a.b.c.d`", "billing.t`; DROP TABLE x", "p-1.billing.", "a b.c.d"])
def test_what_is_no_name_of_a_table_in_bigquery_is_a_slip(
    table: str, capsys: pytest.CaptureFixture[str], emulated: Callable[[int], None]
) -> None:
    emulated(1)
    assert outcome(["spend", table, *BIGQUERY]) == 2
    assert "name the table as" in capsys.readouterr().err


# ------------------------------------------------------------------ Athena

ATHENA = ["--engine", "athena", "--engine-option", "database=bills", "--engine-option", "region=eu-west-1"]


@pytest.fixture(scope="module")
def moto() -> Iterator[int]:
    program = Path(__file__).parents[2] / "servers" / "moto_process.py"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()


def queued(port: int, *answers: tuple[Sequence[str], Sequence[Sequence[Any]]]) -> None:
    """Has moto answer the next queries so, as Athena does: names first, and nothing for null."""
    results = [
        {
            "rows": [
                {"Data": [{} if cell is None else {"VarCharValue": str(cell)} for cell in row]}
                for row in (names, *rows)
            ],
            "column_info": [],
        }
        for names, rows in answers
    ]
    document = {"account_id": "123456789012", "region": "eu-west-1", "results": results}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/moto-api/static/athena/query-results",
        json.dumps(document).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - it is ours.
        assert answer.status == 201


@pytest.fixture
def aws(moto: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{moto}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    return moto


def test_a_bill_in_athena_is_reported_as_in_files(focus: Path, capsys: pytest.CaptureFixture[str], aws: int) -> None:
    tables = Tables("athena", FOCUS)
    tables.hold("AwsDataCatalog", "bills", "focus", f"FROM '{focus}'")
    types = {name: kind(said, "athena") for name, said in FOCUS.items()}
    charges = formats()["focus"].charges(Columns(types, embedded=False), "EffectiveCost")
    query = translated(grouping(charges, '"AwsDataCatalog"."bills"."focus"'), "athena")
    queued(aws, (("column_name", "data_type"), list(FOCUS.items())), tables.answer(query))
    assert report(capsys, "focus", *ATHENA) == report(capsys, str(focus))
    assert query in _asked()


def _asked() -> list[str]:
    import botocore.session

    client: Any = botocore.session.Session().create_client("athena", region_name="eu-west-1")
    ids = client.list_query_executions()["QueryExecutionIds"]
    found = [client.get_query_execution(QueryExecutionId=one)["QueryExecution"] for one in ids]
    return [one["Query"] for one in found]


@pytest.mark.parametrize(("option", "said"), [("timeout=soon", "a number"), ("nothing=1", "athena takes catalog")])
def test_an_option_that_means_nothing_is_a_slip(
    option: str, said: str, capsys: pytest.CaptureFixture[str], aws: int
) -> None:
    del aws
    assert outcome(["spend", "focus", *ATHENA, "--engine-option", option]) == 2
    assert said in capsys.readouterr().err


def test_an_athena_that_can_not_be_reached_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, aws: int
) -> None:
    del aws
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert outcome(["spend", "focus", *ATHENA]) == 2
    assert "Athena can't be asked about focus" in capsys.readouterr().err


# ------------------------------------------------------------------ the queries themselves

CUR2 = {
    "line_item_line_item_type": "VARCHAR",
    "line_item_unblended_cost": "DOUBLE",
    "line_item_usage_account_id": "VARCHAR",
    "line_item_resource_id": "VARCHAR",
    "line_item_usage_type": "VARCHAR",
    "line_item_currency_code": "VARCHAR",
    "line_item_usage_start_date": "TIMESTAMP",
    "savings_plan_savings_plan_effective_cost": "DOUBLE",
    "savings_plan_total_commitment_to_date": "DOUBLE",
    "savings_plan_used_commitment": "DOUBLE",
    "resource_tags": "MAP(VARCHAR, VARCHAR)",
}
LEGACY = {name: kind_ for name, kind_ in CUR2.items() if name != "resource_tags"} | {
    "resource_tags_user_owner": "VARCHAR",
    "line_item_usage_start_date": "VARCHAR",
}
AZURE = {
    **dict.fromkeys(["SubscriptionId", "MeterCategory", "Date", "ResourceId", "ConsumedService", "Tags"], "VARCHAR"),
    "CostInBillingCurrency": "DOUBLE",
}
_PAIRS = "STRUCT(key VARCHAR, value VARCHAR)[]"
EXPORT = {
    "billing_account_id": "VARCHAR",
    "cost": "DOUBLE",
    "usage_start_time": "TIMESTAMPTZ",
    "project": f"STRUCT(id VARCHAR, labels {_PAIRS})",
    "service": "STRUCT(description VARCHAR)",
    "labels": _PAIRS,
    "system_labels": _PAIRS,
    "tags": "STRUCT(key VARCHAR, value VARCHAR, inherited BOOLEAN, namespace VARCHAR)[]",
    "credits": "STRUCT(amount DOUBLE, type VARCHAR)[]",
    "resource": "STRUCT(name VARCHAR, global_name VARCHAR)",
}
QUERIES: list[tuple[str, Any, dict[str, str], Sequence[Dialect]]] = [
    (
        "focus",
        "focus",
        {name: kind(said, "trino") for name, said in FOCUS.items()},
        ["trino", "athena", "bigquery", "spark"],
    ),
    ("cur2", "aws-cur", CUR2, ["trino", "athena", "spark"]),
    ("cur", "aws-cur", LEGACY, ["trino", "athena", "spark"]),
    ("azure", "azure", AZURE, ["trino", "bigquery", "spark"]),
    ("gcp", "gcp", EXPORT, ["bigquery"]),
]


@pytest.mark.parametrize(
    ("name", "format_name", "types", "dialect"),
    [(name, format_name, types, dialect) for name, format_name, types, some in QUERIES for dialect in some],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_query_of_each_format_in_each_dialect_is_the_one_that_was_read(
    name: str, format_name: Any, types: dict[str, str], dialect: Dialect
) -> None:
    columns = Columns(types, embedded=False)
    format_ = formats()[format_name]
    assert format_.recognises(columns)
    query = translated(grouping(format_.charges(columns, "EffectiveCost"), '"c"."s"."t"'), dialect)
    file = GOLDEN / f"{name}.{dialect}.sql"
    if os.environ.get("COSTGUARD_WRITE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{query}\n", "utf-8")
    assert query == file.read_text("utf-8").rstrip("\n")
    # And it is one that its dialect can be read as, to the same text.
    assert sqlglot.transpile(
        query, read=dialect, write=dialect, pretty=True, unsupported_level=sqlglot.ErrorLevel.RAISE
    ) == [query]


def test_tags_of_bigquerys_type_for_json_are_taken_as_text() -> None:
    columns = Columns({"ChargeCategory": "VARCHAR", "BilledCost": "DOUBLE", "Tags": "JSON"}, embedded=False)
    query = translated(grouping(formats()["focus"].charges(columns, "BilledCost"), "t"), "bigquery")
    assert "TO_JSON_STRING(`Tags`) AS tags" in query


@pytest.mark.parametrize("dialect", ["spark", "trino", "athena"])
def test_lists_of_credits_are_refused_where_they_can_not_be_summed(dialect: Dialect) -> None:
    from costguard.errors import InputError

    query = grouping(formats()["gcp"].charges(Columns(EXPORT, embedded=False), "EffectiveCost"), "t")
    with pytest.raises(InputError, match="credits"):
        translated(query, dialect)


@pytest.mark.parametrize(
    ("said", "dialect", "meant"),
    [
        ("varchar(20)", "trino", "VARCHAR"),
        ("map(varchar, varchar)", "athena", "MAP(VARCHAR, VARCHAR)"),
        ("array(row(key varchar, value varchar))", "trino", "STRUCT(key VARCHAR, value VARCHAR)[]"),
        ("timestamp(3) with time zone", "trino", "TIMESTAMPTZ"),
        ("decimal(38,18)", "trino", "DECIMAL(38, 18)"),
        ("map<string,string>", "spark", "MAP(VARCHAR, VARCHAR)"),
        (
            "struct<id:string,labels:array<struct<key:string>>>",
            "spark",
            "STRUCT(id VARCHAR, labels STRUCT(key VARCHAR)[])",
        ),
        ("qdigest(bigint)", "trino", "QDIGEST(BIGINT)"),
        ("weird(3", "trino", "WEIRD(3"),
    ],
)
def test_types_are_read_as_each_engine_writes_them(said: str, dialect: Dialect, meant: str) -> None:
    assert kind(said, dialect) == meant
