"""Writes configurations to a folder, and reads what costguard makes of them in a form that a table can state."""

from collections.abc import Mapping
from pathlib import Path

from costguard.iac.source import Configuration, Settings, read_configuration
from costguard.model.resource import Known, TagSet

UNKNOWN = "?"
"""The value of a key that is there, and of which the value isn't known."""
MAYBE = "may be there"
OPEN = "*"
"""The key that stands for all others, in a set that may have any."""

Files = Mapping[str, str | bytes]
Shown = dict[str, str]


def write(folder: Path, files: Files | str) -> None:
    """Writes the files; a text alone is ``main.tf``."""
    for name, text in ({"main.tf": files} if isinstance(files, str) else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)


def read(folder: Path, files: Files | str, settings: Settings | None = None, root: str = ".") -> Configuration:
    """The configuration of the files, whose root module is ``root``."""
    write(folder, files)
    return read_configuration(folder / root, settings)


def shown(tags: TagSet) -> Shown:
    """A tag set as a table states it; a sensitive value stands in brackets."""
    found: Shown = {}
    for key, tag in tags.tags.items():
        if isinstance(tag.value, Known):
            found[key] = f"[{tag.value.text}]" if tag.value.sensitive else tag.value.text
        else:
            found[key] = UNKNOWN
    found |= {key: MAYBE for key, _ in tags.hidden}
    return {**found, OPEN: UNKNOWN} if tags.open else found


def tags_of(configuration: Configuration, address: str, surface: str = "tags") -> Shown:
    """What is known of one surface of one resource."""
    judged = configuration.find(address)
    assert judged is not None, f"{address} is none of {[one.resource.address for one in configuration.judged]}"
    return next(shown(one.tags) for one in judged.resource.surfaces if one.path == surface)


def every(configuration: Configuration) -> dict[str, Shown]:
    """The first surface of every resource."""
    return {
        one.resource.address: shown(one.resource.surfaces[0].tags) if one.resource.surfaces else {}
        for one in configuration.judged
    }
