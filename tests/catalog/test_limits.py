"""What each cloud takes as a tag; the examples are from the clouds' own documentation."""

import pytest
import regex

from costguard.catalog import LIMITS, lookup
from costguard.model.resource import Cloud
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("cloud", "key", "fits"),
    [
        ("aws", "Owner", True),
        ("aws", "cost center", True),
        ("aws", "team:cost_center/2024=a+b-c@d.e", True),
        ("aws", "Größe", True),
        ("aws", "", False),
        ("aws", "a&b", False),
        ("aws", "a\tb", False),
        ("google", "owner", True),
        ("google", "größe", True),
        ("google", "cost-center_2", True),
        ("google", "Owner", False),
        ("google", "2nd", False),
        ("google", "cost.center", False),
        ("google", "", False),
        ("azure", "Cost Center", True),
        ("azure", "hidden-link:x", True),
        ("azure", "a/b", False),
        ("azure", "a\\b", False),
        ("azure", "100%", False),
        ("azure", "", False),
    ],
)
def test_keys_have_the_charset_of_their_cloud(cloud: Cloud, key: str, fits: bool) -> None:
    assert bool(regex.fullmatch(LIMITS[cloud].key_pattern, key)) == fits


@pytest.mark.parametrize(
    ("cloud", "value", "fits"),
    [
        ("aws", "", True),
        ("aws", "alice@example.com", True),
        ("aws", '{"a": 1}', False),
        ("google", "", True),
        ("google", "1-2_3", True),
        ("google", "alice@example.com", False),
        ("google", "Production", False),
        ("azure", "", True),
        ("azure", '{"a": "b\\c"}\n', True),
    ],
)
def test_values_have_the_charset_of_their_cloud(cloud: Cloud, value: str, fits: bool) -> None:
    assert bool(regex.fullmatch(LIMITS[cloud].value_pattern, value)) == fits


@pytest.mark.parametrize(
    ("cloud", "tags", "key", "value", "reserved"),
    [("aws", 50, 128, 256, ("aws:",)), ("google", 64, 63, 63, ("goog-",)), ("azure", 50, 512, 256, ())],
)
def test_limits_are_the_documented_ones(
    cloud: Cloud, tags: int, key: int, value: int, reserved: tuple[str, ...]
) -> None:
    limits = LIMITS[cloud]
    assert (limits.max_tags, limits.key_length, limits.value_length) == (tags, key, value)
    assert limits.reserved == reserved


def test_the_documentation_shows_what_the_reader_says() -> None:
    known = lookup("aws_autoscaling_group")
    assert known is not None
    assert f"\n{known.own}\n" in (ROOT / "docs" / "reference" / "catalog.md").read_text(encoding="utf-8")
