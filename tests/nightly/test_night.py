"""A whole night, against real SDKs and a cloud on loopback: stages, gaps, and what becomes of one that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from costguard.cli.main import outcome
from costguard.model.night import Night
from tests.nightly.nights import Out, billed, configured, night, states
from tests.servers.aws import Role
from tests.servers.faults import slow
from tests.servers.organisation import EXTERNAL_ID, LABS, SHOP, Organisation, role_arn
from tests.servers.postgres import Postgres


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_night_scans_plans_bills_and_reports(organisation: Organisation, here: Path, capsys: Out) -> None:
    bare = min(organisation.pick(account=SHOP, region="us-east-1", type="aws_instance", tagged=False))
    billed(here / "bill.csv", ("75", "arn:aws:s3:::elsewhere", "payments"), ("25", bare.rpartition("/")[2], ""))
    configured(here, billing=[{"path": "bill.csv"}])
    code, made, log = night(capsys)
    assert (code, made.complete, made.gaps) == (0, True, ())
    assert states(made) == {"scan": "done", "reconcile": "done", "spend": "done", "report": "done", "notify": "skipped"}
    assert [one["event"] for one in log][:2] == ["night.began", "stage.began"]
    assert {one["level"] for one in log} == {"info"}
    assert made.live is not None
    assert made.live.summary.violating == len(made.rows)
    assert {row.id for row in made.rows} >= organisation.pick(region="us-east-1", type="aws_instance", tagged=False)
    # The bill names it by its plain id, and it is one and the same.
    first = made.rows[0]
    assert (first.id, first.cost, first.projected, first.tags) == (bare, "25", 0.0, ("owner",))
    assert first.do == f"costguard reconcile plan --account {SHOP} --type aws_instance"
    assert made.planned is not None
    assert made.planned.rehearsal
    folder = here / "costguard-nights" / made.id
    assert msgspec.json.decode((folder / "night.json").read_bytes(), type=Night) == made
    assert (here / "costguard-nights" / "latest.html").read_bytes() == (folder / "report.html").read_bytes()
    assert bare in (folder / "report.html").read_text()
    assert oct((folder / "night.json").stat().st_mode & 0o777) == "0o600"


def test_a_night_with_an_account_denied_a_bill_missing_and_the_process_killed(
    organisation: Organisation, here: Path, capsys: Out
) -> None:
    billed(here / "bill.csv", ("75", "arn:aws:s3:::elsewhere", "payments"))
    configured(here, billing=[{"path": "bill.csv"}, {"path": "gone.csv"}])
    organisation.aws.roles = {role_arn(SHOP): Role(EXTERNAL_ID)}
    killed = subprocess.Popen(
        [sys.executable, "-m", "costguard", "nightly", "--log", "json"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert killed.stderr is not None
    for line in killed.stderr:
        if json.loads(line).get("stage") == "reconcile":
            killed.kill()
            break
    killed.stderr.close()
    assert killed.wait(60) == -signal.SIGKILL

    organisation.aws.requests.clear()
    began = time.monotonic()
    code, made, log = night(capsys)
    assert time.monotonic() - began < 60, "a lease of a process that is no more keeps nobody out"
    assert [one["event"] for one in log][:2] == ["night.resumed", "stage.kept"]
    assert not [one for one in organisation.aws.requests if one.service == "sqs"], "nothing is scanned a second time"
    assert (code, made.complete, made.resumed) == (3, False, 1)
    assert states(made) == {
        "scan": "incomplete",
        "reconcile": "done",
        "spend": "incomplete",
        "report": "done",
        "notify": "skipped",
    }
    assert sorted(
        gap.where.split("/")[:2] if gap.where.startswith("aws") else [Path(gap.where).name] for gap in made.gaps
    ) == [
        ["aws", LABS],
        ["gone.csv"],
    ]
    page = (here / "costguard-nights" / "latest.html").read_text()
    assert "This night is incomplete" in page
    assert f"aws/{LABS}" in page
    assert "gone.csv" in page
    # The bill that is there, and the accounts that let themselves be read, are reported all the same.
    assert made.spend is not None
    assert made.spend.total == "75"
    assert made.live is not None
    assert {row.account for row in made.rows} == {"123456789012", SHOP}


def test_a_stage_that_fails_leaves_the_others_standing(here: Path, capsys: Out) -> None:
    (here / "bill.csv").write_text("this,is\nno,bill\n")
    configured(here, billing=[{"path": "bill.csv"}])
    document = json.loads((here / "costguard.yaml").read_text())
    del document["inventory"]
    (here / "costguard.yaml").write_text(json.dumps(document))
    code, made, log = night(capsys)
    assert (code, states(made)["spend"], states(made)["report"]) == (3, "failed", "done")
    (gap,) = made.gaps
    assert gap.where == "nightly/spend"
    assert "no bill that costguard knows" in gap.why
    assert [one["level"] for one in log if one.get("state") == "failed"] == ["error"]


def test_a_night_of_something_else_is_not_taken_up(organisation: Organisation, here: Path, capsys: Out) -> None:
    configured(here)
    organisation.aws.fault(slow(5), operation="*")
    killed = subprocess.Popen([sys.executable, "-m", "costguard", "nightly"], stderr=subprocess.PIPE, text=True)
    assert killed.stderr is not None
    killed.stderr.readline()
    killed.kill()
    killed.stderr.close()
    killed.wait(60)
    organisation.calm()
    configured(here, slo={"objective": 0.5})
    _, made, log = night(capsys, "--skip", "reconcile")
    assert (log[0]["event"], made.resumed) == ("night.began", 0)


def test_a_night_that_is_interrupted_says_so_and_is_taken_up(
    organisation: Organisation, here: Path, capsys: Out
) -> None:
    configured(here)
    organisation.aws.fault(slow(5), operation="*")
    job = subprocess.Popen(
        [sys.executable, "-m", "costguard", "nightly"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert job.stderr is not None
    job.stderr.readline()
    job.send_signal(signal.SIGTERM)
    said = job.communicate(timeout=60)
    assert (job.returncode, "interrupted" in said[1]) == (130, True)
    organisation.calm()
    code, made, log = night(capsys)
    assert (code, log[0]["event"], made.resumed) == (0, "night.resumed", 1)


def test_only_so_many_nights_are_kept(here: Path, capsys: Out) -> None:
    billed(here / "bill.csv", ("75", "arn:aws:s3:::elsewhere", "payments"))
    configured(here, billing=[{"path": "bill.csv"}], nightly={"keep": 2, "stages": ["spend", "report"]})
    ids = [night(capsys)[1].id for _ in range(4)]
    assert sorted(one.name for one in (here / "costguard-nights").iterdir() if one.is_dir()) == sorted(ids)[-2:]
    _, made, _ = night(capsys)
    assert [one.id for one in made.before] == ids


def test_where_nothing_can_be_kept_nothing_is_begun(here: Path, capsys: Out) -> None:
    billed(here / "bill.csv", ("75", "arn:aws:s3:::elsewhere", "payments"))
    configured(here, billing=[{"path": "bill.csv"}], nightly={"folder": "bill.csv/nights"})
    assert outcome(["nightly"]) == 2
    assert "nightly.folder: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nightly"], ["nightly", "--config", "costguard.yaml", "--skip", "nothing"]])
@pytest.mark.usefixtures("here")
def test_what_is_not_understood_ends_in_2(arguments: list[str]) -> None:
    assert outcome(arguments) == 2


def test_a_team_keeps_its_nights_in_postgresql(
    here: Path, capsys: Out, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSTGUARD_TEST_STORE", postgres.database())
    billed(here / "bill.csv", ("75", "arn:aws:s3:::elsewhere", "payments"), ("25", "arn:aws:s3:::bare", ""))
    configured(here, billing=[{"path": "bill.csv"}], reconcile={"store": {"from-env": "COSTGUARD_TEST_STORE"}})
    skipped = ["--skip", "scan", "--skip", "reconcile"]
    _, first, _ = night(capsys, *skipped)
    code, second, _ = night(capsys, *skipped)
    assert code == 0
    assert [(one.id, one.share) for one in second.before] == [(first.id, 0.25)]
    assert not list(here.glob("*.db*"))
