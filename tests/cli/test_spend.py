"""``costguard spend`` as it is typed."""

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from costguard.cli.main import outcome
from tests.conftest import ROOT
from tests.spend.build import GOOD, POLICY, bill, charge

Out = pytest.CaptureFixture[str]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bill of 80 that is right, 20 that isn't and 5 of tax, and a policy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("policy.yaml").write_text(POLICY)
    charges = [charge("80", GOOD), charge("20", None, "i-2"), charge("5", ChargeCategory="Tax")]
    bill(Path("bills/bill.csv"), charges)
    Path("costguard.yaml").write_text('version: 1\npolicies: [policy.yaml]\nbilling: [{path: "bills/*.csv"}]\n')
    return tmp_path


def run(capsys: Out, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = outcome(["spend", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("world")
def test_the_bills_that_the_configuration_names_are_read(capsys: Out) -> None:
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert out.startswith("105.00 USD (2026-10-01 to 2026-11-01, EffectiveCost)\n80.0% of taggable spend is compliant")
    assert "i-2" in out


@pytest.mark.usefixtures("world")
def test_the_report_is_what_its_schema_says(capsys: Out) -> None:
    code, out, _ = run(capsys, "bills", "--format", "json")
    document = json.loads(out)
    schema = json.loads((ROOT / "costguard" / "schemas" / "spend-v1.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    assert (code, document["schema"], document["total"]) == (0, "costguard/spend/v1", "105")
    assert document["classes"] == {
        "credit_adjustment": "0",
        "tax": "5",
        "purchase": "0",
        "unused_commitment": "0",
        "usage_no_resource": "0",
        "usage_taggable": "100",
    }
    assert run(capsys, "bills", "--format", "json")[1] == out, "the same input makes the same bytes"


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("share", "code"), [("0.8", 0), ("0.81", 1)])
def test_a_share_below_what_is_asked_for_ends_in_1(capsys: Out, share: str, code: int) -> None:
    assert run(capsys, "--fail-below", share, "-q")[0] == code


@pytest.mark.usefixtures("world")
def test_what_could_not_be_read_ends_in_3_and_the_rest_is_printed(capsys: Out) -> None:
    Path("bills/broken.csv").write_bytes(b"")
    code, out, _ = run(capsys, "--fail-below", "0.9")
    assert code == 3
    assert "105.00 USD" in out
    assert "bills/broken.csv" in out


MISTAKES = {
    "no bill": (["nowhere.csv"], "there is no bill there"),
    "no such currency": (["bills", "--currency", "GBP"], "there is USD"),
    "an output that is an input": (["bills/bill.csv", "--output", "bills/bill.csv"], "is what this command reads"),
    "rows over an input": (["bills/bill.csv", "--rows", "bills/bill.csv"], "is what this command reads"),
    "rows nowhere": (["bills", "--rows", "no/such/folder/x.parquet"], "can't be written"),
    "a wrong format": (["bills", "--bill-format", "aws-cur"], "no column line_item_unblended_cost"),
}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_a_sentence_and_2(capsys: Out, arguments: list[str], said: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_without_any_bill_it_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys)
    assert (code, "say which bill" in err) == (2, True)


@pytest.mark.usefixtures("world")
def test_the_rows_that_it_leaves_sum_to_what_it_says(capsys: Out) -> None:
    import pyarrow.parquet as pq

    assert run(capsys, "--rows", "rows.parquet", "-q")[0] == 0
    sums: Counter[str] = Counter()
    for row in pq.read_table("rows.parquet").to_pylist():
        sums[f"{row['class']} {row['state']}"] += row["cost"]
    assert sums == {"usage_taggable compliant": 80, "usage_taggable missing": 20, "tax None": 5}


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "=cmd|' /C calc'!A0"]


def test_a_spreadsheet_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    charges = [
        charge("-1", None, name, ServiceName=name, SubAccountId=name, BillingCurrency="USD") for name in FORMULAS
    ]
    charges += [charge("2", json.dumps({"owner": name, "environment": "dev"}), name) for name in FORMULAS]
    bill(Path("bill.csv"), charges)
    Path("policy.yaml").write_text("version: 1\nname: owners\ntags: {owner: {}}\n")
    code, out, _ = run(capsys, "bill.csv", "--policy", "policy.yaml", "--format", "csv")
    assert code == 0
    cells = [cell for row in csv.reader(io.StringIO(out, newline="")) for cell in row]
    for cell in cells:
        if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
            Decimal(cell)  # An amount below nothing, and no formula.
    assert sum(cell in [f"'{name}" for name in FORMULAS] for cell in cells) > len(FORMULAS)


HOSTILE = "\x1b[31mred\x1b[0m\n| x | <b>`a`</b> ::error::"


@pytest.mark.parametrize("format_name", ["terminal", "markdown"])
def test_what_a_bill_says_forges_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out, format_name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tags = json.dumps({"owner": HOSTILE, "environment": "dev"})
    bill(
        Path("bill.csv"),
        [
            charge("1", tags, HOSTILE, ServiceName=HOSTILE, SubAccountId=HOSTILE, RegionId=HOSTILE),
            charge("3", None, HOSTILE, ServiceName="other", SubAccountId="other"),
        ],
    )
    Path("policy.yaml").write_text("version: 1\nname: owners\ntags: {owner: {}}\n")
    code, out, _ = run(capsys, "bill.csv", "--policy", "policy.yaml", "--format", format_name, "--no-color", "-v")
    assert code == 0
    assert "\x1b" not in out
    assert not any(line.startswith("::error::") for line in out.splitlines())
    assert "\n| x |" not in out


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("width", ["40", "60", "100"])
def test_a_narrow_terminal_is_kept_to(monkeypatch: pytest.MonkeyPatch, capsys: Out, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    _, out, _ = run(capsys)
    tables = [line for line in out.splitlines() if line.startswith("  ") and "%" in line and "(" not in line]
    assert tables
    assert max(map(len, tables)) <= int(width)
