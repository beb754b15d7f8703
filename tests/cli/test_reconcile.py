"""``costguard reconcile`` as it is typed: scan, plan, look, rehearse, apply, look again, undo."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from costguard.cli.main import outcome
from costguard.model.change import read
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import denied, lost, slow

CONFIG = """
version: 1
policies: [policy.yaml]
inventory: {aws: {regions: [us-east-1], sources: [native]}}
reconcile: {assume-unmanaged: true, limits: {percent: 100}}
"""
POLICY = """
version: 1
name: owners
tags: {owner: {aliases: [team]}}
"""
Out = pytest.CaptureFixture[str]


@pytest.fixture
def world(aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    """Two queues that say their team under another key, one that says nothing and one that is fine, scanned."""
    monkeypatch.chdir(tmp_path)
    Path("costguard.yaml").write_text(CONFIG)
    Path("policy.yaml").write_text(POLICY)
    sqs = aws.client("sqs")
    for name, tags in (
        ("orders", {"Team": "shop"}),
        ("mails", {"team": "post"}),
        ("mystery", {}),
        ("fine", {"owner": "shop"}),
    ):
        sqs.create_queue(QueueName=name, tags=tags)
    assert outcome(["scan", "--type", "aws_sqs_queue", "--quiet", "--fail-on", "never"]) == 0
    return aws


def run(capsys: Out, *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = outcome(["reconcile", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def tags_of(aws: AwsServer, name: str) -> dict[str, str]:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    tags: dict[str, str] = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
    return tags


def test_from_a_scan_to_tags_and_back(world: AwsServer, capsys: Out) -> None:
    code, out, err = run(capsys, "plan", "--output", "changes.json")
    assert (code, err) == (0, "")
    assert f"arn:aws:sqs:us-east-1:{HOME}:orders" in out
    assert "+ owner = shop" in out
    assert "of 4 resources, 2 to tag, 1 flagged" in out
    assert stat.S_IMODE(Path("changes.json").stat().st_mode) == 0o600

    code, out, _ = run(capsys, "apply", "changes.json")
    assert code == 0
    assert "nothing was written" in out
    assert tags_of(world, "orders") == {"Team": "shop"}
    assert run(capsys, "status")[1] == "There were no runs.\n"

    code, out, _ = run(capsys, "apply", "changes.json", "--apply", "--format", "json")
    done = json.loads(out)
    assert (code, done["complete"], done["counts"]) == (0, True, {"written": 2})
    assert tags_of(world, "orders") == {"Team": "shop", "owner": "shop"}
    assert tags_of(world, "mails") == {"team": "post", "owner": "post"}
    assert tags_of(world, "mystery") == {}
    assert tags_of(world, "fine") == {"owner": "shop"}

    code, out, _ = run(capsys, "status", "--format", "json")
    (listed,) = json.loads(out)["runs"]
    assert (code, listed["run"], listed["kind"], listed["ended"]) == (0, done["run"], "apply", "done")
    code, out, _ = run(capsys, "status", done["run"])
    assert code == 0
    assert "2 changes written and read back" in out

    code, out, _ = run(capsys, "undo", "last")
    assert code == 0
    assert tags_of(world, "orders") == {"Team": "shop", "owner": "shop"}, "undo rehearses, too"
    code, out, _ = run(capsys, "undo", done["run"], "--apply")
    assert code == 0
    assert tags_of(world, "orders") == {"Team": "shop"}
    assert tags_of(world, "mails") == {"team": "post"}


def test_what_somebody_changed_since_the_plan_is_left_alone(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    sqs = world.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"owner": "somebody"})
    _, out, _ = run(capsys, "apply", "changes.json", "--apply", "--format", "json")
    outcomes = {one["id"].rpartition(":")[2]: one["outcome"] for one in json.loads(out)["changes"]}
    assert outcomes == {"orders": "drifted", "mails": "written"}
    assert tags_of(world, "orders") == {"Team": "shop", "owner": "somebody"}


def test_a_change_set_that_was_changed_is_refused_before_anything_is_asked(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    path = Path("changes.json")
    path.write_text(path.read_text().replace('"after": "shop"', '"after": "evil"'))
    world.requests.clear()
    code, _, err = run(capsys, "apply", "changes.json", "--apply")
    assert code == 2
    assert "was changed after it was planned" in err
    assert world.requests == []


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("format_name", ["markdown", "json", "terminal"])
def test_a_change_set_can_be_shown_again(capsys: Out, format_name: str) -> None:
    _, planned, _ = run(capsys, "plan", "--output", "changes.json", "--format", format_name)
    code, shown, _ = run(capsys, "show", "changes.json", "--format", format_name)
    assert code == 0
    assert shown == planned
    if format_name == "json":
        assert read(shown.encode(), "shown") == read(Path("changes.json").read_bytes(), "kept")


def test_an_application_beyond_the_limits_sends_nothing_and_says_which(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    Path("costguard.yaml").write_text(CONFIG.replace("percent: 100", "percent: 100, changes: 1"))
    world.requests.clear()
    code, out, _ = run(capsys, "apply", "changes.json", "--apply")
    assert code == 2
    assert "limits.changes" in out
    assert [one.operation for one in world.requests if "Tag" in one.operation] == []


def test_what_is_refused_makes_the_run_incomplete(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    world.fault(denied(), service="resourcegroupstaggingapi", operation="TagResources")
    world.fault(denied(), service="sqs", operation="TagQueue")
    code, out, _ = run(capsys, "apply", "changes.json", "--apply")
    assert code == 3
    assert "refused by the cloud" in out
    assert "--resume" in out
    assert tags_of(world, "orders") == {"Team": "shop"}


MISTAKES: list[tuple[list[str], str]] = [
    (["plan", "--tag", "onwer"], "no tag of the policy is called 'onwer'; there are owner"),
    (["plan", "--threshold", "2"], "--threshold"),
    (["plan", "--store", "none.db"], "there is no store none.db; a scan leaves one"),
    (["apply"], "apply takes a change set"),
    (["apply", "none.json"], "none.json can't be read"),
    (["apply", "costguard.yaml"], "is not a change set"),
    (["apply", "--resume", "last"], "give --apply"),
    (["apply", "--resume", "last", "--apply"], "the journal has no run yet"),
    (["undo", "20260101T000000-abcdef"], "has no run 20260101T000000-abcdef"),
    (["plan", "--output", "none/changes.json"], "none/changes.json can't be written"),
]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=lambda value: " ".join(value) if value else "")
def test_a_mistake_is_said_and_ends_in_2(capsys: Out, arguments: list[str], said: str) -> None:
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert said in err


@pytest.mark.usefixtures("world")
def test_mistakes_in_what_the_configuration_says_of_tags_are_said_with_their_lines(capsys: Out) -> None:
    Path("costguard.yaml").write_text(
        CONFIG.replace(
            "assume-unmanaged: true,", "overwrite: [ownr], infer: {defaults: [{account: '*', set: {x: y}}]},"
        )
    )
    code, _, err = run(capsys, "plan")
    assert code == 2
    assert "costguard.yaml:5: reconcile.overwrite[0]: no tag of the policy is called 'ownr'" in err
    assert "reconcile.infer.defaults[0].set.x" in err


@pytest.mark.parametrize("cloud", ["aws", "aws-ladder"])
def test_the_permissions_that_writing_needs_are_printed(capsys: Out, cloud: str) -> None:
    code, out, _ = run(capsys, "permissions", cloud)
    assert code == 0
    statements: list[dict[str, Any]] = json.loads(out)["Statement"]
    assert all(one["Effect"] == "Allow" for one in statements)
    allowed = {action for one in statements for action in one["Action"]}
    assert ("tag:TagResources" in allowed) is (cloud == "aws")
    assert ("ec2:TerminateInstances" in allowed) is (cloud == "aws-ladder")


def test_the_google_role_for_writing_is_printed(capsys: Out) -> None:
    code, out, _ = run(capsys, "permissions", "google")
    assert code == 0
    assert "compute.instances.setLabels" in out


def test_the_last_run_is_the_last_that_wrote_or_isnt_done(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    code, _, err = run(capsys, "undo", "last", "--apply")
    assert (code, "the journal has no run yet" in err) == (2, True)
    first = json.loads(run(capsys, "apply", "changes.json", "--apply", "--format", "json")[1])["run"]
    second = json.loads(run(capsys, "apply", "changes.json", "--apply", "--format", "json")[1])["run"]
    code, _, err = run(capsys, "apply", "--resume", "--apply")
    assert (code, "none of the last 2 runs can be resumed" in err) == (2, True)
    code, out, err = run(capsys, "undo", "last", "--apply", "--format", "json")
    assert f"the last one is run {first}, for the later run {second} wrote nothing" in err
    assert (code, json.loads(out)["counts"]) == (0, {"written": 2})
    assert tags_of(world, "orders") == {"Team": "shop"}


def test_resume_without_a_name_takes_the_run_that_is_not_done(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    world.fault(lost(), operation="GetResources", times=None)
    world.fault(lost(), operation="*TagResource*")
    world.fault(lost(), operation="ListQueueTags", skip=2)
    code, _, _ = run(capsys, "apply", "changes.json", "--apply")
    assert code == 3
    world.faults.clear()
    code, _, err = run(capsys, "apply", "--resume", "--apply")
    assert (code, err) == (0, "")
    assert tags_of(world, "orders") == {"Team": "shop", "owner": "shop"}


def test_what_terraform_manages_since_the_plan_is_left(world: AwsServer, capsys: Out) -> None:
    run(capsys, "plan", "--output", "changes.json")
    arn = f"arn:aws:sqs:us-east-1:{HOME}:orders"
    sqs = world.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    queue = {
        "mode": "managed",
        "type": "aws_sqs_queue",
        "name": "orders",
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [{"schema_version": 0, "attributes": {"arn": arn, "id": url, "url": url}}],
    }
    state = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "l",
        "outputs": {},
        "resources": [queue],
    }
    Path("terraform.tfstate").write_text(json.dumps(state))
    code, out, _ = run(capsys, "apply", "changes.json", "--state", "terraform.tfstate", "--apply", "--format", "json")
    outcomes = {one["id"].rpartition(":")[2]: one["outcome"] for one in json.loads(out)["changes"]}
    assert (code, outcomes) == (3, {"orders": "drifted", "mails": "written"})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_that_is_told_to_end_ends_as_at_the_keyboard_and_can_be_resumed_at_once(
    world: AwsServer, capsys: Out, number: signal.Signals
) -> None:
    run(capsys, "plan", "--output", "changes.json")
    world.fault(slow(1.5), operation="*TagResource*")
    job = subprocess.Popen(
        [sys.executable, "-m", "costguard", "reconcile", "apply", "changes.json", "--apply"],
        env=os.environ.copy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not world.calls("*", "*TagResource*") and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(number)
    said = job.communicate(timeout=60)
    assert job.returncode == 130, said
    world.faults.clear()
    code, _, err = run(capsys, "apply", "--resume", "--apply")
    assert (code, err) == (0, "")
    assert tags_of(world, "mails") == {"team": "post", "owner": "post"}
