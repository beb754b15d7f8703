"""What holds for every format: golden files, purity, speed, and hostile text."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from costguard.errors import UsageError
from costguard.model.finding import Report
from costguard.reports import FORMATS, Style, render

from .hostile import reports
from .samples import HOSTILE, everything, finding, live, many, report

GOLDEN = Path(__file__).with_name("golden")
SUFFIXES = {"json": "json", "sarif": "sarif", "junit": "xml", "gitlab": "gitlab.json", "markdown": "md"}
GOLDEN_CASES = {
    **{f"everything.{SUFFIXES.get(name, f'{name}.txt')}": (name, Style()) for name in FORMATS},
    "everything.narrow.txt": ("terminal", Style(width=60)),
    "everything.verbose.txt": ("terminal", Style(verbosity=1)),
    "everything.quiet.txt": ("terminal", Style(verbosity=-1)),
    "everything.color.txt": ("terminal", Style(color=True)),
    "live.md": ("markdown", Style()),
    "live.narrow.txt": ("terminal", Style(width=60)),
    "live.quiet.txt": ("terminal", Style(verbosity=-1)),
    "live.terminal.txt": ("terminal", Style()),
    "live.verbose.txt": ("terminal", Style(verbosity=1)),
}
REPORTS = {"everything": everything, "live": live}


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_a_report_renders_as_the_golden_file_says(name: str) -> None:
    """``COSTGUARD_WRITE_GOLDEN=1`` writes the files anew; then read what changed before you commit it."""
    format_name, style = GOLDEN_CASES[name]
    text = render(REPORTS[name.partition(".")[0]](), format_name, style)
    path = GOLDEN / name
    if os.environ.get("COSTGUARD_WRITE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_report_renders_to_the_same_bytes(name: str) -> None:
    assert render(everything(), name) == render(everything(), name)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(report=reports())
def test_hostile_text_never_reaches_the_output_raw(name: str, report: Report) -> None:
    text = render(report, name)
    assert text.endswith("\n")
    text.encode("utf-8")  # No lone surrogate is left.
    unseen = {c for c in text if not c.isprintable() and c != "\n"}
    assert not unseen, unseen
    assert not any(command in text for command in ("##[", "##vso[", "##teamcity["))


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"github"}))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(report=reports())
def test_no_line_is_a_workflow_command(name: str, report: Report) -> None:
    assert not any(line.lstrip().startswith("::") for line in render(report, name).splitlines())


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"json"}))
def test_a_huge_value_is_cut(name: str) -> None:
    huge = "x" * 1_000_000
    text = render(report(finding(address=huge, tag=huge, key=huge, message=huge, remedy=huge, surface=huge)), name)
    assert len(text) < 30_000
    assert "…" in text


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("color", [False, True])
def test_five_thousand_findings_render_in_a_moment(name: str, color: bool) -> None:
    """The bound is 0.1 s for a thousand; process time keeps a busy machine out of it. The collector is off, as in the
    commands that report: what it would count is the garbage of all other tests."""
    large = many(5_000)
    gc.disable()
    try:
        started = time.process_time()
        render(large, name, Style(color=color))
        took = time.process_time() - started
    finally:
        gc.enable()
    assert took < 0.5


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_found_is_still_said(name: str) -> None:
    assert render(report(), name).strip()


def test_an_unknown_format_is_named_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'html' is not a format; the formats are terminal, json, sarif, "):
        render(report(), "html")


def test_a_format_costs_nothing_until_it_is_asked_for() -> None:
    program = (
        "import sys, costguard.reports as r\n"
        "assert not [m for m in sys.modules if m.startswith('costguard.reports.')], 'a format was imported'\n"
        "from costguard.model.finding import Report, Summary, Tool\n"
        "s = Summary(resources=0, compliant=0, violating=0, unknown=0, exempt=0, untaggable=0, findings=0)\n"
        "t = Tool(name='costguard', version='0')\n"
        "of = dict(schema='costguard/findings/v1', tool=t, checkpoint='plan', complete=True, summary=s, findings=())\n"
        "report = Report(**of)\n"
        "before = set(sys.modules)\n"
        "for name in r.FORMATS: r.render(report, name)\n"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('costguard.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_hostile_samples_are_hostile() -> None:
    joined = "".join(HOSTILE)
    assert all(c in joined for c in "\x00\x1b\x7f\x9b\u200b\u2028\u202e\u2066\ud800\ufffe|`<@#[")
