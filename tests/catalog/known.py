"""The generated half of the catalogue as the tests read it: with the paths that the reader skips."""

from pathlib import Path

import msgspec

from costguard import catalog

TYPES_FILE = Path(catalog.__file__).with_name("types.json")
PREFIXES = {"aws": "aws_", "google": "google_", "azure": "azurerm_"}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cloud in ``types.json``, with the paths that the reader skips."""

    defaults: list[str]
    plain: list[str]
    none: list[str]
    paths: dict[str, list[str]]


TYPES = msgspec.json.decode(TYPES_FILE.read_bytes(), type=dict[str, Part])
ALL_TYPES = [
    PREFIXES[cloud] + name
    for cloud, part in sorted(TYPES.items())
    for name in sorted({*part.defaults, *part.plain, *part.none})
]
