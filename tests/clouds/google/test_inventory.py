"""What one look at Google Cloud brings, and what the ledger says where something goes wrong."""

from datetime import date
from pathlib import Path

import grpc  # type: ignore[import-untyped] # It has none.
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.clouds.run import Shard
from costguard.clouds.store import Store
from costguard.engine import evaluate
from costguard.model.resource import Inventory, Known, TagSet, Unknown
from costguard.policy.load import load
from costguard.scan import Judging, judge
from tests.clouds.google.conftest import Look, Looked
from tests.servers.google import FakeGoogle, Fault, disabled, listed, refused, result, slow

Status = grpc.StatusCode
BUCKET = "storage.googleapis.com/Bucket"
SQL = "sqladmin.googleapis.com/Instance"
CHANNEL = "monitoring.googleapis.com/NotificationChannel"


def buckets(google: FakeGoogle, count: int) -> set[str]:
    """Buckets of which every third has an owner; the names of the others."""
    for number in range(count):
        labels = {"owner": "payments"} if number % 3 == 0 else {}
        google.results.append(result(f"//storage.googleapis.com/b{number:04}", BUCKET, 100, labels, "EU"))
    return {f"//storage.googleapis.com/b{number:04}" for number in range(count) if number % 3}


def missing(looked: Looked, folder: Path, text: str = "tags: {owner: {}}") -> set[str]:
    """The resources that lack a tag for certain."""
    file = folder / "policy.yaml"
    file.write_text(f"version: 1\n{text}\n")
    inventory = Inventory(checkpoint="live", resources=tuple(looked.resources.values()))
    report = evaluate(load([file]), inventory, date(2026, 6, 15))
    return {finding.resource.address for finding in report.findings if finding.verdict == "missing"}


def labels(looked: Looked, address: str) -> TagSet:
    [surface] = looked.resources[address].surfaces
    return surface.tags


def test_1234_assets_are_three_pages_and_none_is_lost(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    without = buckets(google, 1234)
    looked = look()
    asked = google.asked("SearchAllResources")
    assert [len(looked.resources), len(asked)] == [1234 + 2, 3]  # and the project, and the folder
    assert {(one.scope, one.page_size) for one in asked} == {("organizations/1", 500)}
    assert "display_name" not in asked[0].read_mask.paths
    assert {"labels", "tags", "effective_tags"} <= set(asked[0].read_mask.paths)
    assert missing(looked, tmp_path) == without
    assert looked.gaps == ()
    assert looked.cell("search").outcome == "read"
    cell = looked.cell("search", "google_storage_bucket", "shop-prod")
    assert (cell.region, cell.count, cell.where) == (
        "eu",
        1234,
        "google/shop-prod/eu/google_storage_bucket/search",
    )


def test_nothing_there_is_read_and_not_a_gap(look: Look) -> None:
    looked = look(sources=["search"])
    assert {(cell.source, cell.outcome) for cell in looked.cells} == {("native", "read"), ("search", "read")}


@pytest.mark.parametrize(
    ("name", "asset_type", "location", "type_", "region"),
    [
        ("//storage.googleapis.com/b", BUCKET, "US", "google_storage_bucket", "us"),
        (
            "//compute.googleapis.com/projects/shop-prod/zones/europe-west1-b/instances/i",
            "compute.googleapis.com/Instance",
            "europe-west1-b",
            "google_compute_instance",
            "europe-west1",
        ),
        (
            "//compute.googleapis.com/projects/shop-prod/zones/northamerica-northeast1-a/disks/d",
            "compute.googleapis.com/Disk",
            "northamerica-northeast1-a",
            "google_compute_disk",
            "northamerica-northeast1",
        ),
        (
            "//pubsub.googleapis.com/projects/shop-prod/topics/t",
            "pubsub.googleapis.com/Topic",
            "global",
            "google_pubsub_topic",
            "global",
        ),
        (
            "//compute.googleapis.com/projects/shop-prod/zones/us-central1-ai1a/instances/i",
            "compute.googleapis.com/Instance",
            "us-central1-ai1a",
            "google_compute_instance",
            "us-central1",
        ),
        ("//storage.googleapis.com/dual", BUCKET, "NAM4", "google_storage_bucket", "nam4"),
        ("//new.googleapis.com/x", "new.googleapis.com/Thing", "", "new.googleapis.com/Thing", "global"),
    ],
)
def test_what_a_resource_is(
    google: FakeGoogle, look: Look, name: str, asset_type: str, location: str, type_: str, region: str
) -> None:
    google.results = [result(name, asset_type, 100, {"owner": "a"}, location)]
    one = look().resources[name]
    assert (one.type, one.region, one.account, one.cloud, one.provider) == (
        type_,
        region,
        "shop-prod",
        "google",
        "google",
    )
    assert labels(look(), name).tags["owner"].value == Known("a")


@pytest.mark.parametrize(
    ("asset_type", "has", "verdict"),
    [
        (BUCKET, {"owner": "a"}, "compliant"),
        (BUCKET, {}, "missing"),
        ("new.googleapis.com/Thing", {"owner": "a"}, "compliant"),
        ("new.googleapis.com/Thing", {"other": "a"}, "missing"),
        ("new.googleapis.com/Thing", {}, "unknown"),  # it may be of a type that takes none
        (SQL, {}, "unknown"),  # settings.user_labels
        (SQL, {"owner": "a"}, "compliant"),
        (CHANNEL, {"owner": "a"}, "unknown"),  # a setting of the channel, or a label
        ("compute.googleapis.com/InstanceTemplate", {}, "unknown"),  # its labels are among its properties
        ("cloudresourcemanager.googleapis.com/Organization", {}, "untaggable"),
        ("cloudresourcemanager.googleapis.com/Folder", {}, "untaggable"),
        ("serviceusage.googleapis.com/Service", {}, "untaggable"),
        ("iam.googleapis.com/ServiceAccount", {}, "untaggable"),
        ("k8s.io/Pod", {"app": "shop"}, "untaggable"),
        ("apps.k8s.io/Deployment", {}, "untaggable"),
    ],
)
def test_labels_are_missing_only_where_they_could_be(
    google: FakeGoogle, look: Look, tmp_path: Path, asset_type: str, has: dict[str, str], verdict: str
) -> None:
    google.results = [result("//thing/1", asset_type, 100, has)]
    looked = look(sources=["search"])
    assert looked.gaps == ()
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ntags: {owner: {}}\n")
    one = looked.resources["//thing/1"]
    report = evaluate(
        load([file]), Inventory(checkpoint="live", resources=(one,)), date(2026, 6, 15), with_resources=True
    )
    said = {str(finding.verdict) for finding in report.findings}
    assert isinstance(report.resources, tuple)
    assert (said or {str(report.resources[0].status)}) == {verdict}


def test_a_project_is_one_resource_by_whichever_name(google: FakeGoogle, look: Look) -> None:
    """The index still has an old label; Resource Manager has the one that is there now."""
    kind = "cloudresourcemanager.googleapis.com/Project"
    google.results = [result("//cloudresourcemanager.googleapis.com/projects/shop-prod", kind, 100, {"owner": "old"})]
    looked = look()
    address = "//cloudresourcemanager.googleapis.com/projects/100"
    assert set(looked.resources) == {address, "//cloudresourcemanager.googleapis.com/folders/10"}
    assert labels(looked, address).tags["owner"].value == Known("payments")


def test_a_project_that_is_being_deleted_is_not_judged(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    kind = "cloudresourcemanager.googleapis.com/Project"
    name = "//cloudresourcemanager.googleapis.com/projects/200"
    google.results = [result(name, kind, 200, {}, state="DELETE_REQUESTED")]
    looked = look()
    assert looked.resources[name].surfaces == ()
    assert missing(looked, tmp_path) == set()


@pytest.mark.parametrize("source", ["search", "list"])
@pytest.mark.parametrize("scope", ["organizations/1", "projects/200"])
def test_what_is_in_a_project_that_is_being_deleted_is_nobodys(
    google: FakeGoogle, look: Look, tmp_path: Path, source: str, scope: str
) -> None:
    google.project(200, "gone-dev", "folders/10", leaving=True)
    inside = "//storage.googleapis.com/inside"
    google.results = [result(inside, BUCKET, 200), result("//storage.googleapis.com/b", BUCKET, 100)]
    google.assets = [listed(inside, BUCKET, 200, {}), listed("//storage.googleapis.com/b", BUCKET, 100, {})]
    looked = look([scope], [source])
    assert missing(looked, tmp_path) == {"//storage.googleapis.com/b"}
    assert looked.resources[inside].account == "gone-dev"
    assert looked.resources[inside].basis == "its project is being deleted"
    assert looked.resources["//cloudresourcemanager.googleapis.com/projects/200"].basis == "it is being deleted"


def test_the_search_knows_which_projects_are_being_deleted_too(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    for method in ("ListFolders", "ListProjects"):
        google.faults[method] = refused(Status.PERMISSION_DENIED)
    kind, name = (
        "cloudresourcemanager.googleapis.com/Project",
        "//cloudresourcemanager.googleapis.com/projects/gone-dev",
    )
    google.results = [
        result("//storage.googleapis.com/inside", BUCKET, 200),
        result(name, kind, 200, state="DELETE_REQUESTED"),
    ]
    assert missing(look(), tmp_path) == set()


def test_sixty_four_labels_are_read_as_they_are(google: FakeGoogle, look: Look) -> None:
    has = {f"é{'k' * 59}{number:02}_-"[:63]: "ü" * 63 for number in range(64)}
    assert len(has) == 64
    google.results = [result("//storage.googleapis.com/b", BUCKET, 100, has)]
    tags = labels(look(), "//storage.googleapis.com/b")
    assert {key: tag.value for key, tag in tags.tags.items()} == {key: Known(text) for key, text in has.items()}


def test_what_belongs_to_no_project_belongs_to_its_folder_or_organisation(google: FakeGoogle, look: Look) -> None:
    google.results = [
        result("//x/1", "x.googleapis.com/X", None, folders=["folders/10", "folders/9"]),
        result("//x/2", "x.googleapis.com/X", None),
        result("//x/3", "x.googleapis.com/X", 999),  # a project that Resource Manager doesn't show
    ]
    looked = look()
    assert [looked.resources[f"//x/{n}"].account for n in (1, 2, 3)] == ["folders/10", "organizations/1", "999"]


# --- Tags


def test_tags_of_the_search_its_own_over_what_is_inherited(google: FakeGoogle, look: Look) -> None:
    google.results = [
        result(
            "//storage.googleapis.com/b",
            BUCKET,
            100,
            tags={"1/owner": "search"},
            inherited={"folders/10": {"1/owner": "payments", "1/env": "prod"}, "organizations/1": {"1/legal": "eu"}},
        )
    ]
    bound = labels(look(), "//storage.googleapis.com/b").bound
    assert bound is not None
    assert {key: (tag.value, tag.source) for key, tag in bound.tags.items()} == {
        "1/owner": (Known("search"), "the resource"),
        "1/env": (Known("prod"), "folders/10"),
        "1/legal": (Known("eu"), "organizations/1"),
    }


def test_a_policy_that_accepts_a_tag(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    google.results = [
        result("//storage.googleapis.com/tagged", BUCKET, 100, inherited={"folders/10": {"1/owner": "payments"}}),
        result("//storage.googleapis.com/bare", BUCKET, 100),
    ]
    text = "tags: {owner: {google-tag: 1/owner}}"
    assert missing(look(), tmp_path, text) == {"//storage.googleapis.com/bare"}


def test_the_listing_shows_no_tags_so_that_nothing_lacks_one(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    google.assets = [listed("//storage.googleapis.com/b", BUCKET, 100, {"name": "b"})]
    looked = look(sources=["list"])
    assert missing(looked, tmp_path) == {"//storage.googleapis.com/b"}
    google.projects.clear()
    assert missing(look(sources=["list"]), tmp_path, "tags: {owner: {google-tag: 1/owner}}") == set()


OWN = "the Tags that are bound to a resource itself"


def test_the_listing_inherits_what_its_project_has(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    """A Tag of the resource's own may stand in an inherited one's place: that it is there is known, and not what it
    says. Whether it has others can't be seen."""
    google.bindings = {"folders/10": {"1/env": "prod"}, "projects/100": {"1/owner": "payments"}}
    google.assets = [listed("//storage.googleapis.com/b", BUCKET, 100, {"name": "b"})]
    bound = labels(look(sources=["list"]), "//storage.googleapis.com/b").bound
    assert bound is not None
    assert {key: tag.source for key, tag in bound.tags.items()} == {"1/env": "folders/10", "1/owner": "projects/100"}
    for tag in bound.tags.values():
        assert isinstance(tag.value, Unknown)
        assert OWN in tag.value.reason
    assert OWN in bound.open
    verdicts = {
        "owner: {google-tag: 1/owner}": set(),
        "owner: {google-tag: 1/owner, value: {enum: [search]}}": {"unknown"},
        "owner: {google-tag: 1/legal}": {"unknown"},
    }
    for number, (text, expected) in enumerate(verdicts.items()):
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"version: 1\ntags: {{{text}}}\n")
        one = look(sources=["list"]).resources["//storage.googleapis.com/b"]
        report = evaluate(load([file]), Inventory(checkpoint="live", resources=(one,)), date(2026, 6, 15))
        assert {str(finding.verdict) for finding in report.findings} == expected, text


def test_what_is_inherited_is_not_known_where_the_projects_tags_are_not(google: FakeGoogle, look: Look) -> None:
    google.bindings = {"projects/100": {"1/owner": "payments"}}
    google.faults["ListEffectiveTags"] = refused(Status.PERMISSION_DENIED)
    google.assets = [listed("//storage.googleapis.com/b", BUCKET, 100, {"name": "b"})]
    assert labels(look(sources=["list"]), "//storage.googleapis.com/b").bound is None


def test_the_search_counts_for_tags_where_both_are_read(google: FakeGoogle, look: Look) -> None:
    name = "//storage.googleapis.com/b"
    google.bindings = {"projects/100": {"1/owner": "payments"}}
    google.results = [result(name, BUCKET, 100, tags={"1/owner": "search"})]
    google.assets = [listed(name, BUCKET, 100, {"name": "b"})]
    bound = labels(look(sources=["search", "list"]), name).bound
    assert bound is not None
    assert bound.tags["1/owner"].value == Known("search")


def test_tags_of_projects_without_the_search(google: FakeGoogle, look: Look) -> None:
    google.bindings = {
        "organizations/1": {"1/legal": "eu", "1/env": "dev"},
        "folders/10": {"1/env": "prod"},
        "projects/100": {"1/owner": "payments"},
    }
    bound = labels(look(sources=["list"]), "//cloudresourcemanager.googleapis.com/projects/100").bound
    assert bound is not None
    assert {key: (tag.value, tag.source) for key, tag in bound.tags.items()} == {
        "1/owner": (Known("payments"), "the resource"),
        "1/env": (Known("prod"), "folders/10"),
        "1/legal": (Known("eu"), "organizations/1"),
    }
    assert {one.page_size for one in google.asked("ListEffectiveTags")} == {300}


def test_the_search_saves_asking_for_tags_one_by_one(google: FakeGoogle, look: Look) -> None:
    look()
    assert google.asked("ListEffectiveTags") == []


def test_tags_that_can_not_be_read_are_a_gap_and_nothing_lacks_one(
    google: FakeGoogle, look: Look, tmp_path: Path
) -> None:
    google.project(200, "bare-prod", "folders/10")
    google.faults["ListEffectiveTags"] = refused(Status.PERMISSION_DENIED)
    looked = look(sources=["list"])
    cell = looked.cell("native", "google_project")
    assert cell.outcome == "cut"
    assert "resourcemanager.hierarchyNodes.listEffectiveTags" in cell.error
    assert missing(looked, tmp_path, "tags: {owner: {google-tag: 1/owner}}") == set()
    assert missing(looked, tmp_path) == {"//cloudresourcemanager.googleapis.com/projects/200"}


# --- the listing


@pytest.mark.parametrize(
    ("asset_type", "data", "found", "opened"),
    [
        (BUCKET, {"labels": {"owner": "a"}}, {"owner": "a"}, False),
        (BUCKET, {"name": "b"}, {}, False),
        (SQL, {"settings": {"userLabels": {"owner": "a"}, "tier": "x"}}, {"owner": "a"}, False),
        (SQL, {"settings": {"tier": "x"}}, {}, False),
        (SQL, {"name": "without its settings"}, {}, True),
        ("container.googleapis.com/Cluster", {"resourceLabels": {"owner": "a"}}, {"owner": "a"}, False),
        ("compute.googleapis.com/InstanceTemplate", {"properties": {"labels": {"owner": "a"}}}, {"owner": "a"}, False),
        ("run.googleapis.com/Service", {"metadata": {"labels": {"owner": "a"}}}, {"owner": "a"}, False),
        ("run.googleapis.com/Service", {"metadata": {"name": "a"}}, {}, False),
        ("run.googleapis.com/Service", {"labels": {"owner": "a"}}, {"owner": "a"}, False),
        ("run.googleapis.com/Service", {"name": "a"}, {}, True),
        (CHANNEL, {"labels": {"team": "ops"}, "userLabels": {"owner": "a"}}, {"owner": "a"}, False),
        (CHANNEL, {"type": "slack", "labels": {"team": "ops"}}, {}, False),  # that is where it posts to
        ("new.googleapis.com/Thing", {"labels": {"owner": "a"}}, {"owner": "a"}, False),
        ("new.googleapis.com/Thing", {"name": "x"}, {}, True),
        ("new.googleapis.com/Thing", {"labels": [{"key": "owner"}]}, {}, True),  # a metric's labels are no tags
    ],
)
def test_labels_are_read_where_the_service_has_them(
    google: FakeGoogle, look: Look, asset_type: str, data: dict[str, object], found: dict[str, str], opened: bool
) -> None:
    google.assets = [listed("//thing/1", asset_type, 100, data)]
    tags = labels(look(sources=["list"]), "//thing/1")
    assert {key: tag.value for key, tag in tags.tags.items()} == {key: Known(text) for key, text in found.items()}
    assert bool(tags.open) == opened


def test_an_asset_without_content_is_a_gap_and_lacks_nothing(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    google.assets = [listed("//storage.googleapis.com/b", BUCKET, 100, None)]
    looked = look(sources=["list"])
    assert [(gap.where, gap.why) for gap in looked.gaps] == [
        (
            "google/shop-prod/europe-west1/google_storage_bucket/tags",
            "the tags of 1 could not be read: the listing has no content for it",
        )
    ]
    assert missing(looked, tmp_path) == set()


def test_the_listing_says_when_it_looked(google: FakeGoogle, look: Look) -> None:
    google.assets = [listed("//storage.googleapis.com/b", BUCKET, 100, {})]
    google.read_time = 1_000_000_000
    age = look(sources=["list"]).cell("list", "google_storage_bucket", "shop-prod").age
    assert age is not None
    assert age > 20 * 365 * 24 * 3600


def test_the_listing_is_asked_in_its_own_pages(google: FakeGoogle, look: Look) -> None:
    google.assets = [listed(f"//storage.googleapis.com/{n}", BUCKET, 100, {}) for n in range(1001)]
    assert len(look(sources=["list"]).resources) == 1003
    assert [(one.parent, one.page_size, int(one.content_type)) for one in google.asked("ListAssets")] == [
        ("organizations/1", 1000, 1)
    ] * 2


def test_the_listing_counts_first_for_labels_and_hides_nothing_of_the_search(google: FakeGoogle, look: Look) -> None:
    google.results = [
        result("//storage.googleapis.com/a", BUCKET, 100, {"owner": "old"}, tags={"1/owner": "x"}),
        result("//storage.googleapis.com/new", BUCKET, 100),
    ]
    google.assets = [listed("//storage.googleapis.com/a", BUCKET, 100, {"labels": {"owner": "now"}}, "eu")]
    looked = look(sources=["search", "list"])
    tags = labels(looked, "//storage.googleapis.com/a")
    assert tags.tags["owner"].value == Known("now")
    assert tags.bound is not None
    assert set(tags.bound.tags) == {"1/owner"}
    assert "//storage.googleapis.com/new" in looked.resources  # neither index is known to be the fresher one


def test_where_nothing_is_named_what_the_search_need_not_show_is_listed(google: FakeGoogle, look: Look) -> None:
    name = "//cloudsql.googleapis.com/projects/shop-prod/instances/db"
    google.results = [result(name, SQL, 100)]
    google.assets = [
        listed(name, SQL, 100, {"settings": {"userLabels": {"owner": "a"}}}),
        listed("//storage.googleapis.com/b", BUCKET, 100, {}),
    ]
    looked = look()
    assert labels(looked, name).tags["owner"].value == Known("a")
    assert SQL in google.asked("ListAssets")[0].asset_types
    assert "//storage.googleapis.com/b" not in looked.resources


# --- what is asked


def test_only_the_types_that_are_asked_for(google: FakeGoogle, look: Look) -> None:
    buckets(google, 3)
    google.results.append(result("//pubsub.googleapis.com/t", "pubsub.googleapis.com/Topic", 100))
    looked = look(types=frozenset({"google_pubsub_topic", "aws_s3_bucket"}))
    assert set(looked.resources) == {"//pubsub.googleapis.com/t"}
    assert list(google.asked("SearchAllResources")[0].asset_types) == ["pubsub.googleapis.com/Topic"]


def test_types_of_another_cloud_ask_google_nothing(google: FakeGoogle, look: Look) -> None:
    assert look(types=frozenset({"aws_s3_bucket"})).cells == ()
    assert google.requests == []


def test_a_type_that_the_table_does_not_know_is_a_gap(google: FakeGoogle, look: Look) -> None:
    cell = look(types=frozenset({"google_no_such_thing"})).cell("search", "google_no_such_thing")
    assert cell.outcome == "failed"
    assert google.asked("SearchAllResources") == []


def test_a_type_that_google_does_not_know_spoils_no_other(google: FakeGoogle, look: Look) -> None:
    google.unknown_types = {"pubsub.googleapis.com/Topic"}
    google.results = [result("//storage.googleapis.com/b", BUCKET, 100)]
    looked = look(types=frozenset({"google_storage_bucket", "google_pubsub_topic", "google_bigquery_dataset"}))
    assert set(looked.resources) == {"//storage.googleapis.com/b"}
    cell = looked.cell("search", "google_pubsub_topic")
    assert (cell.outcome, "pubsub.googleapis.com/Topic" in cell.error) == ("failed", True)
    assert looked.cell("search").outcome == "read"


def test_a_type_that_the_listing_does_not_know_is_no_gap_where_nobody_named_the_listing(
    google: FakeGoogle, look: Look
) -> None:
    google.unknown_types = {SQL}
    name = "//container.googleapis.com/projects/shop-prod/locations/europe-west1/clusters/c"
    google.assets = [
        listed(name, "container.googleapis.com/Cluster", 100, {"resourceLabels": {"owner": "a"}}),
        listed("//cloudsql.googleapis.com/projects/shop-prod/instances/db", SQL, 100, {"settings": {}}),
    ]
    looked = look(types=frozenset({"google_container_cluster", "google_sql_database_instance"}))
    assert labels(looked, name).tags["owner"].value == Known("a")
    assert looked.cell("list", "google_sql_database_instance").outcome == "absent"
    assert looked.cell("list", "google_container_cluster", "shop-prod").outcome == "read"


def test_what_is_refused_for_another_reason_is_not_asked_for_type_by_type(google: FakeGoogle, look: Look) -> None:
    google.faults["SearchAllResources"] = refused(Status.INVALID_ARGUMENT, "no such thing")
    looked = look(types=frozenset({"google_storage_bucket", "google_pubsub_topic", "google_bigquery_dataset"}))
    assert looked.cell("search").outcome == "failed"
    assert "no such thing" in looked.cell("search").error
    assert len(google.asked("SearchAllResources")) == 2


def test_a_scope_is_one_shards(look: Look) -> None:
    scopes = ("organizations/1", "folders/10", "projects/shop-prod")
    seen = [
        {
            cell.account
            for cell in look(scopes, shard=Shard(index, 3)).cells
            if cell.source == "search" and cell.type == "*"
        }
        for index in (1, 2, 3)
    ]
    assert sorted(name for part in seen for name in part) == ["folders/10", "organizations/1", "shop-prod"]


@pytest.mark.parametrize("scope", ["folders/10", "projects/shop-prod", "projects/100"])
def test_a_folder_or_a_project_is_a_scope(google: FakeGoogle, look: Look, scope: str) -> None:
    buckets(google, 2)
    looked = look([scope])
    assert looked.resources["//storage.googleapis.com/b0000"].account == "shop-prod"
    assert {one.scope for one in google.asked("SearchAllResources")} == {scope}
    assert "//cloudresourcemanager.googleapis.com/projects/100" in looked.resources


def test_scopes_in_one_another_give_each_resource_once(google: FakeGoogle, look: Look) -> None:
    buckets(google, 5)
    assert len(look(["organizations/1", "folders/10", "organizations/1"]).resources) == 7


# --- faults

FAULTS: dict[str, tuple[str, Fault, str, int, str]] = {
    # method, fault, outcome of the search, how many buckets are still judged, words
    "denied": ("SearchAllResources", refused(Status.PERMISSION_DENIED), "failed", 0, "cloudasset.assets.search"),
    "not enabled": (
        "SearchAllResources",
        disabled("cloudasset.googleapis.com", "projects/7"),
        "failed",
        0,
        "gcloud services enable cloudasset.googleapis.com --project=7",
    ),
    "no credentials": ("SearchAllResources", refused(Status.UNAUTHENTICATED), "failed", 0, "credentials"),
    "no such scope": ("SearchAllResources", refused(Status.NOT_FOUND), "failed", 0, "there is no organizations/1"),
    "throttled, then not": ("SearchAllResources", refused(Status.RESOURCE_EXHAUSTED, times=1), "read", 1234, ""),
    "throttled out": ("SearchAllResources", refused(Status.RESOURCE_EXHAUSTED), "failed", 0, "throttled away"),
    "throttled out later": (
        "SearchAllResources",
        refused(Status.RESOURCE_EXHAUSTED, after=2),
        "cut",
        1000,
        "throttled away",
    ),
    "down, then up": ("SearchAllResources", refused(Status.UNAVAILABLE, times=1, after=1), "read", 1234, ""),
    "down after a page": ("SearchAllResources", refused(Status.UNAVAILABLE, after=1), "cut", 500, "side of Google"),
    "denied after two pages": ("SearchAllResources", refused(Status.PERMISSION_DENIED, after=2), "cut", 1000, "denied"),
    "a token that is refused": (
        "SearchAllResources",
        refused(Status.INVALID_ARGUMENT, "Invalid page token", after=1),
        "cut",
        500,
        "Invalid page token",
    ),
    "slow, but there": ("SearchAllResources", slow(0.1, times=3), "read", 1234, ""),
    "too slow": ("SearchAllResources", slow(1.0, times=99), "failed", 0, "side of Google"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_search(google: FakeGoogle, look: Look, tmp_path: Path, name: str) -> None:
    """Nothing that could be read is lost, and nothing lacks a tag that was not read to lack it."""
    method, fault, outcome, kept, words = FAULTS[name]
    without = buckets(google, 1234)
    google.faults[method] = fault
    looked = look(timeout=0.4 if name == "too slow" else 10.0)
    cell = looked.cell("search")
    assert cell.outcome == outcome
    assert words in cell.error
    assert bool(cell.error) == (outcome != "read")
    assert sum(one.startswith("//storage") for one in looked.resources) == kept
    assert missing(looked, tmp_path) <= without
    assert looked.resources["//cloudresourcemanager.googleapis.com/projects/100"].account == "shop-prod"


def test_how_a_source_ended_is_said_once(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    google.results = [result(f"//x/{number}", f"x{number}.googleapis.com/X", 100) for number in range(600)]
    google.faults["SearchAllResources"] = refused(Status.PERMISSION_DENIED, after=1)
    look()
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ntags: {owner: {}}\n")
    with Store.open(tmp_path / "scan.db") as store:
        report = judge(store, Judging(policy=load([file]), today=date(2026, 6, 15)))
    assert [gap.where for gap in report.gaps] == ["google/organizations/1/global/*/search"]
    assert not report.complete
    assert report.summary.resources == 502


def test_resource_manager_may_be_closed_to_the_reader(google: FakeGoogle, look: Look, tmp_path: Path) -> None:
    """Nobody named it: the search has projects too, and names them by their ids."""
    without = buckets(google, 3)
    kind = "cloudresourcemanager.googleapis.com/Project"
    google.results.append(result("//cloudresourcemanager.googleapis.com/projects/shop-prod", kind, 100, {"owner": "a"}))
    google.results.append(result("//storage.googleapis.com/other", BUCKET, 999, {"owner": "a"}))
    for method in ("ListFolders", "ListProjects"):
        google.faults[method] = disabled("cloudresourcemanager.googleapis.com", "projects/7")
    looked = look()
    cell = looked.cell("native", "google_project")
    assert (cell.outcome, "cloudresourcemanager.googleapis.com --project=7" in cell.error) == ("absent", True)
    assert looked.resources["//storage.googleapis.com/b0000"].account == "shop-prod"
    assert looked.resources["//cloudresourcemanager.googleapis.com/projects/100"].account == "shop-prod"
    assert looked.resources["//storage.googleapis.com/other"].account == "999"  # nothing says its id
    assert missing(looked, tmp_path) == without


def test_a_folder_that_does_not_show_its_projects(google: FakeGoogle, look: Look) -> None:
    google.folder("folders/20", "organizations/1")
    google.project(300, "lab-dev", "folders/20")
    google.faults["ListProjects"] = refused(Status.PERMISSION_DENIED, after=1, times=1)  # those of folders/10
    looked = look()
    cell = looked.cell("native", "google_project")
    assert (cell.outcome, "resourcemanager.projects.list on folders/10" in cell.error) == ("cut", True)
    assert "//cloudresourcemanager.googleapis.com/projects/300" in looked.resources


@pytest.mark.parametrize(("sources", "outcome"), [(None, "absent"), (["search", "list"], "failed")])
def test_a_listing_that_is_refused_is_a_gap_only_where_it_is_named(
    google: FakeGoogle, look: Look, sources: list[str] | None, outcome: str
) -> None:
    buckets(google, 3)
    google.faults["ListAssets"] = refused(Status.PERMISSION_DENIED)
    looked = look(sources=sources)
    assert {cell.outcome for cell in looked.cells if cell.source == "list"} == {outcome}
    assert looked.cell("search").outcome == "read"


def test_a_scope_that_is_not_there(google: FakeGoogle, look: Look) -> None:
    buckets(google, 3)
    looked = look(["organizations/999", "organizations/1"])
    assert looked.cell("search", account="organizations/999").outcome == "failed"
    assert looked.cell("search").outcome == "read"


def test_pages_in_a_circle_are_cut(google: FakeGoogle, look: Look) -> None:
    buckets(google, 1234)
    google.circling = True
    looked = look(sources=["search"])
    assert looked.cell("search").outcome == "cut"
    assert sum(one.startswith("//storage") for one in looked.resources) == 1000


TEXT = st.text(max_size=80)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=4), st.dictionaries(TEXT, TEXT, max_size=3))
def test_hostile_text_arrives_as_it_is(
    google: FakeGoogle,
    look: Look,
    name: str,
    asset_type: str,
    location: str,
    has: dict[str, str],
    bound: dict[str, str],
) -> None:
    google.results = [result(f"//x/{name}", asset_type, 100, has, location, tags=bound)]
    looked = look(sources=["search"])
    one = looked.resources[f"//x/{name}"]
    assert one.account == "shop-prod"
    if one.surfaces:
        [surface] = one.surfaces
        assert {key: tag.value for key, tag in surface.tags.tags.items()} == {k: Known(text) for k, text in has.items()}
        if "" not in bound:
            assert surface.tags.bound is not None
            assert {key: tag.value for key, tag in surface.tags.bound.tags.items()} == {
                key: Known(text) for key, text in bound.items()
            }
