"""What the options of ``costguard check`` do, in a process of its own."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Costguard, Ended, one_sentence
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples" / "terraform"
TAGS = '{ owner = "payments", service = "shop", environment = "production" }'
PROVIDER = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
CLEAN = f'{PROVIDER}resource "aws_s3_bucket" "b" {{\n  tags = {TAGS}\n}}\n'
WRONG = f'{PROVIDER}resource "aws_s3_bucket" "b" {{\n}}\n'


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def report(ended: Ended) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(ended.out)
    return read


class TestExitCodes:
    def test_clean_is_0_in_the_working_directory(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": CLEAN})

        ended = costguard("check")

        assert (ended.code, ended.err) == (0, "")
        assert ended.text == "costguard source: The one resource is compliant.\n1 resource: 1 compliant.\n"

    def test_findings_are_1(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})

        assert costguard("check", ".").code == 1
        assert costguard("check", ".", "--fail-on", "never").code == 0

    def test_a_file_that_can_not_be_read_is_3_and_the_rest_is_judged(
        self, costguard: Costguard, tmp_path: Path
    ) -> None:
        write(tmp_path, {"main.tf": WRONG, "broken.tf": "resource {{{\n"})

        ended = costguard("check")

        assert ended.code == 3
        assert "aws_s3_bucket.b at main.tf:4" in ended.text
        assert "broken.tf" in ended.text

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["nowhere"], "nowhere doesn't exist"),
            ([""], "is a variable of the script unset?"),
            (["--var", "tags"], "--var: 'tags' is not NAME=VALUE"),
            (["--var-file", "missing.tfvars"], "--var-file"),
            (["--accept-new"], "--accept-new goes with --write-baseline FILE"),
            (["--baseline", "a.json", "--write-baseline", "b.json"], "give one of them"),
            (["--baseline", "missing.json"], "missing.json can't be read"),
            (["--baseline", "broken.json"], "broken.json is no baseline of costguard check"),
            (["--write-baseline", "broken.json"], "broken.json is no baseline of costguard check"),
            (["--write-baseline", "no/such/folder.json"], "can't be written"),
            (["--write-baseline", ""], "is a variable of the script unset?"),
            (["--baseline", "broken.json", "-o", "broken.json"], "is what this command reads"),
            (["main.tf", "-o", "main.tf"], "is what this command reads"),
        ],
    )
    def test_what_can_not_be_meant_is_2(
        self, costguard: Costguard, tmp_path: Path, arguments: list[str], words: str
    ) -> None:
        write(tmp_path, {"main.tf": CLEAN, "broken.json": "{"})

        ended = costguard("check", *arguments)

        assert ended.code == 2
        assert words in one_sentence(ended)


class TestReport:
    @pytest.mark.parametrize("example", ["violating-mixed", "violating-modules", "compliant-defaults"])
    def test_the_examples_say_what_they_are(self, costguard: Costguard, tmp_path: Path, example: str) -> None:
        folder = tmp_path / example
        shutil.copytree(EXAMPLES / example, folder)

        ended = costguard("check", "--format", "json", folder=folder)

        assert ended.code == (1 if example.startswith("violating") else 0)
        for finding in report(ended)["findings"]:
            assert (folder / finding["location"]["file"]).is_file()

    def test_json_has_the_way_and_the_root(self, costguard: Costguard, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                ".git/HEAD": "",
                "live/main.tf": PROVIDER + 'module "m" {\n  source = "../m"\n}\n',
                "m/main.tf": 'resource "aws_s3_bucket" "b" {\n}\n',
            },
        )
        finding = report(costguard("check", "--format", "json"))["findings"][0]

        assert finding["resource"]["root"] == "live"
        assert finding["location"]["file"] == "m/main.tf"
        assert finding["chain"][0] == "module.m at live/main.tf:4"

    def test_names_start_at_the_working_directory(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {".git/HEAD": "", "live/main.tf": WRONG})

        assert "at main.tf:4" in costguard("check", folder=tmp_path / "live").text
        assert "at live/main.tf:4" in costguard("check", "live/main.tf").text
        inside = costguard("check", "--format", "json", folder=tmp_path / "live")
        outside = costguard("check", "--format", "json")
        assert [one["fingerprint"] for one in report(inside)["findings"]] == [
            one["fingerprint"] for one in report(outside)["findings"]
        ]

    def test_any_number_of_jobs_and_any_order_write_the_same(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {f"live/{name}/main.tf": WRONG for name in "abcdef"})
        paths = [f"live/{name}/main.tf" for name in "abcdef"]

        alone = costguard("check", *paths, "--format", "json", "--jobs", "1")

        assert costguard("check", *reversed(paths), "--format", "json", "--jobs", "3") == alone
        assert len(report(alone)["findings"]) == 18


class TestVariables:
    FILES: Mapping[str, str] = {
        "main.tf": f'{PROVIDER}variable "tags" {{\n  type = map(string)\n}}\n'
        'resource "aws_s3_bucket" "b" {\n  tags = var.tags\n}\n',
        "prod.tfvars": f"tags = {TAGS}\n",
    }

    @pytest.mark.parametrize(
        ("arguments", "given", "undecided"),
        [
            ([], {}, True),
            (["--var", f"tags={TAGS}"], {}, False),
            (["--var-file", "prod.tfvars"], {}, False),
            ([], {"TF_VAR_tags": TAGS}, True),
            (["--env-vars"], {"TF_VAR_tags": TAGS}, False),
        ],
    )
    def test_come_from_where_they_are_asked_from(
        self,
        costguard: Costguard,
        environment: dict[str, str],
        tmp_path: Path,
        arguments: list[str],
        given: dict[str, str],
        undecided: bool,
    ) -> None:
        write(tmp_path, self.FILES)

        ended = costguard("check", "--fail-on", "unknown", *arguments, environment=environment | given)

        assert ended.code == int(undecided), ended.text

    def test_the_configuration_may_assume_them(self, costguard: Costguard, tmp_path: Path) -> None:
        tags = "{owner: payments, service: shop, environment: production}"
        write(tmp_path, {**self.FILES, "costguard.yaml": f"version: 1\nassume: {{var.tags: {tags}}}\n"})

        assert costguard("check", "--fail-on", "unknown").code == 0


class TestBaseline:
    def test_what_is_written_is_accepted_and_the_next_run_is_clean(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})

        wrote = costguard("check", "--write-baseline", "debt.json")

        assert (wrote.code, wrote.err) == (0, "costguard: wrote debt.json: 3 findings are accepted\n")
        assert "Old debt, not blocking: 3 findings" in wrote.text
        ended = costguard("check", "--baseline", "debt.json")
        assert (ended.code, ended.err) == (0, "")
        raw = (tmp_path / "debt.json").read_text()
        assert raw.splitlines()[3] == (
            '  {"root":".","address":"aws_s3_bucket.b","rule":"tags/environment","surface":"tags",'
            '"tag":"environment","verdict":"missing"},'
        )

    def test_what_is_mended_leaves_the_file_and_can_not_come_back(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})
        costguard("check", "--write-baseline", "debt.json")
        write(tmp_path, {"main.tf": CLEAN})

        ended = costguard("check", "--baseline", "debt.json")

        assert ended.code == 0
        assert ended.err.splitlines() == [
            "costguard: debt.json got shorter: 3 findings are mended and not accepted any more",
            "  aws_s3_bucket.b: environment missing",
            "  aws_s3_bucket.b: owner missing",
            "  aws_s3_bucket.b: service missing",
        ]
        write(tmp_path, {"main.tf": WRONG})
        assert costguard("check", "--baseline", "debt.json").code == 1

    def test_a_file_that_is_there_grows_only_when_it_is_told_to(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"a/main.tf": WRONG, "b/main.tf": CLEAN})
        costguard("check", "--write-baseline", "debt.json")
        before = (tmp_path / "debt.json").read_bytes()
        write(tmp_path, {"b/main.tf": WRONG})

        refused = costguard("check", "--write-baseline", "debt.json")

        assert refused.code == 1
        assert refused.err.splitlines()[:2] == [
            "costguard: 3 findings are new and not in debt.json; mend them, or accept them with --accept-new",
            "  b: aws_s3_bucket.b: environment missing",
        ]
        assert (tmp_path / "debt.json").read_bytes() == before
        assert costguard("check", "--write-baseline", "debt.json", "--fail-on", "never").code == 1
        assert costguard("check", "--write-baseline", "debt.json", "--accept-new").code == 0
        assert costguard("check", "--baseline", "debt.json").code == 0

    def test_a_run_that_changes_nothing_leaves_the_file_alone(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})
        costguard("check", "--write-baseline", "debt.json")
        os.utime(tmp_path / "debt.json", (1, 1))

        costguard("check", "--baseline", "debt.json")
        costguard("check", "--write-baseline", "debt.json")

        assert (tmp_path / "debt.json").stat().st_mtime == 1

    def test_its_own_mode_and_link_stay(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})
        costguard("check", "--write-baseline", "debt.json")
        (tmp_path / "debt.json").chmod(0o640)
        (tmp_path / "link.json").symlink_to("debt.json")
        write(tmp_path, {"main.tf": CLEAN})

        costguard("check", "--baseline", "link.json")

        assert (tmp_path / "link.json").is_symlink()
        assert (tmp_path / "debt.json").stat().st_mode & 0o777 == 0o640
        assert b'"findings": [\n ]' in (tmp_path / "debt.json").read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["debt.json", "link.json", "main.tf"]

    def test_one_that_can_not_be_written_is_2_after_the_report(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})
        costguard("check", "--write-baseline", "debt.json")
        write(tmp_path, {"main.tf": CLEAN})

        ended = costguard("check", "--baseline", "/dev/stdin", stdin=(tmp_path / "debt.json").read_bytes())

        assert ended.code == 2
        assert one_sentence(ended).startswith("the baseline /dev/stdin can't be written: ")
        assert "The one resource is compliant." in ended.text

    def test_the_gate_reads_reports_and_never_this_file(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})
        costguard("check", "--write-baseline", "debt.json")

        ended = costguard("gate", EXAMPLES / "violating-mixed" / "plan.json", "--baseline", "debt.json")

        assert ended.code == 2
        assert "debt.json is not a costguard report" in one_sentence(ended)

    def test_a_report_is_no_baseline_of_check(self, costguard: Costguard, tmp_path: Path) -> None:
        write(tmp_path, {"main.tf": WRONG})
        costguard("check", "--format", "json", "-o", "report.json")

        ended = costguard("check", "--baseline", "report.json")

        assert ended.code == 2
        assert "--write-baseline writes one" in one_sentence(ended)
