"""``costguard scan`` as a user runs it, on a Google Cloud on loopback: what it prints and how it ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped] # It has none.
import pytest

from costguard.clouds.google.api import EMULATOR
from costguard.clouds.run import Shard
from tests.conftest import ROOT
from tests.servers.google import FakeGoogle, refused, result, slow

POLICY = """
version: 1
tags: {owner: {google-tag: 1/owner, value: {enum: [alice@corp.com, payments]}}}
"""


SETTINGS = (
    "--cloud=google",
    "--google-scope=organizations/1",
    "--policy=policy.yaml",
    "--format=json",
    "--show-compliant",
)


def scan(google: FakeGoogle, folder: Path, *arguments: str, policy: str = POLICY) -> tuple[int, dict[str, Any], str]:
    (folder / "policy.yaml").write_text(policy)
    done = subprocess.run(
        [sys.executable, "-m", "costguard", "scan", *SETTINGS, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", EMULATOR: google.address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def estate(google: FakeGoogle) -> None:
    google.tag_keys = {"1/owner": ["payments"]}
    kind = "storage.googleapis.com/Bucket"
    google.results = [
        result("//storage.googleapis.com/encoded", kind, 100, {"owner": "cg--alice_40corp_2ecom"}),
        result("//storage.googleapis.com/inherits", kind, 100, inherited={"folders/10": {"1/owner": "payments"}}),
    ]


def test_labels_and_tags_make_it_clean(google: FakeGoogle, tmp_path: Path) -> None:
    estate(google)
    code, report, said = scan(google, tmp_path)
    assert (code, report["findings"], report["gaps"], said) == (0, [], [], "")
    [inherits] = [one for one in report["resources"] if one["address"].endswith("inherits")]
    assert inherits["tags"] == {"tag:1/owner": "payments"}
    assert inherits["provenance"] == {"tag:1/owner": "inherited from folders/10"}


def test_neither_is_a_finding(google: FakeGoogle, tmp_path: Path) -> None:
    estate(google)
    google.results.append(result("//storage.googleapis.com/bare", "storage.googleapis.com/Bucket", 100))
    code, report, _ = scan(google, tmp_path)
    assert code == 1
    assert [(one["resource"]["address"], one["verdict"]) for one in report["findings"]] == [
        ("//storage.googleapis.com/bare", "missing")
    ]


def test_what_is_refused_is_incomplete_and_what_was_read_is_judged(google: FakeGoogle, tmp_path: Path) -> None:
    estate(google)
    google.projects.clear()
    google.project(100, "shop-prod", "folders/10", {"owner": "nobody"})
    google.faults["SearchAllResources"] = refused(grpc.StatusCode.PERMISSION_DENIED)
    code, report, _ = scan(google, tmp_path)
    assert code == 3
    assert [gap["where"] for gap in report["gaps"]] == ["google/organizations/1/global/*/search"]
    assert [(one["resource"]["address"], one["verdict"]) for one in report["findings"]] == [
        ("//cloudresourcemanager.googleapis.com/projects/100", "invalid")
    ]
    code, report, _ = scan(google, tmp_path, "--allow-gap=google/*")
    assert (code, report["complete"]) == (1, True)


def test_a_slip_in_the_policys_tag_is_not_an_organisation_without_tags(google: FakeGoogle, tmp_path: Path) -> None:
    estate(google)
    google.projects.clear()
    code, report, _ = scan(google, tmp_path, policy="version: 1\ntags: {owner: {google-tag: 1/ownr}}\n")
    assert code == 3
    assert [(gap["where"], gap["why"]) for gap in report["gaps"]] == [
        (
            "google/organizations/1/global/google_tags_tag_key/tags",
            "there is no Tag key 1/ownr, which the policy names (there is 1/owner)",
        )
    ]
    assert [one["resource"]["address"] for one in report["findings"]] == ["//storage.googleapis.com/inherits"]


def test_values_that_a_tag_can_not_have_are_a_note(google: FakeGoogle, tmp_path: Path) -> None:
    estate(google)
    code, report, _ = scan(google, tmp_path)
    assert code == 0
    where = "google/organizations/1/global/google_tags_tag_key/tags"
    assert report["notes"] == [f"{where}: the Tag key 1/owner can't say alice@corp.com, which the policy allows"]


@pytest.mark.parametrize("shard", ["1/2", "2/2"])
def test_a_shard_without_a_scope_has_nothing_to_say(google: FakeGoogle, tmp_path: Path, shard: str) -> None:
    estate(google)
    code, report, _ = scan(google, tmp_path, f"--shard={shard}")
    assert (code, report["gaps"]) == (0, [])
    assert report["summary"]["resources"] == (4 if Shard(int(shard[0]), 2).owns("google:organizations/1") else 0)


def test_an_interrupt_does_not_wait_for_an_answer(google: FakeGoogle, tmp_path: Path) -> None:
    google.faults["SearchAllResources"] = slow(10, times=1)
    (tmp_path / "policy.yaml").write_text(POLICY)
    running = subprocess.Popen(
        [sys.executable, "-m", "costguard", "scan", *SETTINGS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", EMULATOR: google.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        until = time.monotonic() + 30
        while not google.asked("SearchAllResources") and time.monotonic() < until:
            time.sleep(0.05)
        sent = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, said = running.communicate(timeout=30)
        assert time.monotonic() - sent < 5
    assert (running.returncode, out, said) == (130, "", "costguard: interrupted\n")
    assert not (tmp_path / "costguard-scan.db").exists()


def test_without_credentials_it_says_so_and_ends(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    done = subprocess.run(
        [sys.executable, "-m", "costguard", "scan", *SETTINGS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (3, "")
    whys = {gap["why"] for gap in json.loads(done.stdout)["gaps"]}
    assert all("there are no Google credentials; `gcloud auth" in why for why in whys)


def test_help_does_not_load_googles_libraries(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "costguard", "scan", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if "grpc" in line or "google.cloud" in line]


def test_without_googles_libraries_it_says_what_to_install(tmp_path: Path) -> None:
    start = "import sys; sys.modules['google.cloud.asset_v1'] = None; from costguard.cli import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", start, "scan", "--cloud=google", "--google-scope=projects/shop-prod"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "pip install 'costguard-tags[google]'" in done.stderr
