"""What the options of ``costguard gate`` and ``costguard report render`` do."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMPLIANT, TAGS, VIOLATING, Costguard, Ended, Terminal, a_bucket, a_plan, one_sentence

FORMATS = ("terminal", "json", "sarif", "junit", "github", "gitlab", "markdown")


def _report(ended: Ended) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(ended.out)
    return report


class TestInput:
    def test_a_plan_from_standard_input_is_the_plan(self, costguard: Costguard) -> None:
        source = ("--source", VIOLATING.parent)
        from_file = costguard("gate", VIOLATING, *source)
        from_stdin = costguard("gate", "-", *source, stdin=VIOLATING.read_bytes())

        assert from_stdin == from_file

    def test_standard_input_is_named_in_messages(self, costguard: Costguard) -> None:
        ended = costguard("gate", "-", stdin=b"")

        assert ended.code == 2
        assert one_sentence(ended).startswith("standard input is empty")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
    def test_a_plan_that_powershell_wrote_is_read(self, costguard: Costguard, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "plan.json").write_bytes(VIOLATING.read_text("utf-8").encode(encoding))

        source = ("--source", VIOLATING.parent)
        assert costguard("gate", "plan.json", *source) == costguard("gate", VIOLATING, *source)

    def test_a_binary_plan_without_terraform_says_what_to_give_instead(
        self, costguard: Costguard, environment: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "plan.out").write_bytes(b"PK\x03\x04rest")

        ended = costguard("gate", "plan.out", environment={**environment, "PATH": str(tmp_path)})

        assert ended.code == 2
        assert "terraform show -json plan.out" in one_sentence(ended)

    def test_a_binary_plan_from_standard_input_says_what_to_do(self, costguard: Costguard) -> None:
        ended = costguard("gate", "-", stdin=b"PK\x03\x04rest")

        assert ended.code == 2
        assert "standard input is a binary plan" in one_sentence(ended)

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            (
                "#!/bin/sh\necho 'Error: Inconsistent dependency lock file' >&2\nexit 1\n",
                "Inconsistent dependency lock",
            ),
            ("#!/bin/sh\nexit 3\n", "it ended with 3"),
            ("#!/no/such/interpreter\n", "can't be run"),
            ("\x7fELF", "can't be run"),
            ("#!/bin/sh\necho 'Warning: not JSON'\n", "plan.out is not JSON"),
            ("#!/bin/sh\nexit 0\n", "plan.out is empty"),
            ('#!/bin/sh\necho \'{"format_version":"1.0","values":{}}\'\n', "a state"),
        ],
    )
    def test_a_broken_terraform_is_told_in_its_own_words(
        self, costguard: Costguard, environment: dict[str, str], tmp_path: Path, script: str, words: str
    ) -> None:
        (tmp_path / "plan.out").write_bytes(b"PK\x03\x04rest")
        _program(tmp_path / "bin" / "terraform", script)

        ended = costguard("gate", "plan.out", environment={**environment, "PATH": str(tmp_path / "bin")})

        assert ended.code == 2
        assert words in one_sentence(ended)

    def test_a_working_terraform_shows_the_plan(
        self, costguard: Costguard, environment: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "plan.out").write_bytes(b"PK\x03\x04rest")
        _program(tmp_path / "bin" / "tofu", f"#!/bin/sh\nexec cat {VIOLATING}\n")

        path = f"{tmp_path / 'bin'}:{environment['PATH']}"
        source = ("--source", VIOLATING.parent)
        shown = costguard("gate", "plan.out", *source, environment={**environment, "PATH": path})
        assert shown == costguard("gate", VIOLATING, *source)


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class TestPolicyInForce:
    def test_the_nearest_configuration_upward_names_the_policies(self, costguard: Costguard, tmp_path: Path) -> None:
        deep = tmp_path / "live" / "eu"
        deep.mkdir(parents=True)
        (tmp_path / "costguard.yaml").write_text("version: 1\npolicies: [policy.yaml]\n")
        (tmp_path / "policy.yaml").write_text("version: 1\nname: own\ntags: {cost-centre: {}}\n")

        report = _report(costguard("gate", COMPLIANT, "--format", "json", folder=deep))

        assert {finding["tag"] for finding in report["findings"]} == {"cost-centre"}

    def test_config_names_another_one(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "costguard.yaml").write_text("version: 1\npolicies: [missing.yaml]\n")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "c.yaml").write_text("version: 1\npolicies: [policy.yaml]\n")
        (tmp_path / "other" / "policy.yaml").write_text("version: 1\nname: own\ntags: {cost-centre: {}}\n")

        report = _report(costguard("gate", COMPLIANT, "--format", "json", "--config", "other/c.yaml"))

        assert {finding["tag"] for finding in report["findings"]} == {"cost-centre"}

    def test_policy_outranks_the_configuration(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "costguard.yaml").write_text("version: 1\npolicies: [missing.yaml]\n")

        assert costguard("gate", COMPLIANT, "--policy", "baseline").code == 0

    def test_a_broken_configuration_is_2(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "costguard.yaml").write_text("version: 1\npolicy: [missing.yaml]\n")

        ended = costguard("gate", COMPLIANT)

        assert ended.code == 2
        assert "costguard.yaml:2" in ended.err

    def test_without_anything_the_shipped_baseline_is_in_force(self, costguard: Costguard) -> None:
        assert costguard("gate", VIOLATING) == costguard("gate", VIOLATING, "--policy", "baseline")


class TestVerdict:
    def test_findings_of_a_baseline_are_old_debt(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("old", None)]))
        costguard("gate", "plan.json", "--format", "json", "--output", "accepted.json")
        assert costguard("gate", "plan.json", "--baseline", "accepted.json").code == 0

        (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("old", None), a_bucket("new", None)]))
        ended = costguard("gate", "plan.json", "--baseline", "accepted.json", "--format", "json")

        assert ended.code == 1
        assert {f["resource"]["address"] for f in _report(ended)["findings"] if f["new"]} == {"aws_s3_bucket.new"}

    def test_what_the_change_leaves_alone_warns_unless_all_is_judged(
        self, costguard: Costguard, tmp_path: Path
    ) -> None:
        (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("old", None, action="no-op")]))

        assert costguard("gate", "plan.json").code == 0
        assert costguard("gate", "plan.json", "--all").code == 1

    def test_show_compliant_lists_every_resource(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("site", TAGS)]))

        assert "resources" not in _report(costguard("gate", "plan.json", "--format", "json"))
        listed = _report(costguard("gate", "plan.json", "--format", "json", "--show-compliant"))["resources"]
        assert [(one["address"], one["status"], one["tags"]) for one in listed] == [
            ("aws_s3_bucket.site", "compliant", TAGS)
        ]


class TestOutput:
    @pytest.mark.parametrize("name", FORMATS)
    def test_two_runs_give_the_same_bytes(self, costguard: Costguard, environment: dict[str, str], name: str) -> None:
        first = costguard("gate", VIOLATING, "--format", name, environment={**environment, "PYTHONHASHSEED": "1"})
        second = costguard("gate", VIOLATING, "--format", name, environment={**environment, "PYTHONHASHSEED": "2"})

        assert first.out
        assert first == second

    @pytest.mark.parametrize("name", FORMATS)
    def test_a_saved_report_renders_as_the_run_itself_did(
        self, costguard: Costguard, tmp_path: Path, name: str
    ) -> None:
        costguard("gate", VIOLATING, "--format", "json", "--output", "report.json")
        at_once = costguard("gate", VIOLATING, "--format", name)

        later = costguard("report", "render", "--from", "report.json", "--format", name)
        from_stdin = costguard(
            "report", "render", "--from", "-", "--format", name, stdin=(tmp_path / "report.json").read_bytes()
        )

        assert (later.code, later.out, later.err) == (0, at_once.out, "")
        assert from_stdin.out == at_once.out
        assert costguard("report", "render", "--from", "report.json", "--fail-on", "error").code == at_once.code

    @pytest.mark.parametrize("name", FORMATS)
    def test_output_holds_what_standard_output_would(self, costguard: Costguard, tmp_path: Path, name: str) -> None:
        printed = costguard("gate", VIOLATING, "--format", name)
        written = costguard("gate", VIOLATING, "--format", name, "--output", "report")

        assert written == Ended(printed.code, b"", "")
        assert (tmp_path / "report").read_bytes() == printed.out

    def test_a_person_who_is_to_type_the_plan_is_told_so(self, terminal: Terminal) -> None:
        ended = terminal("gate", "-", typed=b"\x04")

        assert ended.code == 2
        assert b"reading from this terminal; end with Ctrl-D" in ended.out
        assert b"standard input is empty" in ended.out

    def test_a_dash_is_standard_output(self, costguard: Costguard, tmp_path: Path) -> None:
        assert costguard("gate", VIOLATING, "-o", "-") == costguard("gate", VIOLATING)
        assert not (tmp_path / "-").exists()

    @pytest.mark.parametrize(
        "locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}]
    )
    @pytest.mark.parametrize("name", FORMATS)
    def test_names_in_any_script_survive_any_locale(
        self, costguard: Costguard, environment: dict[str, str], tmp_path: Path, locale: dict[str, str], name: str
    ) -> None:
        (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("site", {**TAGS, "environment": "prodüktion 東京 ✓"})]))
        plain = costguard("gate", "plan.json", "--format", name)

        ended = costguard("gate", "plan.json", "--format", name, environment={**environment, **locale})

        assert ended.code == 1
        assert ended.err == ""
        if name == "terminal":
            assert b"prod" in ended.out
        else:
            assert ended.out == plain.out

    def test_a_terminal_without_unicode_gets_plain_marks(
        self, costguard: Costguard, environment: dict[str, str]
    ) -> None:
        ended = costguard("gate", VIOLATING, environment={**environment, "PYTHONIOENCODING": "ascii"})

        assert b"x aws_s3_bucket.forgotten" in ended.out
        assert b"\\u" not in ended.out

    @pytest.mark.parametrize("columns", [40, 60, 80, 200])
    def test_lines_fit_the_columns(self, costguard: Costguard, environment: dict[str, str], columns: int) -> None:
        ended = costguard("gate", VIOLATING, environment={**environment, "COLUMNS": str(columns)})

        lines = [line for line in ended.text.splitlines() if "/main.tf:" not in line]
        assert max(map(len, lines)) <= columns  # a path can't be broken, and stands on a line of its own

    @pytest.mark.parametrize("columns", ["", "0", "-5", "wide", "²", "99999999999999999999"])
    def test_columns_that_are_none_are_passed_over(
        self, costguard: Costguard, environment: dict[str, str], columns: str
    ) -> None:
        ended = costguard("gate", VIOLATING, environment={**environment, "COLUMNS": columns})

        assert (ended.code, ended.err) == (1, "")

    def test_quiet_says_less_and_verbose_more(self, costguard: Costguard, tmp_path: Path) -> None:
        changes = [a_bucket("new", None), a_bucket("old", None, action="no-op"), a_bucket("good", TAGS)]
        (tmp_path / "plan.json").write_bytes(a_plan(changes))

        quiet, plain, verbose = (costguard("gate", "plan.json", *flag).text for flag in (["-q"], [], ["-v"]))

        assert "aws_s3_bucket.new" in quiet
        assert "aws_s3_bucket.old\n" not in quiet
        assert "aws_s3_bucket.old" in verbose
        assert len(quiet) <= len(plain) < len(verbose)


class TestColour:
    """Colours are for a person who looks at a terminal."""

    def test_only_a_terminal_gets_them(self, terminal: Terminal, costguard: Costguard) -> None:
        assert b"\x1b[" in terminal("gate", VIOLATING).out
        assert b"\x1b[" not in costguard("gate", VIOLATING).out

    @pytest.mark.parametrize(
        ("arguments", "setting"),
        [
            (("--no-color",), {}),
            ((), {"NO_COLOR": "1"}),
            ((), {"TERM": "dumb"}),
            (("--format", "json"), {}),
        ],
    )
    def test_who_asks_for_none_gets_none(
        self, terminal: Terminal, arguments: tuple[str, ...], setting: dict[str, str]
    ) -> None:
        ended = terminal("gate", VIOLATING, *arguments, setting=setting)

        assert ended.code == 1
        assert b"\x1b" not in ended.out

    def test_an_empty_no_color_is_none(self, terminal: Terminal) -> None:
        assert b"\x1b[" in terminal("gate", VIOLATING, setting={"NO_COLOR": ""}).out

    def test_colours_add_nothing_else(self, terminal: Terminal, costguard: Costguard) -> None:
        coloured = terminal("gate", VIOLATING).out.replace(b"\r\n", b"\n")

        plain = costguard("gate", VIOLATING, environment={"COLUMNS": "80", "PATH": ""}).out
        assert re.sub(rb"\x1b\[[0-9;]*m", b"", coloured) == plain


class TestNamesOfShippedPolicies:
    def test_a_file_or_folder_of_that_name_does_not_replace_the_baseline(
        self, costguard: Costguard, tmp_path: Path
    ) -> None:
        (tmp_path / "baseline").write_text("version: 1\ntags: {zzz: {required: false}}\n")
        assert costguard("gate", VIOLATING).code == 1
        (tmp_path / "baseline").unlink()
        (tmp_path / "baseline").mkdir()
        assert costguard("gate", VIOLATING).code == 1

    def test_a_path_to_such_a_file_is_a_path(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "baseline").write_text("version: 1\ntags: {zzz: {required: false}}\n")
        assert costguard("gate", VIOLATING, "--policy", "./baseline").code == 0


@pytest.mark.parametrize("value", ["", "bogus", "1"])
def test_a_completion_variable_that_no_shell_sets_changes_no_exit_code(
    costguard: Costguard, environment: dict[str, str], value: str
) -> None:
    assert costguard("gate", VIOLATING, environment=environment | {"_COSTGUARD_COMPLETE": value}).code == 1


def test_a_baseline_accepts_a_finding_only_with_its_verdict(costguard: Costguard, tmp_path: Path) -> None:
    saved = costguard("gate", VIOLATING, "--format", "json")
    (tmp_path / "same.json").write_bytes(saved.out)
    (tmp_path / "undecided.json").write_bytes(saved.out.replace(b'"verdict": "missing"', b'"verdict": "unknown"'))
    assert costguard("gate", VIOLATING, "--baseline", "same.json").code == 0
    assert costguard("gate", VIOLATING, "--baseline", "undecided.json").code == 1


def test_validating_a_policy_says_of_a_type_that_nobody_has_heard_of(costguard: Costguard, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\n"
        "rules:\n"
        "  - {id: slip, when: {type: [aws_s3_bukcet, 'aws_s3_*', acme_thing]}, require: {owner: {}}}\n"
    )
    ended = costguard("policy", "validate", "p.yaml")
    assert ended.code == 0
    assert ended.err == "note: slip: no type in the catalogue is called aws_s3_bukcet; did you mean aws_s3_bucket?\n"


class TestSource:
    def test_the_folder_of_the_plan_is_its_source_where_it_holds_any(self, costguard: Costguard) -> None:
        found = _report(costguard("gate", VIOLATING, "--format", "json"))["findings"]

        assert all(finding["location"]["file"].endswith(".tf") for finding in found)

    def test_a_plan_from_standard_input_has_no_source_of_its_own(self, costguard: Costguard) -> None:
        ended = costguard("gate", "-", "--format", "json", stdin=VIOLATING.read_bytes())

        assert not any(finding.get("location") for finding in _report(ended)["findings"])

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (None, "can't be read: No such file or directory"),
            ("file", "can't be read: Not a directory"),
            ("folder", "there are no Terraform files in"),
        ],
    )
    def test_a_source_that_is_none_is_a_mistake_of_usage(
        self, costguard: Costguard, tmp_path: Path, make: str | None, words: str
    ) -> None:
        if make == "file":
            (tmp_path / "source").write_text("")
        elif make == "folder":
            (tmp_path / "source").mkdir()

        ended = costguard("gate", VIOLATING, "--source", tmp_path / "source")

        assert ended.code == 2
        assert words in one_sentence(ended)

    def test_a_source_that_cannot_be_parsed_leaves_the_plan_judged(self, costguard: Costguard, tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text("resource {{\n")

        alone = _report(costguard("gate", "-", "--format", "json", stdin=VIOLATING.read_bytes()))
        joined = _report(costguard("gate", VIOLATING, "--format", "json", "--source", tmp_path))

        assert [f["fingerprint"] for f in joined["findings"]] == [f["fingerprint"] for f in alone["findings"]]
