"""The samples in the documentation are what the formats say today."""

import json
import re
from pathlib import Path

import pytest

from costguard.reports import FORMATS, render

from .samples import live, of_the_docs

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"


def sample(name: str) -> str:
    text = render(of_the_docs(), name)
    if name != "sarif":
        return text
    return json.dumps(json.loads(text)["runs"][0]["results"][0], indent=2) + "\n"


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_shows_what_the_format_says(name: str) -> None:
    section = PAGE.read_text("utf-8").partition(f"\n## `{name}`\n")[2].partition("\n## `")[0]
    found = re.search(r"^```\w+\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert found is not None
    assert found[1] == sample(name)


def test_the_page_shows_the_report_of_a_scan() -> None:
    assert f"```text\n{render(live(), 'terminal')}```\n" in PAGE.read_text("utf-8")


def test_the_page_opens_with_the_report_of_a_terminal() -> None:
    assert render(of_the_docs(), "terminal") in PAGE.read_text("utf-8")
