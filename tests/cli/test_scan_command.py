"""``costguard scan`` as a program: its exit codes, what it refuses, what it leaves behind, and how it can be ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from costguard import reports
from tests.cli.conftest import Costguard, Ended, Terminal, one_sentence
from tests.servers import faults
from tests.servers.organisation import LABS, MAIN, SHOP, TYPES, Organisation, config, policy, role_arn

INSTANCES, QUEUES, BUCKETS, SECRETS, REPOS = TYPES
STORE = "costguard-scan.db"


@pytest.fixture
def organisation(made: Organisation, environment: dict[str, str], tmp_path: Path) -> Iterator[Organisation]:
    """The organisation, and what a person has in the working folder and the environment to scan it."""
    made.calm()
    made.aws.explorer.indexes.clear()
    environment.update(made.environment())
    (tmp_path / "policy.yaml").write_text(policy())
    (tmp_path / "costguard.yaml").write_text(config())
    yield made
    made.calm()


def unassumable(organisation: Organisation) -> None:
    assert organisation.aws.roles is not None
    del organisation.aws.roles[role_arn(LABS)]


# ------------------------------------------------------------------ exit codes


@pytest.mark.usefixtures("organisation")
def test_nothing_amiss_ends_in_0(costguard: Costguard) -> None:
    ended = costguard("scan", "--type", SECRETS)
    assert (ended.code, ended.err) == (0, "")


def test_findings_end_in_1_unless_they_are_never_to(organisation: Organisation, costguard: Costguard) -> None:
    ended = costguard("scan", "--type", INSTANCES)
    assert (ended.code, ended.err) == (1, "")
    # Three accounts, two regions, an instance without a tag in each.
    assert "6" in ended.text
    assert all(arn in ended.text for arn in organisation.pick(type=INSTANCES, tagged=False))
    assert costguard("scan", "--type", INSTANCES, "--fail-on", "never").code == 0


def test_a_gap_ends_in_3_whatever_the_findings_are(organisation: Organisation, costguard: Costguard) -> None:
    unassumable(organisation)
    for fail_on in ("error", "never"):
        ended = costguard("scan", "--type", INSTANCES, "--fail-on", fail_on)
        assert ended.code == 3
        assert f"aws/{LABS}/global/*/account" in ended.text
        assert all(arn in ended.text for arn in organisation.pick(account=SHOP, type=INSTANCES, tagged=False))


@pytest.mark.parametrize("where", ["command", "configuration"])
def test_an_accepted_gap_is_a_remark(
    organisation: Organisation, costguard: Costguard, tmp_path: Path, where: str
) -> None:
    unassumable(organisation)
    pattern = f"aws/{LABS}/*"
    arguments = ["--allow-gap", pattern]
    if where == "configuration":
        document = json.loads(config())
        document["inventory"]["allow-gaps"] = [pattern]
        (tmp_path / "costguard.yaml").write_text(json.dumps(document))
        arguments = []

    ended = costguard("scan", "--type", INSTANCES, "--format", "json", *arguments)

    assert ended.code == 1
    report = json.loads(ended.text)
    assert (report["complete"], report["gaps"]) == (True, [])
    (note,) = [note for note in report["notes"] if note.startswith("accepted gap")]
    assert note.startswith(f"accepted gap ({pattern}): aws/{LABS}/global/*/account: the role can't be assumed")
    assert costguard("scan", "--type", SECRETS, *arguments).code == 0


def test_an_accepted_gap_excuses_no_other(organisation: Organisation, costguard: Costguard) -> None:
    unassumable(organisation)
    assert costguard("scan", "--type", SECRETS, "--allow-gap", f"aws/{SHOP}/*").code == 3


@pytest.mark.usefixtures("organisation")
def test_no_credentials_are_a_gap_that_says_what_helps(costguard: Costguard, environment: dict[str, str]) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del environment[name]
    ended = costguard("scan", "--format", "json")
    assert ended.code == 3
    (gap,) = json.loads(ended.text)["gaps"]
    assert gap == {
        "where": "aws/-/global/*/caller",
        "why": "there are no AWS credentials; `aws sts get-caller-identity` must work where costguard runs",
    }


# ------------------------------------------------------------------ what is refused, before anything is asked


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--type", "aws_s3_bukcet"], "aws_s3_bukcet"),
        (["--role", "no such role!"], "role"),
        (["--account", "12"], "12 digits"),
        (["--account", "organization", "--account", LABS], "12 digits"),
        (["--account", LABS, "--account", LABS], "twice"),
        (["--region", "eu-west-1a"], "eu-west-1a"),
        (["--google-scope", "everything"], "organizations/NUMBER"),
        (["--cloud", "google"], "--google-scope"),
        (["--cloud", "azure"], "azure"),
        (["--workers", "0"], "workers"),
        (["--shard", "4/3"], "4/3"),
        (["--shard", "0/3"], "0/3"),
        (["--shard", "first"], "I/N"),
        (["--shard", "auto/3"], "JOB_COMPLETION_INDEX"),
        (["--store", "missing/folder/scan.db"], "missing/folder/scan.db"),
        (["--output", STORE], "keeps what it saw"),
        (["--baseline", "nothing.json"], "nothing.json"),
        (["--profile", "nobody"], "nobody"),
        (["--policy", "nothing.yaml"], "nothing.yaml"),
        (["--quiet", "--verbose"], "opposite"),
        (["--type", INSTANCES, "merge", "a.db"], "behind it"),
        (["merge", "a.db"], "there is no store a.db"),
        (["merge", "policy.yaml"], "not a store"),
        (["merge"], "STORE"),
        (["everything"], "everything"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_can_not_be_meant_ends_in_2_before_anything_is_asked(
    organisation: Organisation, costguard: Costguard, tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = costguard("scan", *arguments)
    assert (ended.code, ended.text) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert organisation.aws.requests == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["costguard.yaml", "policy.yaml"]


def test_without_an_inventory_it_says_how_to_name_one(costguard: Costguard, tmp_path: Path) -> None:
    ended = costguard("scan")
    assert ended.code == 2
    assert "inventory:" in one_sentence(ended)
    assert "--cloud aws" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "arguments", "command"),
    [
        ("botocore", ["--cloud", "aws"], "pip install 'costguard-tags[aws]'"),
        ("google.cloud.asset_v1", ["--google-scope", "projects/shop-prod"], "pip install 'costguard-tags[google]'"),
    ],
    ids=["aws", "google"],
)
def test_without_the_sdk_it_names_the_command_that_installs_it(
    tmp_path: Path, environment: dict[str, str], module: str, arguments: list[str], command: str
) -> None:
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r} or name.startswith({module!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
from costguard.cli import run
sys.argv = ["costguard", "scan", *{arguments!r}]
run()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert command in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ the command line over the configuration


def test_the_command_line_outranks_the_configuration(organisation: Organisation, costguard: Costguard) -> None:
    ended = costguard("scan", "--account", "current", "--type", INSTANCES, "--format", "json", "--show-compliant")
    seen = {resource["address"] for resource in json.loads(ended.text)["resources"]}
    assert seen == organisation.pick(account=MAIN, type=INSTANCES)
    assert organisation.aws.calls("organizations") == []


@pytest.mark.usefixtures("organisation")
def test_no_configuration_is_needed(costguard: Costguard, tmp_path: Path) -> None:
    (tmp_path / "costguard.yaml").unlink()
    ended = costguard("scan", "--cloud", "aws", "--policy", "policy.yaml", "--type", INSTANCES, "--format", "json")
    assert ended.code == 1
    assert {finding["resource"]["account"] for finding in json.loads(ended.text)["findings"]} == {MAIN}


def test_a_type_may_be_a_pattern(organisation: Organisation, costguard: Costguard) -> None:
    ended = costguard("scan", "--type", "aws_s3_buck*", "--account", "current", "--format", "json", "--show-compliant")
    seen = {resource["address"] for resource in json.loads(ended.text)["resources"]}
    assert seen == organisation.pick(account=MAIN, type=BUCKETS)


def test_the_permissions_are_printed_without_asking_anybody(costguard: Costguard) -> None:
    ended = costguard("scan", "--permissions", "aws", environment={"PATH": "/usr/bin:/bin"})
    assert (ended.code, ended.err) == (0, "")
    allowed = {action for statement in json.loads(ended.text)["Statement"] for action in statement["Action"]}
    assert {"tag:GetResources", "resource-explorer-2:ListResources", "ec2:DescribeInstances"} <= allowed


# ------------------------------------------------------------------ what it leaves behind


def test_the_store_is_judged_again_by_merge_in_every_format(
    organisation: Organisation, costguard: Costguard, tmp_path: Path
) -> None:
    first = costguard("scan", "--type", INSTANCES, "--format", "json")
    asked = len(organisation.aws.requests)
    assert costguard("scan", "merge", STORE, "--format", "json").out == first.out
    for name in reports.FORMATS:
        ended = costguard("scan", "merge", STORE, "--format", name, "--output", f"report.{name}")
        assert (ended.code, ended.text) == (1, ""), ended.err
        assert (tmp_path / f"report.{name}").stat().st_size > 0
    assert len(organisation.aws.requests) == asked, "a merge asks nobody"


@pytest.mark.usefixtures("organisation")
def test_another_policy_judges_the_same_store(costguard: Costguard, tmp_path: Path) -> None:
    costguard("scan", "--type", INSTANCES, "--store", "seen.db")
    (tmp_path / "other.yaml").write_text("version: 1\nname: other\ntags:\n  owner: {value: {const: shop}}\n")
    ended = costguard("scan", "merge", "seen.db", "--policy", "other.yaml", "--format", "json")
    verdicts = [finding["verdict"] for finding in json.loads(ended.text)["findings"]]
    assert sorted(verdicts) == ["invalid"] * 6 + ["missing"] * 6


@pytest.mark.usefixtures("organisation")
@pytest.mark.parametrize("target", ["--store", "--output"])
def test_a_merge_does_not_write_over_what_it_reads(costguard: Costguard, tmp_path: Path, target: str) -> None:
    costguard("scan", "--type", INSTANCES)
    before = (tmp_path / STORE).read_bytes()
    assert costguard("scan", "merge", STORE, target, STORE).code == 2
    assert (tmp_path / STORE).read_bytes() == before


# ------------------------------------------------------------------ how it can be ended


def begun(
    program: Path, environment: dict[str, str], folder: Path, organisation: Organisation
) -> subprocess.Popen[str]:
    """A scan that waits for an answer which takes its time."""
    organisation.aws.fault(faults.slow(20), operation="DescribeInstances")
    child = subprocess.Popen(
        [program, "scan", "--type", INSTANCES],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not organisation.aws.calls("ec2", "DescribeInstances") and time.monotonic() < deadline:
        time.sleep(0.02)
    return child


def test_an_interrupt_ends_it_at_once_and_leaves_the_last_store(
    organisation: Organisation, costguard: Costguard, program: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    costguard("scan", "--type", SECRETS)
    last = (tmp_path / STORE).read_bytes()
    organisation.aws.requests.clear()
    child = begun(program, environment, tmp_path, organisation)

    at = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=15)

    assert time.monotonic() - at < 5
    assert (child.returncode, out, err) == (130, "", "costguard: interrupted\n")
    assert (tmp_path / STORE).read_bytes() == last
    assert sorted(path.name for path in tmp_path.iterdir()) == [STORE, "costguard.yaml", "policy.yaml"]


def test_a_killed_scan_leaves_the_last_store_and_the_next_one_is_whole(
    organisation: Organisation, costguard: Costguard, program: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    costguard("scan", "--type", SECRETS)
    last = (tmp_path / STORE).read_bytes()
    organisation.aws.requests.clear()
    child = begun(program, environment, tmp_path, organisation)
    child.kill()
    child.communicate(timeout=15)
    assert (tmp_path / STORE).read_bytes() == last

    organisation.aws.faults.clear()
    assert costguard("scan", "--type", INSTANCES).code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [STORE, "costguard.yaml", "policy.yaml"]


@pytest.mark.usefixtures("organisation")
def test_a_reader_that_has_seen_enough_changes_no_verdict(shell: Callable[[str], Ended]) -> None:
    ended = shell(f"costguard scan --type {INSTANCES} --format json | head -c 20; exit ${{PIPESTATUS[0]}}")
    assert (ended.code, ended.err) == (1, "")
    assert len(ended.out) == 20


# ------------------------------------------------------------------ progress


def test_progress_is_for_a_terminal_and_gone_at_the_end(organisation: Organisation, terminal: Terminal) -> None:
    organisation.aws.fault(faults.slow(0.7), operation="DescribeInstances")
    shown = terminal("scan", "--type", INSTANCES, "--format", "json", "--output", os.devnull).out
    assert b" of 3 accounts" in shown
    assert shown.endswith(b"\r\x1b[K")
    lines = shown.split(b"\r\x1b[K")
    assert all(len(line) < 80 for line in lines)
    assert terminal("scan", "--type", INSTANCES, "--quiet", "--format", "json", "--output", os.devnull).out == b""


def test_no_progress_where_nobody_looks(organisation: Organisation, costguard: Costguard) -> None:
    organisation.aws.fault(faults.slow(0.7), operation="DescribeInstances")
    assert costguard("scan", "--type", INSTANCES).err == ""
