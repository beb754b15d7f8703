"""The Tag keys that a policy names: what is looked up, and what is said where they aren't there."""

from collections.abc import Callable

import grpc  # type: ignore[import-untyped] # It has none.
import pytest

from costguard.clouds.google.tags import Expected
from costguard.model.coverage import Cell
from costguard.model.resource import Known
from tests.clouds.google.conftest import Look, Looked
from tests.servers.google import FakeGoogle, disabled, refused, result, slow

Status = grpc.StatusCode
BUCKET = "storage.googleapis.com/Bucket"
OWNER = "organizations/1"


def cell(looked: Looked) -> Cell:
    [found] = [one for one in looked.cells if one.source == "tags"]
    assert found.type == "google_tags_tag_key"
    return found


def one_of(*values: str) -> Callable[[str], bool]:
    return lambda text: text in values


def test_without_a_tag_in_the_policy_nothing_is_looked_up(google: FakeGoogle, look: Look) -> None:
    looked = look()
    assert [one for one in looked.cells if one.source == "tags"] == []
    assert not any("Tag" in rpc for rpc, _ in google.requests)


def test_a_key_that_is_there_is_one_call(google: FakeGoogle, look: Look) -> None:
    google.tag_keys = {"1/owner": ["payments"]}
    found = cell(look(tags=[Expected(key="1/owner")]))
    assert (found.outcome, found.count, found.error, found.account) == ("read", 1, "", OWNER)
    assert [rpc for rpc, _ in google.requests if "Tag" in rpc] == [
        "/google.cloud.resourcemanager.v3.TagKeys/GetNamespacedTagKey"
    ]


NOT_THERE = [
    (["1/owner", "1/env"], "1/ownr", " (there is 1/owner)"),
    (["1/Owner", "1/owned"], "1/owner", " (there is 1/Owner)"),
    (["1/legal", "1/env"], "1/owner", " (there are env, legal)"),
    ([f"1/k{number}" for number in range(700)], "1/owner", " (there are k0, k1, k10, k100, k101 and 695 more)"),
    (["shop-prod/owner"], "shop-prod/ownr", " (there is shop-prod/owner)"),
    (["shop-prod/owner"], "100/ownr", " (there is 100/owner)"),
    ([], "1/owner", " (there is none beside it)"),
]


@pytest.mark.parametrize(("there", "key", "instead"), NOT_THERE)
def test_a_key_that_is_not_there(google: FakeGoogle, look: Look, there: list[str], key: str, instead: str) -> None:
    google.tag_keys = {name: ["x"] for name in there}
    looked = look(tags=[Expected(key=key)])
    found = cell(looked)
    assert (found.outcome, found.count) == ("failed", 0)
    assert found.error == f"there is no Tag key {key}, which the policy names{instead}"
    assert looked.cell("search").outcome == "read"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("1/owner", "resourcemanager.tagKeys.get"),  # it may be there
        ("77/owner", "resourcemanager.tagKeys.get"),  # an organisation or a project that the caller doesn't see
        ("nobody-knows/owner", "resourcemanager.tagKeys.get"),
    ],
)
def test_whether_a_key_is_there_may_not_be_told(google: FakeGoogle, look: Look, key: str, said: str) -> None:
    for method in ("GetNamespacedTagKey", "ListTagKeys"):
        google.faults[method] = refused(Status.PERMISSION_DENIED)
    google.tag_keys = {"1/owner": []}
    found = cell(look(tags=[Expected(key=key)]))
    assert found.outcome == "failed"
    assert found.error.startswith(f"whether there is a Tag key {key}, which the policy names, can't be told: access")
    assert said in found.error


FAULTS = [
    (refused(Status.UNAVAILABLE), "failed on the side of Google"),
    (refused(Status.RESOURCE_EXHAUSTED), "throttled away"),
    (refused(Status.INVALID_ARGUMENT), "was refused"),
    (disabled("cloudresourcemanager.googleapis.com", "projects/7"), "gcloud services enable"),
    (slow(1.0, times=9), "failed on the side of Google"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_a_fault_of_the_look_up_keeps_nothing_else_from_being_read(
    google: FakeGoogle, look: Look, fault: object, words: str
) -> None:
    google.tag_keys = {"1/owner": []}
    google.results = [result("//storage.googleapis.com/b", BUCKET, 100)]
    google.faults |= dict.fromkeys(("GetNamespacedTagKey", "ListTagKeys"), fault)  # type: ignore[arg-type] # A Fault.
    looked = look(tags=[Expected(key="1/owner")], timeout=0.4 if "side" in words else 10.0)
    assert cell(looked).outcome == "failed"
    assert words in cell(looked).error
    assert "//storage.googleapis.com/b" in looked.resources


@pytest.mark.parametrize(
    ("scopes", "outcome"), [([OWNER], "failed"), ([OWNER, "organizations/2"], "read"), (["folders/10"], "read")]
)
def test_a_key_of_another_organisation(google: FakeGoogle, look: Look, scopes: list[str], outcome: str) -> None:
    """What is above a folder isn't known, so that nothing is said there."""
    google.organizations.add("organizations/2")
    google.tag_keys = {"2/owner": ["payments"]}
    found = cell(look(scopes, tags=[Expected(key="2/owner")]))
    assert found.outcome == outcome
    assert ("below organizations/2" in found.error) == (outcome == "failed")


VALUES = [
    (["prod", "dev"], ("prod", "dev"), ""),
    (["prod", "dev", "old"], ("prod", "dev"), ""),  # one that is bound is found where it is
    (["prod"], ("prod", "staging", "dev"), "the Tag key 1/env can't say dev, staging, which the policy allows"),
    (["PROD", "Dev"], ("prod", "dev"), "the Tag key 1/env has no value that the policy allows; it has Dev, PROD"),
    ([], ("prod",), "the Tag key 1/env has no values, so that nothing can have it"),
    ([f"v{number:03}" for number in range(301)], ("v000", "v300"), ""),  # two pages
    (["\x1b[31m"], ("prod",), "the Tag key 1/env has no value that the policy allows; it has [31m"),
]


@pytest.mark.parametrize(("there", "allowed", "said"), VALUES)
def test_the_values_of_a_key(
    google: FakeGoogle, look: Look, there: list[str], allowed: tuple[str, ...], said: str
) -> None:
    google.tag_keys = {"1/env": there}
    found = cell(look(tags=[Expected(key="1/env", allows=one_of(*allowed), values=allowed)]))
    assert (found.outcome, found.error) == ("read", said)


def test_a_pattern_is_no_list_and_lacks_nothing(google: FakeGoogle, look: Look) -> None:
    google.tag_keys = {"1/env": ["prod-1"]}
    assert cell(look(tags=[Expected(key="1/env", allows=lambda text: text.startswith("prod"))])).error == ""


def test_a_key_that_takes_what_is_not_listed(google: FakeGoogle, look: Look) -> None:
    """Google has keys with a pattern instead of values: a field that its library may not know yet."""
    google.tag_keys = {"1/env": []}
    google.unknown_field = True
    assert cell(look(tags=[Expected(key="1/env", allows=one_of("prod"), values=("prod",))])).error == ""


def test_two_keys_of_one_owner_are_one_place_and_both_are_said(google: FakeGoogle, look: Look) -> None:
    google.tag_keys = {"1/owner": []}
    found = cell(look(tags=[Expected(key="1/ownr"), Expected(key="1/owner"), Expected(key="1/env")]))
    assert found.outcome == "cut"
    assert "1/ownr" in found.error
    assert "1/env" in found.error


@pytest.mark.parametrize("said", ["100/owner", "shop-prod/owner"])
@pytest.mark.parametrize("sources", [["search"], ["list"]])
def test_a_projects_key_is_one_by_whichever_name(google: FakeGoogle, look: Look, said: str, sources: list[str]) -> None:
    """Google answers with the project's id here; a policy may name its number."""
    google.tag_keys = {"shop-prod/owner": ["payments"]}
    google.bindings = {"projects/100": {"shop-prod/owner": "payments"}}
    project = "//cloudresourcemanager.googleapis.com/projects/100"
    kind = "cloudresourcemanager.googleapis.com/Project"
    google.results = [result(project, kind, 100, tags={"shop-prod/owner": "payments"})]
    looked = look(sources=sources, tags=[Expected(key=said)])
    assert cell(looked).outcome == "read"
    [surface] = looked.resources[project].surfaces
    assert surface.tags.bound is not None
    assert {key: tag.value for key, tag in surface.tags.bound.tags.items()} == {said: Known("payments")}
