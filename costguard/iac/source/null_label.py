"""A model of ``cloudposse/label/null``: the module that makes the tags of every cloudposse module.

It is a module in the same language (``null_label.tf``), evaluated as any other.
"""

from functools import cache
from pathlib import Path

from costguard.iac.hcl import parse
from costguard.iac.hcl.tree import File


def is_label(source: str) -> bool:
    """Whether a module's source is the label module, from a registry or from its repository."""
    return source.rstrip("/").endswith("cloudposse/label/null") or "cloudposse/terraform-null-label" in source


@cache
def model() -> File:
    """The module that stands in for it."""
    path = Path(__file__).with_suffix(".tf")
    return parse(path.read_bytes(), path.name)
