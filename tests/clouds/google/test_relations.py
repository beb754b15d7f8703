"""What the asset inventory shows beside a resource of Google's: what it lies in, and what its content names."""

import pytest

from costguard.model.resource import Relation
from tests.clouds.google.conftest import Look
from tests.servers.google import MANAGER, FakeGoogle, listed, result

COMPUTE = "//compute.googleapis.com/projects/shop-prod"
SELF = "https://www.googleapis.com/compute/v1/projects/shop-prod"


def test_projects_and_folders_say_what_they_are_in(google: FakeGoogle, look: Look) -> None:
    google.folder("folders/11", "folders/10")
    google.project(101, "shop-test", "folders/11", {})
    related = {id_: resource.related for id_, resource in look().resources.items()}
    assert related == {
        f"{MANAGER}folders/10": (Relation("parent", f"{MANAGER}organizations/1"),),
        f"{MANAGER}folders/11": (Relation("parent", f"{MANAGER}folders/10"),),
        f"{MANAGER}projects/100": (Relation("parent", f"{MANAGER}folders/10"),),
        f"{MANAGER}projects/101": (Relation("parent", f"{MANAGER}folders/11"),),
    }


@pytest.mark.parametrize("folders", [["folders/11", "folders/10"], ["folders/10"], []])
def test_the_search_says_the_same_of_a_folder_as_its_tree(google: FakeGoogle, look: Look, folders: list[str]) -> None:
    """It names all that are above, the nearest first, and may or may not begin with the folder itself."""
    google.folder("folders/11", "folders/10")
    google.results.append(result(f"{MANAGER}folders/11", "cloudresourcemanager.googleapis.com/Folder", folders=folders))
    above = "folders/10" if folders else "organizations/1"
    assert Relation("parent", f"{MANAGER}{above}") in look().resources[f"{MANAGER}folders/11"].related


@pytest.mark.parametrize(
    ("parent", "related"),
    [
        ("//container.googleapis.com/projects/shop-prod/locations/europe-west1/clusters/web", True),
        (f"{MANAGER}projects/shop-prod", False),  # Its account says so already.
        ("", False),
        ("clusters/web", False),
    ],
)
def test_the_search_says_what_a_resource_is_a_part_of(
    google: FakeGoogle, look: Look, parent: str, related: bool
) -> None:
    pool = "//container.googleapis.com/projects/shop-prod/locations/europe-west1/clusters/web/nodePools/small"
    found = result(pool, "container.googleapis.com/NodePool", 100)
    found.parent_full_resource_name = parent
    google.results.append(found)
    assert look().resources[pool].related == ((Relation("parent", parent),) if related else ())


def test_the_content_of_a_listing_names_machines_disks_and_networks(google: FakeGoogle, look: Look) -> None:
    zone = "zones/europe-west1-b"
    network = {"network": f"{SELF}/global/networks/shop", "subnetwork": f"{SELF}/regions/europe-west1/subnetworks/a"}
    google.assets += [
        listed(
            f"{COMPUTE}/{zone}/disks/d", "compute.googleapis.com/Disk", 100, {"users": [f"{SELF}/{zone}/instances/web"]}
        ),
        listed(
            f"{COMPUTE}/{zone}/instances/web",
            "compute.googleapis.com/Instance",
            100,
            {"networkInterfaces": [network, {"network": 7}], "disks": [{"source": f"{SELF}/{zone}/disks/d"}]},
        ),
        listed(
            f"{COMPUTE}/global/snapshots/s",
            "compute.googleapis.com/Snapshot",
            100,
            {"sourceDisk": f"{SELF}/{zone}/disks/d"},
        ),
        listed(f"{COMPUTE}/global/images/i", "compute.googleapis.com/Image", 100, {"sourceDisk": "d", "users": {}}),
    ]
    found = look(sources=["list"]).resources
    assert set(found[f"{COMPUTE}/{zone}/instances/web"].related) == {
        Relation("network", f"{COMPUTE}/global/networks/shop"),
        Relation("network", f"{COMPUTE}/regions/europe-west1/subnetworks/a"),
    }
    assert found[f"{COMPUTE}/{zone}/disks/d"].related == (Relation("parent", f"{COMPUTE}/{zone}/instances/web"),)
    assert found[f"{COMPUTE}/global/snapshots/s"].related == (Relation("parent", f"{COMPUTE}/{zone}/disks/d"),)
    assert found[f"{COMPUTE}/global/images/i"].related == ()
