"""Texts that a cloud doesn't take, written so that it does: what comes out, and that it always leads back."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.catalog.encoding import MARKER, Part, decode, encode, encoded, legal
from costguard.model.resource import Cloud

CLOUDS = st.sampled_from(get_args(Cloud))
PARTS = st.sampled_from(get_args(Part))
ORDINARY = st.from_regex(r"[a-z][a-z0-9_-]{0,62}", fullmatch=True)
SHORT = st.text(max_size=14)
HOSTILE = st.one_of(
    st.text(max_size=300),
    SHORT,
    st.text("cg-_0123456789abcdefABCDEF@.", max_size=63),
    st.text("cg-_40@", max_size=20).map(lambda text: MARKER + text),
    st.text(st.characters(codec=None), max_size=20),
)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("payments", "payments"),
        ("", ""),
        ("größe", "größe"),
        ("a_b-2", "a_b-2"),
        ("alice@corp.com", "cg--alice_40corp_2ecom"),
        ("Payments", "cg--_50ayments"),
        ("a_b C", "cg--a_5fb_20_43"),
        ("€", "cg--_e2_82_ac"),
        ("a/b", "cg--a_2fb"),
        ("cg--alice_40corp_2ecom", "cg--cg--alice_5f40corp_5f2ecom"),
        ("cg--", "cg--cg--"),
    ],
)
def test_a_label_value(text: str, label: str) -> None:
    assert encode("google", text) == label
    assert decode("google", label) == text


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("owner", "owner"),
        ("2nd", "cg--2nd"),
        ("CostCenter", "cg--_43ost_43enter"),
        ("goog-x", "cg--goog-x"),
        ("", "cg--"),
    ],
)
def test_a_label_key(key: str, label: str) -> None:
    assert encode("google", key, "key") == label
    assert decode("google", label, "key") == key


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 64, "too long as it is"),
        ("@" * 20, "4 + 20·3 characters are 64"),
        ("Ä" * 10, "4 + 10·6 characters are 64"),
        ("\ud800", "half of a surrogate pair is no text"),
    ],
)
def test_what_can_not_be_encoded_is_not_cut(text: str, why: str) -> None:
    assert encode("google", text) is None, why


def test_the_longest_that_can_be_encoded() -> None:
    assert encode("google", "@" * 19 + "ab") == MARKER + "_40" * 19 + "ab"  # 4 + 57 + 2 = 63


@pytest.mark.parametrize(
    "label",
    [
        "cg--alice_40",  # is alice@
        "cg--payments_",
        "cg--a_4",
        "cg--a_4G",
        "cg--payments",  # needs no encoding
        "cg--a_61",  # a needs none
        "cg--_ff",  # is no UTF-8
        "cg--_c0_80",  # nor is this, for NUL
        "cg--",
        "cg--_5",
    ],
)
def test_only_the_one_encoding_of_a_text_means_it(label: str) -> None:
    expected = {"cg--alice_40": "alice@"}
    assert decode("google", label) == expected.get(label)


def test_the_other_clouds_take_more() -> None:
    assert encode("aws", "alice@corp.com") == "alice@corp.com"
    assert encode("aws", "a&b") == "cg--a_26b"
    assert encode("aws", "aws:x", "key") == "cg--aws:x"
    assert encode("azure", "a/b", "key") == "cg--a_2fb"
    assert encode("azure", "a/b") == "a/b"


@given(CLOUDS, HOSTILE, PARTS)
def test_what_is_encoded_is_legal_and_leads_back(cloud: Cloud, text: str, part: Part) -> None:
    label = encode(cloud, text, part)
    if label is not None:
        assert legal(cloud, label, part)
        assert decode(cloud, label, part) == text


@given(SHORT.filter(lambda text: all(ord(char) < 128 for char in text)))
def test_ascii_of_fourteen_characters_always_fits_a_label(text: str) -> None:
    assert encode("google", text) is not None


@given(CLOUDS, HOSTILE, HOSTILE, PARTS)
def test_no_two_texts_have_one_encoding(cloud: Cloud, one: str, other: str, part: Part) -> None:
    if one != other and encode(cloud, one, part) is not None:
        assert encode(cloud, one, part) != encode(cloud, other, part)


@given(CLOUDS, HOSTILE, PARTS)
def test_whatever_decodes_is_the_encoding_of_that(cloud: Cloud, label: str, part: Part) -> None:
    text = decode(cloud, label, part)
    if text is not None:
        assert encode(cloud, text, part) == label


@given(CLOUDS, HOSTILE)
def test_a_value_without_the_marker_means_itself(cloud: Cloud, text: str) -> None:
    if not text.startswith(MARKER):
        assert decode(cloud, text) in (text, None)
        assert encoded(cloud, text) is None


@given(ORDINARY.filter(lambda text: not text.startswith(MARKER)))
def test_an_ordinary_label_is_never_changed(text: str) -> None:
    assert encode("google", text) == decode("google", text) == text
