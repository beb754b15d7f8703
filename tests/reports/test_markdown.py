"""The Markdown is read back by a parser of GitHub's flavour: whatever the text, its structure is ours alone."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from costguard.model.finding import Report
from costguard.model.resource import Gap
from costguard.reports import render

from .hostile import reports
from .samples import environment, everything, finding, many, report

PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
OUR_HTML = re.compile(r"</?(?:details|summary|code|sub)>|<br>|<!-- costguard:(?:source|plan|live|bill) -->")
# GitHub looks for these in the text that is left after rendering, outside of code.
REFERENCE = re.compile(r"@\w|#\d|\bGH-\d|(?i:\b[0-9a-f]{7,40}\b)|:[a-z_]+:|https?:|www\.")


def words_outside_code(tokens: list[Token]) -> list[str]:
    """The text that GitHub would look for mentions in, with ``<code>`` elements left out as it leaves them out."""
    said: list[str] = []
    inside = False
    for token in tokens:
        if token.type == "html_inline" and token.content in ("<code>", "</code>"):
            inside = token.content == "<code>"
        elif token.type in ("text", "text_special") and not inside:
            said.append(token.content)
    return said


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_hostile_text_is_only_ever_words_and_code(report: Report) -> None:
    source = render(report, "markdown")
    tokens = PARSER.parse(source)
    allowed = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td", "bullet_list", "list_item"}
    for token in tokens:
        kind = token.type.removesuffix("_open").removesuffix("_close")
        assert kind in allowed | {"inline", "html_block"}, token
        if token.type == "html_block":
            outside = re.sub(r"<summary>[\w ,]+</summary>", "", token.content)
            assert not OUR_HTML.sub("", outside).strip(), token
        if token.type != "inline":
            continue
        children = token.children or []
        assert {child.type for child in children} <= {
            "text",
            "text_special",
            "code_inline",
            "html_inline",
            "softbreak",
            "strong_open",
            "strong_close",
        }, (token.content, children)
        for child in children:
            assert child.type != "html_inline" or OUR_HTML.fullmatch(child.content), child
        for text in words_outside_code(children):
            assert not REFERENCE.search(text), text


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_no_table_row_gains_or_loses_a_cell(report: Report) -> None:
    for line in render(report, "markdown").splitlines():
        if line.startswith("|"):
            assert line.count("|") == 4, line


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_no_angle_bracket_is_anybody_elses(report: Report) -> None:
    assert "<" not in OUR_HTML.sub("", render(report, "markdown"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_every_fold_is_closed(report: Report) -> None:
    text = render(report, "markdown")
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("plain", "plain"),
        ("doesn't", "doesn't"),
        ("'prd'", "'prd'"),
        ("data-classification,", "data-classification,"),
        ("ünïcode.", "ünïcode."),
        ('"production ",', '"production ",'),
        ("@team,", "`@team`,"),
        ("#12", "`#12`"),
        ("GH-12", "`GH-12`"),
        ("(main.tf:4)", "(`main.tf:4`)"),
        ("module.a", "`module.a`"),
        ("defaced", "`defaced`"),
        ("**b**", "`**b**`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("``", "<code>&#96;&#96;</code>"),
        ("<b>", "<code>&#60;b&#62;</code>"),
        ("![x](http://example.com)", "`![x](http://example.com)`"),
        ("-", "`-`"),
        ("...", "`...`"),
    ],
)
def test_a_word_that_could_be_more_is_code(word: str, shown: str) -> None:
    assert f"| Owner {shown} |" in render(report(finding(message=f"Owner {word}")), "markdown")


def many_different() -> Report:
    made = [
        finding(address=f"module.m{index}.aws_s3_bucket.b", message=f"Owner {index} is missing", remedy=f"do {index}")
        for index in range(3_000)
    ]
    return report(*made, seen=5_000)


@pytest.mark.parametrize(
    "large",
    [
        many_different(),
        many(5_000),
        report(
            *(
                finding(address=f"{index}" + "é" * 2_000, message="<|>`" * 500, remedy=f"{index}")
                for index in range(90)
            ),
            complete=False,
            gaps=tuple(Gap("<|>" * 500, "<|>" * 500) for _ in range(90)),
            notes=("<|>" * 500,) * 90,
        ),
    ],
)
def test_a_comment_is_never_longer_than_github_takes(large: Report) -> None:
    text = render(large, "markdown")
    assert len(text.encode()) <= 65_000
    assert text.endswith("</sub>\n")


def test_what_is_left_out_is_counted() -> None:
    text = render(many_different(), "markdown")
    [left] = re.findall(r"\*\*([\d,]+) more errors are left out here\.\*\*", text)
    shown = len(re.findall(r"^\| `module", text, re.MULTILINE))
    assert int(left.replace(",", "")) + shown == 3_000
    assert shown > 200


def test_the_headline_is_the_verdict() -> None:
    assert "### ✅ costguard plan: All 33 taggable resources are compliant\n" in render(report(), "markdown")
    assert "### ❌ costguard plan: 1 error on 1 of 38 resources\n" in render(report(finding()), "markdown")
    assert "### ⚠️ costguard plan: No new findings in what could be read\n" in render(report(complete=False), "markdown")


def test_the_faults_of_a_resource_stand_below_each_other() -> None:
    text = render(report(finding(), environment("aws_s3_bucket.logs")), "markdown")
    assert "| `aws_s3_bucket.logs` at `storage/main.tf:12` | Owner is missing |" in text
    assert "|  | Environment: 'prd' is not production, staging or dev |" in text


def test_what_does_not_block_is_folded_away() -> None:
    text = render(everything(), "markdown")
    assert text.index("Owner is missing") < text.index("<details>")
    folds = re.findall(r"<summary>(.*?)</summary>", text)
    assert folds == [
        "1 warning on 1 resource",
        "1 undecided tag on 1 resource",
        "1 remark on 1 resource",
        "1 old finding on 1 resource",
        "2 judged resources",
    ]


def test_the_comment_can_be_found_again() -> None:
    assert render(report(checkpoint="source"), "markdown").startswith("<!-- costguard:source -->\n")
