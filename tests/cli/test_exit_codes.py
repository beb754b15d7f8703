"""The exit codes: 0 clean, 1 findings, 2 not understood, 3 incomplete, 4 a bug, 130 interrupted.

Click's own code for several of these is 1, and so is Python's for whatever escapes; none of them may leak.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import (
    COMPLIANT,
    TAGS,
    UNDECIDED,
    VIOLATING,
    Costguard,
    Ended,
    a_bucket,
    a_plan,
    one_sentence,
)


@pytest.mark.parametrize(
    ("plan", "fail_on", "code"),
    [
        (COMPLIANT, "error", 0),
        (COMPLIANT, "warning", 0),
        (COMPLIANT, "unknown", 0),
        (COMPLIANT, "never", 0),
        (VIOLATING, "error", 1),
        (VIOLATING, "warning", 1),
        (VIOLATING, "unknown", 1),
        (VIOLATING, "never", 0),
        (UNDECIDED, "error", 1),
        (UNDECIDED, "never", 0),
    ],
)
def test_findings_end_in_1_where_fail_on_says_so(costguard: Costguard, plan: Path, fail_on: str, code: int) -> None:
    ended = costguard("gate", plan, "--fail-on", fail_on)

    assert ended.code == code
    assert ended.err == ""
    assert "costguard plan" in ended.text


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1), ("unknown", 1), ("never", 0)])
def test_what_is_undecided_warns(costguard: Costguard, tmp_path: Path, fail_on: str, code: int) -> None:
    bucket = a_bucket("site", None)
    bucket["change"]["after"] = {"bucket": "site"}
    bucket["change"]["after_unknown"] = {"tags": True, "tags_all": True}
    (tmp_path / "plan.json").write_bytes(a_plan([bucket]))

    assert costguard("gate", "plan.json", "--fail-on", fail_on).code == code


def test_unknown_counts_even_where_the_policy_only_remarks_on_it(costguard: Costguard, tmp_path: Path) -> None:
    bucket = a_bucket("site", None)
    bucket["change"]["after"] = {"bucket": "site"}
    bucket["change"]["after_unknown"] = {"tags": True, "tags_all": True}
    (tmp_path / "plan.json").write_bytes(a_plan([bucket]))
    (tmp_path / "p.yaml").write_text("version: 1\nname: p\ntags: {owner: {}}\nunknown: {plan: pass}\n")

    assert costguard("gate", "plan.json", "--policy", "p.yaml", "--fail-on", "warning").code == 0
    assert costguard("gate", "plan.json", "--policy", "p.yaml", "--fail-on", "unknown").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-flag",),
        ("no-such-command",),
        ("gate",),
        ("gate", "a.json", "b.json"),
        ("gate", "--no-such-flag", "plan.json"),
        ("gate", "plan.json", "--format", "no-such-format"),
        ("gate", "plan.json", "--fail-on", "no-such-level"),
        ("gate", "plan.json", "--policy"),
        ("policy", "no-such-command"),
        ("policy", "validate", "--no-such-flag"),
        ("report", "render"),
        ("report", "render", "--from", "r.json", "--format", "no-such-format"),
        (),
        ("policy",),
        ("report",),
    ],
)
def test_a_wrong_command_line_is_2_with_its_usage(costguard: Costguard, arguments: tuple[str, ...]) -> None:
    ended = costguard(*arguments)

    assert ended.code == 2
    assert ended.out == b""
    assert "Usage: costguard" in ended.err or ended.err.startswith("Error: ")
    assert "Traceback" not in ended.err


def test_a_command_that_is_not_there_is_answered_with_those_that_are(costguard: Costguard) -> None:
    ended = costguard("scna", "plan.json")

    assert ended.code == 2
    assert (
        "'scna' is not a command; the commands are check, completion, doctor, fix, gate, nightly, policy, reconcile, "
        "report, review, scan, spend" in ended.err
    )


def test_a_format_that_is_not_there_is_answered_with_those_that_are(costguard: Costguard) -> None:
    ended = costguard("gate", COMPLIANT, "--format", "html")

    assert ended.code == 2
    assert all(name in ended.err for name in ("terminal", "json", "sarif", "junit", "github", "gitlab", "markdown"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("gate", "missing.json"), "missing.json can't be read: No such file or directory"),
        (("gate", "."), ". can't be read: Is a directory"),
        (("gate", ""), "the name of a file is empty"),
        (("gate", "plan.json", "--baseline", "missing.json"), "missing.json can't be read"),
        (("gate", "plan.json", "--config", "missing.yaml"), "--config: missing.yaml is not a file"),
        (("gate", "plan.json", "--policy", "missing.yaml"), "missing.yaml"),
        (("gate", "plan.json", "--output", "."), "--output: . can't be written: Is a directory"),
        (
            ("gate", "plan.json", "--output", "no/such/folder/r.json"),
            "--output: no/such/folder/r.json can't be written",
        ),
        (("gate", "plan.json", "--output", "./plan.json"), "--output: ./plan.json is what this command reads"),
        (("gate", "plan.json", "-q", "-v"), "--quiet and --verbose ask for opposite things"),
        (("gate", "a\nfile"), "a\\nfile can't be read: No such file or directory"),
        (("gate", "plan.json", "--baseline", "plan.json"), "plan.json is not a costguard report"),
        (("report", "render", "--from", "missing.json"), "missing.json can't be read"),
        (("report", "render", "--from", "plan.json"), "plan.json is not a costguard report"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_2_with_one_sentence(
    costguard: Costguard, tmp_path: Path, arguments: tuple[str, ...], what: str
) -> None:
    (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("site", TAGS)]))

    ended = costguard(*arguments)

    assert ended.code == 2
    assert ended.out == b""
    assert what in one_sentence(ended)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_2(costguard: Costguard, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(a_plan([]))
    (tmp_path / "plan.json").chmod(0)

    ended = costguard("gate", "plan.json")

    assert ended.code == 2
    assert "plan.json can't be read: Permission denied" in one_sentence(ended)


def test_all_mistakes_of_a_policy_are_told_in_one_run(costguard: Costguard, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nname: p\ntags:\n  owner: {levle: error}\n  service: {level: fatal}\n"
        "exemptions:\n  - {when: {address: a}, tags: [owner], reason: r, until: soon}\n"
    )

    ended = costguard("gate", COMPLIANT, "--policy", "p.yaml")

    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.err.count("p.yaml:") >= 2, ended.err
    for line in (4, 5):
        assert f"p.yaml:{line}: " in ended.err


def test_a_gap_is_3_and_outranks_findings_and_the_report_is_printed(costguard: Costguard, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(a_plan([a_bucket("site", None)], errored=True))

    ended = costguard("gate", "plan.json", "--format", "json")

    assert ended.code == 3
    report = json.loads(ended.out)
    assert report["complete"] is False
    assert report["gaps"]
    assert report["summary"]["violating"] == 1


def test_a_gap_is_3_even_where_nothing_else_can_fail(costguard: Costguard, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(a_plan([], complete=False))

    assert costguard("gate", "plan.json", "--fail-on", "never").code == 3


def test_what_nobody_foresaw_is_4_and_asks_for_a_report(
    costguard: Costguard, environment: dict[str, str], tmp_path: Path
) -> None:
    """An installation in which a library is broken, as after an upgrade that was cut short."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "yaml.py").write_text("raise RuntimeError('broken on purpose')\n")

    ended = costguard("gate", COMPLIANT, environment={**environment, "PYTHONPATH": str(tmp_path / "broken")})

    assert ended.code == 4
    assert ended.out == b""
    assert "RuntimeError: broken on purpose" in ended.err
    assert ended.err.splitlines()[-1].startswith("costguard ")
    assert "this is a bug" in ended.err.splitlines()[-1]


def test_an_installation_without_its_libraries_is_not_findings(
    costguard: Costguard, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "click.py").write_text("raise ImportError('broken on purpose')\n")

    ended = costguard("--version", environment={**environment, "PYTHONPATH": str(tmp_path / "broken")})

    assert ended.code == 4


@pytest.mark.parametrize("source", ["pipe", "fifo"])
def test_an_interrupt_is_130_without_a_trace(
    program: Path, environment: dict[str, str], tmp_path: Path, source: str
) -> None:
    fifo = tmp_path / "plan"
    os.mkfifo(fifo)
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [program, "gate", "-" if source == "pipe" else fifo],
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=tmp_path,
    )
    _wait_until_blocked(child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    os.close(reading)
    os.close(writing)

    assert child.returncode == 130
    assert (out, err) == (b"", b"costguard: interrupted\n")


def _wait_until_blocked(child: "subprocess.Popen[bytes]") -> None:
    """Waits until the process sleeps in the kernel with all its modules loaded: the processor time stands still."""
    last, still = "", 0
    for _ in range(600):
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        state, spent = fields[0], f"{fields[11]} {fields[12]}"
        still = still + 1 if state == "S" and spent == last else 0
        if still >= 15:
            return
        last = spent
        time.sleep(0.02)
    pytest.fail("the process never waited for its input")


class TestStreams:
    """Standard output that is closed, full or cut off."""

    def test_a_reader_that_leaves_early_changes_no_verdict(self, shell: Callable[[str], Ended]) -> None:
        for plan, code in ((VIOLATING, 1), (COMPLIANT, 0)):
            ended = shell(
                f"costguard gate --format json --show-compliant {plan} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
            )

            assert ended.code == code
            assert ended.err == ""

    @pytest.mark.parametrize("command", ["--help", "--version", "gate -h", "policy show", "policy validate"])
    def test_a_reader_that_was_never_there(self, shell: Callable[[str], Ended], command: str) -> None:
        ended = shell(f"(sleep 0.3; costguard {command}; echo $? >code) | true; cat code")

        assert ended.text == "0\n"
        assert ended.err == ""

    def test_a_closed_standard_output_is_2_and_says_where_the_report_went(self, shell: Callable[[str], Ended]) -> None:
        ended = shell(f"costguard gate {VIOLATING} >&-")

        assert ended.code == 2
        assert "standard output is closed" in one_sentence(ended)

    def test_a_closed_standard_output_matters_not_where_the_report_goes_to_a_file(
        self, shell: Callable[[str], Ended]
    ) -> None:
        ended = shell(f"costguard gate {VIOLATING} --format json --output r.json >&-; code=$?; cat r.json; exit $code")

        assert ended.code == 1
        assert json.loads(ended.out)["schema"] == "costguard/findings/v1"

    @pytest.mark.parametrize("command", [f"gate {VIOLATING}", f"gate {VIOLATING} --format json", "policy show", "-h"])
    def test_a_full_disk_is_2_since_the_report_was_not_delivered(
        self, shell: Callable[[str], Ended], command: str
    ) -> None:
        ended = shell(f"costguard {command} >/dev/full")

        assert ended.code == 2
        assert "standard output can't be written: No space left on device" in one_sentence(ended)

    @pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2> >(true)"])
    def test_a_standard_error_that_takes_nothing_changes_no_exit_code(
        self, shell: Callable[[str], Ended], where: str
    ) -> None:
        assert shell(f"costguard gate missing.json {where}").code == 2
        assert shell(f"costguard gate --no-such-flag {where}").code == 2
        assert shell(f"costguard gate {VIOLATING} >/dev/null {where}").code == 1

    def test_a_closed_standard_input_is_2(self, shell: Callable[[str], Ended]) -> None:
        ended = shell("costguard gate - <&-")

        assert ended.code == 2
        assert "standard input is closed" in one_sentence(ended)

    def test_a_working_directory_that_is_gone_is_2(self, shell: Callable[[str], Ended]) -> None:
        ended = shell(f"mkdir gone && cd gone && rmdir ../gone && costguard gate {COMPLIANT}")

        assert ended.code == 2
        assert "costguard.yaml can't be looked for" in one_sentence(ended)
