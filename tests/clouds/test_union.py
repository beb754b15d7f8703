"""The union: whose word counts, what is gone, and that what was not read is never missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from costguard.clouds.sighting import Sighting
from costguard.clouds.store import Store
from costguard.clouds.union import Union
from costguard.model.coverage import Cell
from costguard.model.resource import Gap, Known, Manager, Resource

ACCOUNT, REGION = "111122223333", "eu-west-1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
NATIVE = Cell(cloud="aws", account=ACCOUNT, region=REGION, type="aws_sqs_queue", source="native", outcome="read")


def sighting(**changes: object) -> Sighting:
    fields = {"id": QUEUE, "type": "aws_sqs_queue", "account": ACCOUNT, "region": REGION}
    return Sighting(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "scan.db") as opened:
        yield opened


def united(store: Store) -> tuple[list[Resource], Union]:
    union = Union(store, store.cells())
    return list(union.resources()), union


def tags(resource: Resource) -> dict[str, str]:
    found = resource.surfaces[0].tags.tags
    return {key: tag.value.text for key, tag in found.items() if isinstance(tag.value, Known)}


def test_the_service_s_word_counts_before_that_of_an_index(store: Store) -> None:
    store.add("explorer", [sighting(tags={"owner": "yesterday"}, reported=1)])
    store.add("native", [sighting(tags={"owner": "today"})])
    (resource,), union = united(store)
    assert (tags(resource), resource.surfaces[0].tags.open, union.gaps) == ({"owner": "today"}, "", ())


def test_tags_that_the_listing_does_not_bring_are_those_of_the_tagging_api(store: Store) -> None:
    store.add("native", [sighting()])
    store.add("tagging", [sighting(tags={"owner": "commerce"})])
    (resource,), union = united(store)
    assert (tags(resource), union.gaps) == ({"owner": "commerce"}, ())


def test_refused_tags_leave_the_set_open_and_are_a_gap_with_the_reason(store: Store) -> None:
    store.add("native", [sighting(unread="access denied to ListQueueTags")])
    (resource,), union = united(store)
    assert resource.surfaces[0].tags.doubt("owner") == "its tags could not be read: access denied to ListQueueTags"
    assert union.gaps == (
        Gap(
            f"aws/{ACCOUNT}/{REGION}/aws_sqs_queue/tags",
            "the tags of 1 could not be read: access denied to ListQueueTags",
        ),
    )


def test_many_refusals_of_one_kind_are_one_gap_that_quotes_the_first(store: Store) -> None:
    for name in ("b", "a", "c"):
        words = f"access denied to ListQueueTags (AccessDenied: not on {name})"
        store.add("native", [sighting(id=f"{QUEUE}-{name}", unread=words)])
    store.add("native", [sighting(id=f"{QUEUE}-d", unread="throttled away: ListQueueTags")])
    _, union = united(store)
    assert [gap.why for gap in union.gaps] == [
        "the tags of 3 could not be read: access denied to ListQueueTags (AccessDenied: not on a)",
        "the tags of 1 could not be read: throttled away: ListQueueTags",
    ]


@pytest.mark.parametrize("index", ["explorer", "config"])
def test_what_an_index_remembers_proves_nothing_where_the_service_refused_to_say(store: Store, index: str) -> None:
    store.add("native", [sighting(unread="access denied to ListQueueTags")])
    store.add(index, [sighting(tags={"owner": "gone since"}, reported=1)])
    (resource,), union = united(store)
    assert tags(resource) == {}
    assert "access denied" in resource.surfaces[0].tags.doubt("owner")
    assert len(union.gaps) == 1


def test_the_tagging_api_knows_what_the_service_refused_to_say(store: Store) -> None:
    store.add("native", [sighting(unread="access denied to ListQueueTags")])
    store.add("tagging", [sighting(tags={"owner": "commerce"})])
    (resource,), union = united(store)
    assert (tags(resource), resource.surfaces[0].tags.open, union.gaps) == ({"owner": "commerce"}, "", ())


def test_a_resource_that_no_source_shows_the_tags_of_is_unknown_and_a_gap(store: Store) -> None:
    store.add("config", [sighting(reported=1)])
    (resource,), union = united(store)
    assert resource.surfaces[0].tags.open
    assert [gap.why for gap in union.gaps] == ["the tags of 1 could not be read: no source that was read shows them"]


def test_what_a_whole_listing_of_the_service_does_not_show_is_gone(store: Store) -> None:
    store.cell(NATIVE)
    store.add("tagging", [sighting(tags={"owner": "commerce"})])
    store.add("explorer", [sighting(id=f"{QUEUE}-2", tags={})])
    resources, union = united(store)
    assert resources == []
    assert union.notes == ("2 that an index still lists are gone: the service itself doesn't show them any more",)


@pytest.mark.parametrize(
    "cell",
    [
        {"outcome": "cut", "error": "throttled away"},
        {"outcome": "failed", "error": "access denied"},
        {"region": "us-east-1"},
        {"account": "444455556666"},
        {"type": "aws_sns_topic"},
        {"source": "tagging"},
    ],
)
def test_a_listing_that_is_not_whole_or_of_something_else_drops_nothing(store: Store, cell: dict[str, str]) -> None:
    fields = {"cloud": "aws", "account": ACCOUNT, "region": REGION, "type": "aws_sqs_queue", "source": "native"}
    store.cell(Cell(**{**fields, "outcome": "read", **cell}))  # type: ignore[arg-type]
    store.add("tagging", [sighting(tags={})])
    resources, _ = united(store)
    assert [resource.id for resource in resources] == [QUEUE]


def test_what_the_cloud_keeps_for_itself_has_no_surface_and_says_why(store: Store) -> None:
    store.add("tagging", [sighting(tags={})])
    store.add("native", [sighting(untaggable="AWS manages this queue")])
    (resource,), union = united(store)
    assert (resource.surfaces, resource.basis, union.gaps) == ((), "AWS manages this queue", ())


DEFAULT = "AWS makes one with every VPC"


@pytest.mark.parametrize(
    ("tags_there", "claimed", "judged"),
    [
        ({}, False, False),
        ({"aws:cloudformation:stack-name": "shop"}, False, False),
        ({"owner": "network"}, False, True),
        ({}, True, True),
        (None, False, True),  # It may have tags: nobody could read them.
    ],
)
def test_what_the_cloud_makes_unasked_is_judged_once_somebody_tags_or_declares_it(
    store: Store, tags_there: dict[str, str] | None, claimed: bool, judged: bool
) -> None:
    if claimed:
        store.claims([(QUEUE, Manager(tool="terraform", name="aws_default_security_group.d", where="live"))])
    store.add("native", [sighting(tags=tags_there, default=DEFAULT)])
    (resource,), _ = united(store)
    assert bool(resource.surfaces) is judged
    assert resource.basis == ("" if judged else f"{DEFAULT}, and nobody has tagged or declared this one")


def test_a_type_that_cannot_be_tagged_has_no_surface(store: Store) -> None:
    store.add("tagging", [sighting(type="aws_iam_group", tags={})])
    (resource,), _ = united(store)
    assert resource.surfaces == ()


def test_a_type_without_a_terraform_name_is_judged_and_says_so(store: Store) -> None:
    store.add("tagging", [sighting(type="newservice:thing", tags={"owner": "commerce"})])
    (resource,), _ = united(store)
    assert tags(resource) == {"owner": "commerce"}
    assert resource.basis == "newservice:thing has no Terraform type that costguard knows"


def test_a_group_s_tags_lie_where_its_terraform_type_has_them(store: Store) -> None:
    store.add("native", [sighting(type="aws_autoscaling_group", tags={})])
    (resource,), _ = united(store)
    assert [surface.path for surface in resource.surfaces] == ["tag"]


def test_states_markers_and_sources_all_say_who_manages_a_resource(store: Store) -> None:
    terraform = Manager(tool="terraform", name="module.a.aws_sqs_queue.q", where="live/prod")
    pipe = Manager(tool="pipes", name="orders")
    store.claims([(QUEUE, terraform)])
    store.add(
        "native",
        [sighting(tags={"aws:cloudformation:stack-name": "shop"}, managers=(pipe,))],
    )
    (resource,), _ = united(store)
    stack = Manager(tool="cloudformation", name="stack shop")
    assert resource.managers == (stack, pipe, terraform)


def test_a_tag_that_only_says_terraform_adds_nothing_to_the_state_that_claims_the_resource(store: Store) -> None:
    terraform = Manager(tool="terraform", name="aws_sqs_queue.q", where="live/prod")
    store.claims([(QUEUE, terraform)])
    store.add("native", [sighting(tags={"managed-by": "terraform"}), sighting(id="arn:b", tags={"terraform": "true"})])
    (queue, b), _ = united(store)
    assert queue.managers == (terraform,)
    assert [manager.tool for manager in b.managers] == ["terraform-tag"]


def test_a_resource_that_only_an_index_shows_says_so(store: Store) -> None:
    store.add("explorer", [sighting(tags={}, reported=1)])
    (resource,), _ = united(store)
    assert resource.basis == "only Resource Explorer shows it"
