"""Cases with a plan that real Terraform wrote and verdicts that were written by hand: how they lie on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tests.conftest import ROOT

FOLDERS = ("examples/terraform", "tests/plans")

Fault = tuple[str, str, str, str]
"""(address, surface, tag, verdict)"""


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What must be said of a plan. ``touched`` says for each judged resource whether the change touches it."""

    exit: int
    faults: frozenset[Fault]
    touched: dict[str, bool]
    untaggable: frozenset[str]


def cases() -> Iterator[Path]:
    """Every folder that holds a plan and its truth."""
    for folder in FOLDERS:
        yield from sorted(path.parent for path in (ROOT / folder).glob("*/truth.yaml"))


def truth(case: Path) -> Truth:
    """Reads a case's ``truth.yaml``.

    A group's own faults aren't repeated for what it propagates, so an entry for ``tag.propagate_at_launch`` counts only
    where the tag is all right on the group itself.
    """
    document: dict[str, Any] = yaml.safe_load((case / "truth.yaml").read_text("utf-8"))
    faults: set[Fault] = set()
    touched: dict[str, bool] = {}
    untaggable: set[str] = set()
    for address, stated in document["resources"].items():
        if stated == "untaggable":
            untaggable.add(address)
            continue
        touched[address] = stated["new"]
        for surface, verdicts in stated.items():
            if surface == "new":
                continue
            for tag, verdict in verdicts.items():
                if surface == "tag.propagate_at_launch" and tag in stated.get("tag", {}):
                    continue
                faults.add((address, surface, tag, verdict))
    return Truth(exit=document["exit"], faults=frozenset(faults), touched=touched, untaggable=frozenset(untaggable))


def faults_with_source(case: Path) -> frozenset[Fault]:
    """The faults that must be found where the source is read, too."""
    document: dict[str, Any] = yaml.safe_load((case / "truth.yaml").read_text("utf-8"))
    faults = set(truth(case).faults)
    for address, surfaces in document.get("with-source", {}).items():
        for surface, verdicts in surfaces.items():
            faults = {fault for fault in faults if fault[:2] != (address, surface)}
            faults |= {(address, surface, tag, verdict) for tag, verdict in verdicts.items()}
    return frozenset(faults)
