"""What a night says of the one before it, and what it writes where it may."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from costguard.cli.main import outcome
from costguard.config import read
from costguard.nightly.history import open_nights
from costguard.nightly.run import Asked, run
from costguard.policy.load import load
from costguard.reconcile.journal.sql import open_journal
from tests.nightly.nights import ALONE, Out, configured, night
from tests.notify.receivers import receiver
from tests.servers.aws import AwsServer
from tests.servers.faults import slow


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # What moto doesn't know it doesn't know the second time either.
    return tmp_path


def test_the_next_night_says_what_changed(aws: AwsServer, here: Path, capsys: Out) -> None:
    configured(here, inventory=ALONE)
    sqs = aws.client("sqs")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("orders", "mails")}
    _, made, _ = night(capsys, "--skip", "reconcile")
    assert made.live is not None
    assert (made.live.added, made.live.mended, made.before) == (None, None, ())
    at_fault = made.live.summary.violating

    sqs.tag_queue(QueueUrl=urls["orders"], Tags={"owner": "shop"})
    sqs.create_queue(QueueName="new")
    sqs.create_queue(QueueName="fine", tags={"owner": "shop"})
    _, made, _ = night(capsys, "--skip", "reconcile")
    assert made.live is not None
    assert (made.live.added, made.live.mended, made.live.summary.violating) == (1, 1, at_fault)
    assert [row.id.rpartition(":")[2] for row in made.rows if row.fresh] == ["new"]
    assert [(one.violating, one.complete) for one in made.before] == [(at_fault, True)]
    # What goes away is no more at fault, and was not mended.
    sqs.delete_queue(QueueUrl=urls["mails"])
    _, made, _ = night(capsys, "--skip", "reconcile")
    assert made.live is not None
    assert (made.live.added, made.live.mended, made.live.summary.violating) == (0, 0, at_fault - 1)


def test_a_night_that_may_writes_what_it_can_prove_and_says_how_to_take_it_back(
    aws: AwsServer, here: Path, capsys: Out
) -> None:
    configured(
        here,
        inventory=ALONE,
        reconcile={"assume-unmanaged": True, "limits": {"percent": 100}},
    )
    (here / "policy.yaml").write_text("version: 1\nname: owners\ntags: {owner: {aliases: [team]}}\n")
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="orders", tags={"team": "shop"})["QueueUrl"]
    code, made, _ = night(capsys)
    assert (code, made.planned is not None and made.planned.rehearsal) == (0, True)
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "shop"}
    code, made, _ = night(capsys, "--apply")
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "shop", "owner": "shop"}
    (activity,) = made.activity
    assert (activity.tonight, activity.counts) == (True, {"written": 1})
    (row,) = (row for row in made.rows if row.id.endswith(":orders"))
    assert (row.written, row.do) == (True, "tagged tonight: the next scan will see it")
    assert activity.undo == f"costguard reconcile undo {activity.run} --apply"
    assert outcome(activity.undo.split()[1:]) == 0
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "shop"}
    _, made, _ = night(capsys)
    assert [one.undo for one in made.activity] == ["", ""], "what was taken back can't be taken back again"


def test_a_clock_that_is_set_back_makes_no_scan_tonights(aws: AwsServer, here: Path) -> None:
    configured(here, inventory=ALONE)
    config = read(here / "costguard.yaml")
    asked = Asked(config=config, policy=load(["policy.yaml"]), skip=frozenset(["reconcile", "report"]))
    store = f"sqlite:///{here / 'costguard.db'}"
    with open_nights(store) as nights, closing(open_journal(store)) as journal:
        run(asked, nights, journal, now=lambda: datetime(2126, 11, 24, tzinfo=UTC))
        aws.client("sqs").create_queue(QueueName="new")
        ended = run(asked, nights, journal, now=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    assert ended.night.live is not None
    assert ended.night.live.summary.violating == 1


def test_owners_are_told_what_is_new_and_only_once(
    aws: AwsServer, here: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "policy.yaml").write_text("version: 1\nname: two\ntags: {owner: {}, service: {}}\n")
    configured(here, inventory=ALONE, notify=[{"webhook": {"url-from-env": "COSTGUARD_TEST_HOOK"}}])
    (here / "policy.yaml").write_text("version: 1\nname: two\ntags: {owner: {}, service: {}}\n")
    sqs = aws.client("sqs")
    sqs.create_queue(QueueName="old", tags={"owner": "shop"})
    with receiver() as (url, requests):
        monkeypatch.setenv("COSTGUARD_TEST_HOOK", url)
        code, made, _ = night(capsys, "--skip", "reconcile")
        assert (code, requests) == (0, []), "the first night has nothing to compare with"
        assert "this is the first" in next(one.why for one in made.stages if one.name == "notify")
        sqs.create_queue(QueueName="new", tags={"owner": "shop"})
        sqs.create_queue(QueueName="nobodys")
        code, made, _ = night(capsys, "--skip", "reconcile")
        assert (code, made.gaps) == (0, ())
        told = {str(body["data"]["owner"]): body["data"] for body in (json.loads(one.body) for one in requests)}
        assert told.keys() == {"shop", "None"}
        assert [one["id"].rpartition(":")[2] for one in told["shop"]["items"]] == ["new"]
        assert [one["id"].rpartition(":")[2] for one in told["None"]["items"]] == ["nobodys"]
        assert told["shop"]["items"][0]["wrong"] == "service: missing"
        requests.clear()
        code, _, _ = night(capsys, "--skip", "reconcile")
        assert (code, requests) == (0, []), "nothing is new"
    # A receiver that nobody names any more is a gap.
    monkeypatch.delenv("COSTGUARD_TEST_HOOK")
    sqs.create_queue(QueueName="newer")
    code, made, _ = night(capsys, "--skip", "reconcile")
    assert (code, [gap.where for gap in made.gaps]) == (3, ["notify/no owner"])
    assert "COSTGUARD_TEST_HOOK" in made.gaps[0].why


def test_a_night_that_is_killed_while_it_writes_goes_on_where_it_was(aws: AwsServer, here: Path, capsys: Out) -> None:
    configured(here, inventory=ALONE, reconcile={"assume-unmanaged": True, "limits": {"percent": 100, "canary": 1}})
    (here / "policy.yaml").write_text("version: 1\nname: owners\ntags: {owner: {aliases: [team]}}\n")
    sqs = aws.client("sqs")
    urls = [sqs.create_queue(QueueName=f"q{n}", tags={"team": "shop"})["QueueUrl"] for n in range(4)]
    aws.fault(slow(1.0), operation="*TagResource*")
    killed = subprocess.Popen(
        [sys.executable, "-m", "costguard", "nightly", "--apply"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ.copy(),
    )
    deadline = time.monotonic() + 60
    while not aws.calls("*", "*TagResource*") and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.kill()
    killed.wait(60)
    aws.faults.clear()
    (changes,) = (here / "costguard-nights").glob("*/changes.json")
    planned = changes.read_bytes()
    sqs.create_queue(QueueName="later", tags={"team": "shop"})
    # Its leases last two minutes, and are waited for. Here that time passes at once.
    with closing(sqlite3.connect("costguard.db")) as store:
        store.execute("UPDATE costguard_lease SET until = 1 WHERE place <> 'nightly'")
        store.commit()
    code, made, log = night(capsys, "--apply")
    assert log[0]["event"] == "night.resumed"
    assert changes.read_bytes() == planned, "what was approved of is what is gone on with"
    assert (code, made.gaps) == (0, ())
    assert [sqs.list_queue_tags(QueueUrl=url)["Tags"] for url in urls] == [{"team": "shop", "owner": "shop"}] * 4
    (activity,) = made.activity
    assert activity.how == "done"
    assert sum(activity.counts.values()) == 4
    assert outcome(activity.undo.split()[1:]) == 0
    assert [sqs.list_queue_tags(QueueUrl=url)["Tags"] for url in urls] == [{"team": "shop"}] * 4
