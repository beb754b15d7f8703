"""The JSON is the wire format: what is read back is what was written."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from costguard.errors import ExitCode, InputError
from costguard.model.finding import Report
from costguard.reports import FORMATS, read, render

from .hostile import reports, without_surrogates
from .samples import everything, finding, report


@settings(max_examples=100, deadline=None)
@given(report=reports(without_surrogates))
def test_what_is_read_back_is_what_was_rendered(report: Report) -> None:
    assert read(render(report, "json").encode(), "report.json") == report


@settings(max_examples=50, deadline=None)
@given(report=reports())
def test_reading_back_is_stable_whatever_the_text(report: Report) -> None:
    """A lone surrogate can't be in JSON; its escape stands for it, once and for all."""
    once = render(report, "json")
    assert render(read(once.encode(), "report.json"), "json") == once


@pytest.mark.parametrize("name", FORMATS)
def test_a_saved_report_renders_as_the_live_one_does(name: str) -> None:
    saved = read(render(everything(), "json").encode(), "report.json")
    assert render(saved, name) == render(everything(), name)


def test_the_fields_stand_in_the_order_of_the_types_even_with_a_lone_surrogate() -> None:
    plain, odd = (list(msgspec.json.decode(render(report(finding(message=m)), "json"))) for m in ("a", "\ud800"))
    assert plain[:3] == odd[:3] == ["schema", "tool", "checkpoint"]
    assert r"\\ud800" in render(report(finding(message="\ud800")), "json")


def test_the_keys_of_a_tag_map_are_sorted() -> None:
    text = render(everything(), "json")
    assert text.index('"Environment": null') < text.index('"Owner": "payments"')


def test_a_field_of_a_later_version_is_passed_over() -> None:
    text = render(everything(), "json").replace('"complete"', '"later": {"a": [1]},\n  "complete"')
    assert read(text.encode(), "report.json") == everything()


def test_a_byte_order_mark_is_no_matter() -> None:
    assert read(b"\xef\xbb\xbf" + render(report(), "json").encode(), "report.json") == report()


GOOD = render(everything(), "json").encode()
HEAD = b'{"schema": "costguard/findings/v1", '
BAD = {
    "nothing": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "cut short": (GOOD[:700], "it ends in the middle, on line "),
    "not JSON": (b'{\n"schema": nonsense}', "on line 2"),
    "more than one": (GOOD + b"{}", "trailing characters"),
    "a list": (b"[]", "Expected `object`, got `array`"),
    "null": (b"null", "Expected `object`, got `null`"),
    "no schema": (b'{"findings": []}', "it has no schema"),
    "another tool's": (b'{"schema": "trivy/v2"}', "its schema is 'trivy/v2'"),
    "a number for a schema": (b'{"schema": 3}', "its schema is '3'"),
    "a later version": (b'{"schema": "costguard/findings/v9"}', "another version"),
    "a field is missing": (HEAD + b'"complete": true}', "missing required field `tool`"),
    "a wrong type": (GOOD.replace(b'"line": 12', b'"line": "12"', 1), "at $.findings[0].location.line, Expected `int`"),
    "a wrong level": (GOOD.replace(b'"error"', b'"fatal"', 1), "at $.findings[0].level, Invalid enum value 'fatal'"),
    "not a number": (GOOD.replace(b'"line": 12', b'"line": NaN', 1), "invalid character on line"),
    "too large a number": (GOOD.replace(b'"line": 12', b'"line": ' + b"9" * 5_000, 1), "location.line"),
    "infinite": (GOOD.replace(b'"line": 12', b'"line": 1e999', 1), "location.line"),
    "nested without end": (b'{"a":' * 100_000, "nested too deeply"),
    "lists without end": (HEAD + b'"findings": ' + b"[" * 100_000, "nested too deeply"),
    "not UTF-8": (b'{\n"schema": "\xff"}', "line 2 is not UTF-8"),
    "half a pair": (GOOD.replace(b"missing", rb"\ud800", 1), "on line"),
    "PowerShell's UTF-16": ("{}".encode("utf-16"), "is UTF-16"),
    "binary": (b"PK\x03\x04", "malformed"),
}


@pytest.mark.parametrize(("raw", "says"), BAD.values(), ids=BAD)
def test_what_is_no_report_is_refused_with_what_and_where(raw: bytes, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read(raw, "r\x1b.json")
    said = str(caught.value)
    assert said.startswith(r"r\x1b.json is ")
    assert says in said
    assert said.isprintable()
    assert len(said) < 600
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("field", ["findings", "gaps", "notes", "summary", "tool", "complete", "checkpoint"])
@pytest.mark.parametrize("value", [None, 3, "x", [3], {"a": 1}])
def test_no_wrong_type_anywhere_is_a_bug(field: str, value: Any) -> None:
    plain = msgspec.json.decode(GOOD)
    plain[field] = value
    with pytest.raises(InputError, match=rf"\$\.{field}"):
        read(msgspec.json.encode(plain), "report.json")
