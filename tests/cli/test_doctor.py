"""``costguard doctor``: it finds what would keep a night from going well, against real SDKs, and says what to do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from costguard.cli.main import outcome
from tests.servers.aws import Role
from tests.servers.organisation import ACCOUNTS, EXTERNAL_ID, LABS, ROLE, SHOP, Organisation, policy, role_arn

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text(policy())
    return tmp_path


def examined(capsys: Out, **sections: Any) -> tuple[int, dict[str, tuple[str, str]], list[dict[str, str]]]:
    """How it ended, and each check with what it found."""
    Path("costguard.yaml").write_text(json.dumps({"version": 1, "policies": ["policy.yaml"], **sections}))
    capsys.readouterr()
    code = outcome(["doctor", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    return code, {one["check"]: (one["health"], one["says"]) for one in found}, found


ORGANISATION = {"aws": {"accounts": "organization", "role": ROLE, "external-id": EXTERNAL_ID}}


def test_where_all_is_well_nothing_is_in_the_way(organisation: Organisation, here: Path, capsys: Out) -> None:
    (here / "bills").mkdir()
    (here / "bills" / "one.csv").write_text("ChargeCategory,BilledCost\n")
    (here / "live.tfstate").write_text('{"version": 4, "resources": []}')
    code, found, _ = examined(
        capsys, inventory=ORGANISATION, billing=[{"path": "bills"}], terraform={"states": ["live.tfstate"]}
    )
    assert code == 0
    assert {health for health, _ in found.values()} == {"ok"}
    assert found["AWS organization"] == ("ok", f"{len(ACCOUNTS)} accounts")
    assert found["AWS accounts"] == ("ok", f"{len(ACCOUNTS)} let themselves be read")
    assert found["Terraform states"] == ("ok", "1 are there")
    assert {one.operation for one in organisation.aws.requests} <= {"GetCallerIdentity", "ListAccounts", "AssumeRole"}


def test_an_account_whose_role_trusts_nobody_is_named(organisation: Organisation, capsys: Out) -> None:
    organisation.aws.roles = {role_arn(SHOP): Role(EXTERNAL_ID)}
    code, found, raw = examined(capsys, inventory=ORGANISATION)
    assert code == 1
    assert [name for name, (health, _) in found.items() if health == "wrong"] == [f"AWS account {LABS}"]
    (remedy,) = (one["remedy"] for one in raw if one["health"] == "wrong")
    assert "costguard scan --permissions aws" in remedy


def test_nobody_logged_in_is_said_with_what_to_do(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    code, found, raw = examined(capsys, inventory={"aws": {}})
    assert (code, found["AWS"][0]) == (1, "wrong")
    assert "nobody is logged in" in found["AWS"][1]
    assert "aws sso login" in next(one["remedy"] for one in raw if one["check"] == "AWS")


def test_what_is_wrong_comes_in_the_order_in_which_it_is_mended(here: Path, capsys: Out) -> None:
    (here / "policy.yaml").write_text("version: 1\nname: broken\ntags: {owner: {valeu: {}}}\n")
    code, _, raw = examined(
        capsys,
        billing=[{"path": "gone.csv"}],
        terraform={"states": ["gone.tfstate"]},
        reconcile={"store": "sqlite:////nowhere/at/all.db"},
        notify=[{"slack": {"url-from-env": "COSTGUARD_TEST_UNSET"}}],
        nightly={"push": {"url-from-env": "COSTGUARD_TEST_UNSET_TOO"}},
    )
    assert code == 1
    assert [one["check"] for one in raw if one["health"] == "wrong"] == [
        "policy",
        "state store",
        "Terraform state gone.tfstate",
        "bill gone.csv",
        "secrets",
        "secrets",
    ]
    assert "valeu" in next(one["says"] for one in raw if one["check"] == "policy")


def test_people_read_it_from_the_top(here: Path, capsys: Out) -> None:
    (here / "costguard.yaml").write_text(
        json.dumps({"version": 1, "policies": ["policy.yaml"], "billing": [{"path": "gone.csv"}]})
    )
    assert outcome(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "✓ policy: owner, by policy.yaml\n" in text
    assert "✗ bill gone.csv: gone.csv: there is no bill there\n    → see billing in costguard.yaml\n" in text
    assert text.endswith("\n1 thing to mend, from the top.\n")
    assert outcome(["doctor", "--quiet"]) == 1
    assert capsys.readouterr().out.startswith("✗ bill gone.csv")


def test_without_a_configuration_it_says_what_works_all_the_same(capsys: Out) -> None:
    assert outcome(["doctor"]) == 0
    assert "check and gate need none" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str, tmp_path: Path, capsys: Out) -> None:
    assert outcome(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_COSTGUARD_COMPLETE" in script
    program = shutil.which(shell)
    if program is not None:
        file = tmp_path / f"costguard.{shell}"
        file.write_text(script)
        assert subprocess.run([program, "-n", str(file)], check=False).returncode == 0
    asked = {
        "_COSTGUARD_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "costguard nig",
        "COMP_CWORD": "nig" if shell == "fish" else "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "costguard"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert "nightly" in done.stdout
