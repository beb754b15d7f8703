"""The examples of how to run costguard: held against their formats' published schemas, and what can be run is run.

No engine of GitHub's, GitLab's or Kubernetes' is to be had in the tests: their files are held against the schemas that
check-jsonschema and kubernetes-validate carry, and the scripts in them are run by the shell that they are written for.
"""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dockerfile_parse import DockerfileParser

from costguard.cli.main import outcome
from costguard.config import objections
from tests.conftest import ROOT, absent

EXAMPLES = ROOT / "examples"
PLANS = EXAMPLES / "terraform"


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("action.yml", ["vendor.github-actions"]),
        ("examples/github-actions/gate.yaml", ["vendor.github-workflows"]),
        ("examples/github-actions/nightly.yaml", ["vendor.github-workflows"]),
        ("examples/gitlab/costguard.gitlab-ci.yml", ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_a_pipeline_is_as_its_published_schema_says(path: str, schema: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, str(ROOT / path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["kubernetes/nightly.yaml", "kubernetes/sharded-scan.yaml"])
def test_what_goes_to_kubernetes_is_as_its_api_says(path: str) -> None:
    documents = list(yaml.safe_load_all((EXAMPLES / path).read_text("utf-8")))
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_configuration_in_the_config_map_is_one() -> None:
    config, *_ = yaml.safe_load_all((EXAMPLES / "kubernetes" / "nightly.yaml").read_text("utf-8"))
    assert objections(yaml.safe_load(config["data"]["costguard.yaml"])) == []


def test_a_pod_that_ended_by_itself_is_not_tried_again_and_one_that_was_killed_is() -> None:
    """Exit codes of costguard's end the job; a signal (137, 143) is no exit code of its."""
    *_, cron = yaml.safe_load_all((EXAMPLES / "kubernetes" / "nightly.yaml").read_text("utf-8"))
    job = cron["spec"]["jobTemplate"]["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [1, 2, 3, 4])
    assert job["backoffLimit"] > 0
    assert job["template"]["spec"]["restartPolicy"] == "Never", "what a pod failure policy needs"


def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        absent("systemd", "systemd-analyze isn't installed")
    for name in ("costguard-nightly.service", "costguard-nightly.timer"):
        text = (EXAMPLES / "systemd" / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("/opt/costguard/bin/costguard", sys.executable))
    units = [str(tmp_path / f"costguard-nightly.{kind}") for kind in ("service", "timer")]
    done = subprocess.run([program, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "costguard" in line]
    assert (done.returncode, said) == (0, [])


COMMAND = re.compile(r"(?:^|[\s/])(costguard (?:nightly|doctor|gate|scan|report|review|reconcile)\b[^\n#`]*)")
_END = re.compile(r"\s(?:\|\||&&|>)|; (?:fi|done)|: ")


def commands() -> list[str]:
    """Each costguard command that an example has."""
    found = set()
    for folder in ("github-actions", "gitlab", "kubernetes", "systemd", "container"):
        for file in (EXAMPLES / folder).iterdir():
            # YAML folds the lines of a long command into one.
            text = file.read_text("utf-8").replace("--quiet\n              --store", "--quiet --store")
            found |= {_END.split(match)[0].strip() for match in COMMAND.findall(text)}
    return sorted(found)


@pytest.mark.parametrize("command", commands())
def test_every_command_in_an_example_is_one(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for help, a command first understands all of its options."""
    words = [word for word in shlex.split(command.replace("$COSTGUARD_FAIL_ON", "error"))[1:] if word != "--"]
    assert outcome([*words, "--help"]) == 0, capsys.readouterr().err


def test_all_ways_have_commands() -> None:
    assert {"costguard doctor", "costguard nightly --fail-on objective"} <= set(commands())
    assert len(commands()) >= 8


def test_the_container_has_what_the_package_is_made_of(tmp_path: Path) -> None:
    """What the Containerfile copies is enough to build the package from."""
    with (EXAMPLES / "container" / "Containerfile").open("rb") as file:
        instructions = DockerfileParser(fileobj=file).structure
    names = [one["instruction"] for one in instructions]
    assert names.count("FROM") == 2
    assert names[-2:] == ["ENTRYPOINT", "CMD"]
    assert [one["value"] for one in instructions if one["instruction"] == "USER"] == ["65532:65532"]
    for one in instructions:
        if one["instruction"] != "COPY" or one["value"].startswith("--from"):
            continue
        *sources, target = one["value"].split()
        for source in sources:
            found = ROOT / source
            if found.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(found, tmp_path / "source" / target, ignore=ignore)
            else:
                (tmp_path / "source").mkdir(exist_ok=True)
                shutil.copy(found, tmp_path / "source" / target)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "made")],
        cwd=tmp_path / "source",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "made").glob("*.whl"))) == 1


# ------------------------------------------------------------------ the scripts of the action


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment of a runner, in which costguard is installed as the action installs it."""
    programs = tmp_path / "costguard" / "bin"
    programs.mkdir(parents=True)
    costguard = programs / "costguard"
    costguard.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m costguard "$@"\n')
    costguard.chmod(costguard.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_REPOSITORY": "acme/live",
        "SOURCE": "",
        "POLICY": "",
        "FAIL_ON": "error",
    }


def step(name: str) -> str:
    (found,) = (one["run"] for one in read("action.yml")["runs"]["steps"] if one.get("name") == name)
    assert "${{" not in found, "what others wrote goes through the environment, never into a script"
    return str(found)


def bash(script: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """As a runner has it: bash --noprofile --norc -eo pipefail."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("plan", "code"), [("compliant-defaults", "0"), ("violating-mixed", "1"), (None, "2")])
def test_the_action_judges_and_leaves_what_the_next_steps_need(
    runner: dict[str, str], tmp_path: Path, plan: str | None, code: str
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    runner["PLAN"] = str(PLANS / plan / "plan.json" if plan else broken)
    done = bash(step("Judge"), runner, tmp_path)
    assert done.returncode == 0, done.stderr
    said = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert said["exit-code"] == code
    if plan is None:
        assert "sarif" not in said
        return
    assert json.loads(Path(said["sarif"]).read_text())["version"] == "2.1.0"
    assert (tmp_path / "summary.md").read_text().startswith("<!-- costguard:plan -->")
    assert ("::error" in done.stdout) == (code == "1")
    verdict = bash(step("Verdict"), {**runner, "CODE": said["exit-code"]}, tmp_path)
    assert verdict.returncode == int(code)


@pytest.mark.parametrize("earlier", ["", "4711\n4712\n"])
def test_a_comment_takes_the_place_of_the_one_before(runner: dict[str, str], tmp_path: Path, earlier: str) -> None:
    """GitHub's own program is played by a script that writes down what it is asked, and answers as it does."""
    (tmp_path / "costguard.md").write_text("<!-- costguard:plan -->\nfine\n")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncase "$*" in *--jq*) printf %s "{earlier}" ;; esac\n')
    gh.chmod(0o755)
    environment = {**runner, "PATH": f"{tmp_path}:{runner['PATH']}", "NUMBER": "12"}
    done = bash(step("Comment"), environment, tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "asked").read_text().splitlines()[-1]
    place = "issues/comments/4711" if earlier else "issues/12/comments"
    assert f"repos/acme/live/{place} -F body=@{tmp_path}/costguard.md" in written
    assert ("-X PATCH" in written) == bool(earlier)


def test_a_hostile_name_of_a_plan_is_an_argument_and_no_script(runner: dict[str, str], tmp_path: Path) -> None:
    runner["PLAN"] = "--output=/tmp/x; touch owned; $(touch owned)"
    assert bash(step("Judge"), runner, tmp_path).returncode == 0
    assert "exit-code=2" in (tmp_path / "output").read_text()
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(("plan", "code"), [("compliant-defaults", 0), ("violating-mixed", 1)])
def test_the_template_for_gitlab_judges_and_reports(
    runner: dict[str, str], tmp_path: Path, plan: str, code: int
) -> None:
    template = read("examples/gitlab/costguard.gitlab-ci.yml")
    script = "\n".join(template[".costguard-gate"]["script"])
    environment = {
        **runner,
        **template["variables"],
        "PATH": f"{tmp_path}/costguard/bin:{runner['PATH']}",
        "COSTGUARD_PLAN": str(PLANS / plan / "plan.json"),
    }
    done = bash(script, environment, tmp_path)
    assert done.returncode == code, done.stderr
    reports = template[".costguard-gate"]["artifacts"]["reports"]
    quality = json.loads((tmp_path / reports["codequality"]).read_text())
    assert bool(quality) == bool(code)
    assert "resources" in done.stdout
