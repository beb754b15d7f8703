import pytest

from costguard.reports.text import columns, json_text, printable, prose

CASES = {
    "plain": ("aws_s3_bucket.b", "aws_s3_bucket.b"),
    "colour": ("\x1b[31mred", r"\x1b[31mred"),
    "line end": ("a\r\nb\tc", r"a\r\nb\tc"),
    "delete": ("\x7f", r"\x7f"),
    "C1 control sequence introducer": ("\x9b2J", r"\x9b2J"),
    "right-to-left override": ("\u202egpj", r"\u202egpj"),
    "isolate": ("\u2066x\u2069", r"\u2066x\u2069"),
    "zero width": ("a\u200bb\u200dc\ufeff", r"a\u200bb\u200dc\ufeff"),
    "line separator": ("a\u2028b\u2029", r"a\u2028b\u2029"),
    "lone surrogate": ("\ud800", r"\ud800"),
    "tag characters": ("\U000e0041", r"\U000e0041"),
    "invisible letter": ("a\u3164b", r"a\u3164b"),
    "variation selector": ("a\ufe0f", r"a\ufe0f"),
    "private use": ("\ue000", r"\ue000"),
    "no-break space": ("a\u00a0b\u3000c", "a b c"),
    "letters of any script": ("grün 日本 ß", "grün 日本 ß"),
    "GitHub's older command": ("x ##[set-env]y", r"x #\x23[set-env]y"),
    "GitHub's older command after a hash": ("###[x]", r"##\x23[x]"),
    "Azure's command": ("##vso[task.setvariable]y", r"#\x23vso[task.setvariable]y"),
    "TeamCity's command": ("##teamcity[x]", r"#\x23teamcity[x]"),
    "GitHub's command": ("::error::x", r":\x3aerror::x"),
    "GitHub's command at a word": ("a ::error::x", r"a :\x3aerror::x"),
    "an ARN": ("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"),
}


@pytest.mark.parametrize(("text", "shown"), CASES.values(), ids=CASES)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert printable("abcdef", 5) == "abcd…"
    assert printable("abcde", 5) == "abcde"


def test_the_limit_holds_after_escaping() -> None:
    assert len(printable("\U000e0041" * 50, 40)) == 40


def test_the_line_breaks_of_prose_are_spaces() -> None:
    assert prose("Error: no\n\n  on main.tf \u2028line 3") == "Error: no on main.tf line 3"


def test_json_text_says_the_same_in_what_can_be_seen() -> None:
    assert json_text('"\u202e\U000e0041\x7f ##[x] é"'.encode()) == r'"\u202e\udb40\udc41\u007f #\u0023[x] é"'


def test_columns_are_those_of_a_terminal() -> None:
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "")] == [3, 4, 1, 0]
