"""What the types of ``costguard.yaml`` answer, and that they and the published schema accept the same."""

import copy
import json
import string
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.config import NAME, AwsDoc, ConfigDoc, FromEnvDoc, read
from costguard.errors import DocumentError, Problem, UsageError
from costguard.policy.validate import fits
from tests.config.test_reference import FILES, SAMPLES
from tests.conftest import ROOT

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((ROOT / "costguard" / "schemas" / "config-v1.json").read_text("utf-8"))
)


def test_what_says_nothing_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("version: 1\ninventory: {aws: {}}\n")
    doc = read(tmp_path / NAME).doc
    assert doc.inventory.aws == AwsDoc()
    assert doc.inventory.google is None
    assert (doc.inventory.store, doc.inventory.workers) == ("costguard-scan.db", 16)
    assert (doc.reconcile.threshold, doc.reconcile.limits.percent, doc.slo.window) == (0.95, 5, "30d")
    assert (doc.terraform.states, doc.billing, doc.notify) == ([], [], [])


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (None, None),
        ("CostguardReader", "arn:aws-cn:iam::111122223333:role/CostguardReader"),
        ("finops/read/CostguardReader", "arn:aws-cn:iam::111122223333:role/finops/read/CostguardReader"),
        ("/finops/CostguardReader", "arn:aws-cn:iam::111122223333:role/finops/CostguardReader"),
        ("arn:aws-cn:iam::{account}:role/a/B", "arn:aws-cn:iam::111122223333:role/a/B"),
    ],
)
def test_the_role_of_an_account_is(tmp_path: Path, role: str | None, expected: str | None) -> None:
    (tmp_path / NAME).write_text(yaml.safe_dump({"version": 1, "inventory": {"aws": {"role": role}}}))
    aws = read(tmp_path / NAME).doc.inventory.aws
    assert aws is not None
    assert aws.role_arn("aws-cn", "111122223333") == expected


def test_a_value_of_the_environment_is_there_or_a_sentence() -> None:
    named = FromEnvDoc(from_env="COSTGUARD_EXTERNAL_ID")
    assert named.value({"COSTGUARD_EXTERNAL_ID": "acme-7"}) == "acme-7"
    for environment in ({}, {"COSTGUARD_EXTERNAL_ID": ""}):
        with pytest.raises(UsageError, match="COSTGUARD_EXTERNAL_ID, which costguard"):
            named.value(environment)


# AWS's general reference names all of these; the last three are of partitions of their own.
@pytest.mark.parametrize(
    "region",
    [
        "us-east-1",
        "ap-southeast-5",
        "mx-central-1",
        "us-gov-west-1",
        "cn-northwest-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
    ],
)
def test_a_region_of_any_partition_is_one(region: str) -> None:
    data = {"version": 1, "inventory": {"aws": {"regions": [region]}}}
    assert fits(data, ConfigDoc) is not None


@pytest.mark.parametrize("scope", ["projects/123", "projects/acme-prod", "projects/acme.com:legacy-1", "folders/1"])
def test_a_scope_of_any_form_is_one(scope: str) -> None:
    assert fits({"version": 1, "inventory": {"google": {"scopes": [scope]}}}, ConfigDoc) is not None


# --- laws

_SAMPLES = [yaml.safe_load(FILES[name]) for name in SAMPLES]
_WORDS = st.sampled_from(
    [
        *(
            "organization",
            "current",
            "enabled",
            "111122223333",
            "111122223333\n",
            "eu-west-1",
            "native",
            "search",
            "30d",
        ),
        *(
            "projects/acme-prod",
            "folders/7",
            "..",
            "/",
            "s3://b/x",
            "s3://bucket/x",
            "sqlite:///x",
            "sqlite://",
            "A",
            "$A",
        ),
        *("arn:aws:iam::{account}:role/x", "arn:aws:sns:eu-west-1:111122223333:t", "a:b@c://d@e", "\0", "", "\n"),
    ]
)
_NAMES = st.sampled_from(
    [
        *(
            "version",
            "inventory",
            "aws",
            "google",
            "accounts",
            "role",
            "regions",
            "external-id",
            "from-env",
            "scopes",
            "notify",
        ),
        *(
            "slack",
            "smtp",
            "url",
            "url-from-env",
            "password",
            "billing",
            "path",
            "states",
            "store",
            "limits",
            "assume",
            "x",
        ),
    ]
)
_ODDS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 70)
    | st.integers()
    | st.floats(-1, 120).filter(lambda number: not number.is_integer())  # JSON Schema takes 16.0 for 16.
    | _WORDS
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A sample of the reference with some of its parts replaced, taken away or added."""
    data = copy.deepcopy(draw(st.sampled_from(_SAMPLES)))
    for _ in range(draw(st.integers(0, 3))):
        *around, last = draw(st.sampled_from(_places(data)[1:] or [("version",)]))
        parent = data
        for part in around:
            parent = parent[part]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                parent[last] = draw(_ODDS)
            case "remove":
                parent.pop(last, None) if isinstance(parent, dict) else parent.pop(last)
            case _ if isinstance(parent, dict):
                parent[draw(_NAMES)] = draw(_ODDS)
            case _:
                parent.append(draw(_ODDS))
    return data


@given(documents())
@settings(max_examples=1000, deadline=None)
def test_the_schema_accepts_what_the_types_accept(data: Any) -> None:
    assert SCHEMA.is_valid(data) == (fits(data, ConfigDoc) is not None)


@given(documents())
@settings(max_examples=200, deadline=None)
def test_what_a_command_judges_is_what_the_file_said(data: Any) -> None:
    doc = fits(data, ConfigDoc)
    assert doc is None or fits(msgspec.to_builtins(doc), ConfigDoc) == doc


def _read(folder: Path, text: str) -> None:
    """Reads a configuration: sentences with lines of it may come instead; anything else escapes."""
    (folder / NAME).write_text(text, "utf-8")
    problems: tuple[Problem, ...] = ()
    try:
        assert read(folder / NAME).doc.version == 1
    except DocumentError as error:
        problems = error.problems or (Problem("", -1, "", "an error without a sentence"),)
    assert all(problem.message and 0 <= problem.line <= text.count("\n") + 1 for problem in problems)


@given(documents())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_configuration_gives_types_or_sentences(tmp_path: Path, data: Any) -> None:
    _read(tmp_path, json.dumps(data))


@given(_ODDS | st.dictionaries(_NAMES, _ODDS, max_size=4))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_document_gives_types_or_sentences(tmp_path: Path, data: Any) -> None:
    _read(tmp_path, json.dumps(data))


@given(st.text(alphabet=string.printable, max_size=60), st.sampled_from(SAMPLES), st.integers(0, 400))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_gives_types_or_sentences(tmp_path: Path, text: str, name: str, at: int) -> None:
    sample = FILES[name]
    _read(tmp_path, sample[:at] + text + sample[at + len(text) :])
