"""``costguard scan`` as a user runs it, on a Google Cloud on loopback: what it prints and how it ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped] # It has none.

from costguard.clouds.google.api import EMULATOR
from tests.conftest import ROOT
from tests.servers.google import FakeGoogle, refused, result

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


def scan(google: FakeGoogle, folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    (folder / "policy.yaml").write_text(POLICY)
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
