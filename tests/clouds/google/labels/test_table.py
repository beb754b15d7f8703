"""The table of what is written: its calls are Google's own, and the role is what they need."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from costguard.clouds.google import calls
from costguard.clouds.google.labels.table import CALLS, ROWS, Row, find, region
from tests.conftest import absent


@cache
def documented(api: str) -> dict[str, Any]:
    """The discovery document of an API, as Google's client for all of them ships it."""
    found = importlib.util.find_spec("googleapiclient")
    if found is None or found.origin is None:
        absent(
            "google-discovery", "google-api-python-client, which ships Google's discovery documents, isn't installed"
        )
    name = {"storage": "storage.v1", "bigquery": "bigquery.v2"}.get(api, f"{api}.v1")
    raw = (Path(found.origin).parent / "discovery_cache" / "documents" / f"{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(raw))


def method(document: dict[str, Any], name: str) -> dict[str, Any]:
    at = document
    _, *resources, last = name.split(".")
    for resource in resources:
        at = at["resources"][resource]
    return dict(at["methods"][last])


BY_NAME = sorted(CALLS, key=lambda call: (call.method, call.path))


@pytest.mark.parametrize("call", BY_NAME, ids=[call.method for call in BY_NAME])
def test_each_call_is_in_googles_discovery_document(call: calls.RestCall) -> None:
    document = documented(call.method.partition(".")[0])
    found = method(document, call.method)
    assert found["httpMethod"] == call.verb
    path = found.get("flatPath", found["path"]) if "{+" in found["path"] else found["path"]
    # What varies is called otherwise there: only where it stands is compared.
    holes = [part.split("{")[0] for part in f"/{document['servicePath']}{path}".split("}")]
    assert [part.split("{")[0] for part in call.path.split("}")] == holes


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.form)
def test_the_fields_of_each_row_are_in_it(row: Row) -> None:
    document = documented(row.read.method.partition(".")[0])
    shown = document["schemas"][method(document, row.read.method)["response"]["$ref"]]["properties"]
    assert {row.labels, row.stamp} <= set(shown)
    write = method(document, row.write.method)
    taken = document["schemas"][write["request"]["$ref"]]["properties"]
    parameters = write["parameters"]
    assert row.labels in taken
    match row.way:
        case "fingerprint":
            assert row.stamp in taken
        case "etag":
            assert row.stamp in taken
            assert "updateMask" in parameters
        case "metageneration":
            assert "ifMetagenerationMatch" in parameters
        case "if-match":  # A header, which no discovery document has.
            assert row.source


def test_the_role_is_what_the_table_says() -> None:
    held = calls.writer_permissions()
    # IAM's reference, of the services that are written; a few, by hand.
    assert set(held) > {
        "resourcemanager.projects.get",
        "resourcemanager.projects.update",
        "compute.instances.get",
        "compute.instances.setLabels",
        "compute.disks.setLabels",
        "compute.globalAddresses.setLabels",
        "compute.zoneOperations.get",
        "storage.buckets.get",
        "storage.buckets.update",
        "bigquery.datasets.update",
        "bigquery.tables.update",
        "container.clusters.update",
        "container.operations.get",
        "secretmanager.secrets.update",
    }
    # A regional disk is a disk to IAM, and nothing is needed that makes, deletes or reads what is in something.
    assert not [one for one in held if one.startswith("compute.region") and "Operations" not in one]
    assert {one.rpartition(".")[2] for one in held} == {"get", "setLabels", "update"}
    document = calls.writer_role_document()
    assert document.startswith("title: Costguard writer\n")
    assert [line[2:] for line in document.splitlines() if line.startswith("- ")] == list(held)
    # Whoever only reads needs none of it.
    assert "update" not in calls.role_document()


def test_no_two_rows_are_for_one_name() -> None:
    for row in ROWS:
        name = row.form.replace("{location}", "europe-west1")
        for hole in ("{project}", "{name}", "{dataset}"):
            name = name.replace(hole, "x")
        found = find("google", name)
        assert not isinstance(found, str)
        assert found.row is row


@pytest.mark.parametrize(
    ("location", "found"),
    [("europe-west1-b", "europe-west1"), ("europe-west1", "europe-west1"), ("us-east4-c", "us-east4"), ("", "")],
)
def test_a_zone_is_in_a_region(location: str, found: str) -> None:
    assert region(location) == found
