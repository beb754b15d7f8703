"""What must be true of every policy and every inventory."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.engine import evaluate
from costguard.errors import DocumentError
from costguard.model.resource import Cloud, Inventory, Known, Resource, Surface, Tag, TagSet, Unknown
from costguard.policy import Policy
from costguard.policy.load import load
from tests.policy.build import PROVIDERS, TODAY

CLOUDS: tuple[Cloud, ...] = ("aws", "google", "azure")
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

NAMES = ("owner", "env", "cost")
KEYS = (*NAMES, "Owner", "team", "ENV", "secret-key", "aws:x", "goog-y")
VALUES = ("a", "b", "A", "", "  ", "a\n", "prod", "zz")

known = st.builds(Known, st.sampled_from(VALUES), st.booleans())
tags = st.builds(
    Tag,
    known | st.builds(Unknown, st.just("known only after apply")),
    st.sampled_from(["the resource", "default_tags of provider aws"]),
)
tag_sets = st.builds(
    TagSet,
    st.dictionaries(st.sampled_from(KEYS), tags, max_size=5),
    st.sampled_from(["", "", "merged at apply"]),
    st.lists(st.tuples(st.sampled_from([*NAMES, "o*", "*"]), st.just("ignored")), max_size=1).map(tuple),
)


@st.composite
def resources(draw: Callable[..., Any]) -> Resource:
    cloud = draw(st.sampled_from(CLOUDS))
    name = draw(st.sampled_from(["x", 'y["a"]', "z[0]"]))
    kind = draw(st.sampled_from([f"{PROVIDERS[cloud]}_thing", f"{PROVIDERS[cloud]}_store"]))
    surfaces = [Surface("tags", draw(tag_sets))]
    if draw(st.booleans()):
        surfaces.append(Surface("volume_tags", draw(tag_sets), created=True, authored=draw(st.booleans())))
    if draw(st.booleans()):
        own = surfaces[0].tags
        part = {key: tag for key, tag in own.tags.items() if draw(st.booleans())}
        surfaces.append(Surface("tag.propagate", TagSet(part, own.open, own.hidden), created=True, derived_from="tags"))
    return Resource(
        address=f"{kind}.{name}",
        type=kind,
        provider=PROVIDERS[cloud],
        cloud=cloud,
        account=draw(st.sampled_from([None, "1", "2"])),
        region=draw(st.sampled_from([None, "eu-west-1"])),
        surfaces=tuple(surfaces),
        touched=draw(st.booleans()),
    )


whens = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["*_store", "aws_*"]),
        "account": st.sampled_from(["1", "*"]),
        "tags": st.just({"env": "a"}),
        "address": st.just("*.y*"),
    },
)
levels = st.sampled_from(["error", "warning", "info"])
value_schemas = st.sampled_from(
    [{"enum": ["a", "b"]}, {"pattern": "^[ab]$"}, {"maxLength": 1}, {"anyOf": [{"const": "a"}, {"const": "prod"}]}]
)
plain_docs = st.fixed_dictionaries({}, optional={"required": st.booleans(), "level": levels})
tag_docs = st.fixed_dictionaries(
    {}, optional={"required": st.booleans(), "level": levels, "value": value_schemas, "description": st.just("It is.")}
)
kinds = st.one_of(
    st.fixed_dictionaries({"require": st.dictionaries(st.sampled_from(NAMES), plain_docs, min_size=1)}),
    st.fixed_dictionaries({"require": st.dictionaries(st.just("tier"), tag_docs, min_size=1)}),
    st.just({"forbid": {"keys": ["*secret*"]}}),
    st.just({"forbid": {"values": ["^A", "zz"]}}),
    st.just({"every-tag": {"key": {"pattern": r"^[\p{Ll}-]+$"}, "value": {"maxLength": 2}}}),
    st.just({"tags-schema": {"if": {"required": ["env"]}, "then": {"required": ["cost"]}}}),
    st.builds(lambda n: {"max-tags": n}, st.integers(0, 3)),
)


@st.composite
def rules(draw: Callable[..., Any], prefix: str) -> list[dict[str, Any]]:
    bodies = draw(st.lists(kinds, max_size=4))
    return [
        {"id": f"{prefix}{number}", "level": draw(levels), "when": draw(whens), **body}
        for number, body in enumerate(bodies)
    ]


@st.composite
def documents(draw: Callable[..., Any]) -> dict[str, Any]:
    stated = draw(st.dictionaries(st.sampled_from(NAMES), tag_docs, min_size=1))
    if "owner" in stated:
        stated["owner"] = stated["owner"] | {"keys": {"aws": "Owner"}, "aliases": ["team"]}
    return {
        "version": 1,
        "tags": stated,
        "rules": draw(rules("r")),
        "unknown": draw(st.fixed_dictionaries({}, optional={"plan": st.sampled_from(["pass", "warn", "fail"])})),
        "surfaces": draw(st.dictionaries(st.sampled_from(["volume_tags", "*"]), levels, max_size=2)),
    }


def loaded(folder: Path, *texts: dict[str, Any]) -> Policy:
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"p{number}.yaml")
        files[-1].write_text(yaml.safe_dump(text), "utf-8")
    return load(files)


def judged(policy: Policy, inventory: tuple[Resource, ...]) -> bytes:
    report = evaluate(policy, Inventory(checkpoint="plan", resources=inventory), TODAY, with_resources=True)
    return msgspec.json.encode(report)


@SETTINGS
@given(documents(), st.lists(resources(), max_size=5), st.randoms(use_true_random=False))
def test_evaluation_is_deterministic_and_the_order_of_resources_does_not_matter(
    tmp_path: Path, document: dict[str, Any], inventory: list[Resource], shuffled: random.Random
) -> None:
    policy = loaded(tmp_path, document)
    other = list(inventory)
    shuffled.shuffle(other)
    first = judged(policy, tuple(inventory))
    assert judged(policy, tuple(inventory)) == first
    assert judged(loaded(tmp_path, document), tuple(other)) == first


@SETTINGS
@given(documents(), st.lists(resources(), max_size=4))
def test_one_finding_for_a_resource_a_surface_and_a_tag(
    tmp_path: Path, document: dict[str, Any], inventory: list[Resource]
) -> None:
    policy = loaded(tmp_path, document)
    for one in inventory:
        report = evaluate(policy, Inventory(checkpoint="plan", resources=(one,)), TODAY)
        said = [(f.surface, f.tag or f.rule) for f in report.findings]
        assert len(said) == len(set(said))


@st.composite
def stricter(draw: Callable[..., Any], document: dict[str, Any]) -> dict[str, Any]:
    """A second document that only tightens the first."""
    more: dict[str, Any] = {"version": 1, "tags": {}, "rules": draw(rules("s"))}
    for name, doc in document["tags"].items():
        change: dict[str, Any] = {}
        if draw(st.booleans()):
            change["required"] = True
        if draw(st.booleans()):
            change["level"] = "error"
        if draw(st.booleans()):
            change["value"] = {"enum": ["a"]}
        if change:
            more["tags"][name] = change
        assert doc is not None
    if draw(st.booleans()):
        more["unknown"] = {"plan": "fail"}
    if draw(st.booleans()):
        more["surfaces"] = {"*": "error"}
    return more


@SETTINGS
@given(st.data())
def test_a_stricter_policy_never_removes_a_finding_nor_makes_it_milder(tmp_path: Path, data: st.DataObject) -> None:
    document = data.draw(documents())
    one = data.draw(resources())
    more = data.draw(stricter(document))
    inventory = Inventory(checkpoint="plan", resources=(one,))
    before = evaluate(loaded(tmp_path, document), inventory, TODAY).findings
    after = evaluate(loaded(tmp_path, document, more), inventory, TODAY).findings
    worst = {(f.surface, f.tag or f.rule): (f.verdict != "unknown", f.level.rank) for f in after}
    for finding in before:
        about = finding.tag or finding.rule
        where = (finding.surface, about)
        if where not in worst and finding.surface == "tag.propagate":
            where = ("tags", about)  # what is wrong there already isn't said again of what derives from it
        certain, rank = worst[where]
        assert rank >= finding.level.rank
        assert certain or finding.verdict == "unknown"


@SETTINGS
@given(documents(), st.lists(resources(), max_size=4))
def test_a_document_merged_with_itself_changes_nothing(
    tmp_path: Path, document: dict[str, Any], inventory: list[Resource]
) -> None:
    again = {key: value for key, value in document.items() if key != "rules"}  # rules have ids of their own
    once, twice = loaded(tmp_path, document), loaded(tmp_path, document, again)
    assert judged(once, tuple(inventory)) == judged(twice, tuple(inventory))
    file = tmp_path / "p0.yaml"
    assert judged(load([file, file]), tuple(inventory)) == judged(loaded(tmp_path, document), tuple(inventory))


FIELDS = [
    "version",
    "tags",
    "rules",
    "id",
    "when",
    "type",
    "require",
    "forbid",
    "keys",
    "values",
    "value",
    "level",
    "values-from",
    "file",
    "path",
    "format",
    "enum",
    "pattern",
    "anyOf",
    "$ref",
    "$defs",
    "tags-schema",
    "not",
    "properties",
    "patternProperties",
    "exemptions",
    "until",
    "reason",
    "unknown",
    "surfaces",
    "relax",
    "extends",
    "examples",
    "aws",
    "owner",
    "every-tag",
    "key",
    "max-tags",
    "synonyms",
    "aliases",
    "address",
]
HOSTILE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["*", "^a$", "(", "(a+)+$", r"\p{Ll}", "#/$defs/a", "#", "2027-01-01", "date", "teams[*]", "p.yaml"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["tags", "rules", "exemptions", "unknown", "surfaces", "relax", "extends", "examples", "x"]),
        HOSTILE | st.lists(HOSTILE, max_size=2) | st.dictionaries(st.just("owner"), HOSTILE),
        max_size=4,
    )
)
def test_any_document_loads_or_is_a_document_error(tmp_path: Path, document: dict[str, Any]) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump({"version": 1, **document}), "utf-8")
    try:
        load([file])
    except DocumentError as error:
        assert error.problems  # noqa: PT017 - nothing need be raised


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(HOSTILE, st.sampled_from(["value", "tags-schema", "key"]))
def test_any_schema_compiles_to_a_judgement_or_is_a_document_error(tmp_path: Path, schema: Any, place: str) -> None:
    rule = {"value": {"require": {"owner": {"value": schema}}}, "key": {"every-tag": {"key": schema}}}
    body = rule.get(place, {"tags-schema": schema})
    file = tmp_path / "p.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "rules": [{"id": "r", **body}]}), "utf-8")
    try:
        policy = load([file])
    except DocumentError:
        return
    one = Resource(
        address="a.b",
        type="a",
        provider="aws",
        cloud="aws",
        surfaces=(Surface("tags", TagSet({"owner": Tag(Known("aaab"), "the resource")})),),
    )
    evaluate(policy, Inventory(checkpoint="plan", resources=(one,)), TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "tags:\n" + "".join(f"  t{i}: {{x: 1}}\n" for i in range(20_000)),
        "".join(f"k{i}: 1\n" for i in range(50_000)),
        "rules:\n" + "".join(f"  - {{id: r{i}, forbid: {{values: ['(']}}}}\n" for i in range(10_000)),
        "tags: {owner: {value: {enum: [" + ", ".join(f"t{i}" for i in range(20_000)) + "]}}}",
        "tags: {owner: {value: {anyOf: [" + ", ".join(f"{{const: t{i}}}" for i in range(20_000)) + "]}}}",
        "tags: {owner: {aliases: [" + ", ".join(f"t{i}" for i in range(50_000)) + "]}}",
        "tags: {owner: {value: {pattern: '" + "(" * 5000 + "a" + ")" * 5000 + "'}}}",
        "tags: {owner: {value: {pattern: '(a{1,1000}){1,1000}{1,1000}'}}}",
        "tags:\n" + "".join(f"  t{i}: {{aliases: [u{i}]}}\n" for i in range(5_000)),
        "surfaces: {" + ", ".join(f"'*{i}*a*b*c*': error" for i in range(1_000)) + "}\ntags: {a: {}}",
        "rules: [{id: r, tags-schema: {allOf: [" + ", ".join(["{required: [a]}"] * 20_000) + "]}}]",
    ],
    ids=lambda text: text[:40].replace("\n", " "),
)
def test_a_large_document_ends_in_bounded_time(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(f"version: 1\n{text}\n", "utf-8")
    start = time.monotonic()
    try:
        load([file])
    except DocumentError as error:
        assert str(error)  # noqa: PT017 - nothing need be raised
    assert time.monotonic() - start < 20
