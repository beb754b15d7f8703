"""Many cases in one configuration: written to a folder, planned by Terraform, read from source, compared.

A contradiction is made smaller without a plan for every attempt: the choices that made the case are a list of numbers,
and many shorter lists become cases of one more plan.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costguard.iac.plan import read_plan
from costguard.iac.source import Settings, read_configuration
from tests.soundness import cases, views
from tests.soundness.cases import Root
from tests.soundness.dice import Dice
from tests.soundness.expressions import Given, Value, Writer, literal
from tests.soundness.views import Contradiction, View, Views


class PlanError(Exception):
    """Terraform refused the configuration; the text is its words."""


@dataclass(frozen=True)
class Configuration:
    """A root folder, as it is to be written, with the arguments that set variables."""

    files: Mapping[str, str]
    variables: tuple[str, ...]
    """``name=value``, as after ``-var``."""
    variable_files: tuple[str, ...]

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    @property
    def arguments(self) -> list[str]:
        files = [f"-var-file={name}" for name in self.variable_files]
        return files + [f"-var={one}" for one in self.variables]


def configuration(root: Root, cases: Sequence[Writer]) -> Configuration:
    files: dict[str, str] = {}
    given: list[Given] = []
    for writer in (root.writer, *cases):
        given += writer.settings
        for module in writer.modules:
            files |= module.files("providers" if writer is root.writer else writer.name)
    files |= _variable_files(given)
    variables = [
        f"{one.name}={one.value if one.raw and isinstance(one.value, str) else literal(one.value)}"
        for one in given
        if one.where == "cli"
    ]
    return Configuration(files, tuple(variables), ("given.tfvars",) if "given.tfvars" in files else ())


def _variable_files(given: Sequence[Given]) -> dict[str, str]:
    names = {"terraform.tfvars": "terraform.tfvars", "auto": "more.auto.tfvars", "file": "given.tfvars"}
    files: dict[str, str] = {}
    for where, name in names.items():
        lines = [f"{one.name} = {literal(one.value)}\n" for one in given if one.where == where]
        if lines:
            files[name] = "".join(lines)
    stated = {one.name: _json(one.value) for one in given if one.where == "json"}
    if stated:
        files["terraform.tfvars.json"] = json.dumps(stated, indent=1)
    return files


def _json(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Program:
    """Real Terraform, and a mirror of its provider."""

    program: str
    mirror: str
    environment: Mapping[str, str]

    def run(self, folder: Path, *arguments: str) -> bytes:
        done = subprocess.run(
            [self.program, *arguments], cwd=folder, env=dict(self.environment), capture_output=True, check=False
        )
        if done.returncode != 0:
            raise PlanError((done.stdout[-500:] + done.stderr).decode("utf-8", "replace"))
        return done.stdout

    def plan(self, folder: Path, arguments: Sequence[str]) -> bytes:
        """The plan as JSON."""
        self.run(folder, "init", "-input=false", "-no-color", f"-plugin-dir={self.mirror}")
        common = ("-input=false", "-no-color", "-lock=false", "-refresh=false", "-parallelism=20")
        self.run(folder, "plan", *common, "-out=tfplan", *arguments)
        return self.run(folder, "show", "-json", "tfplan")


# --- comparing


@dataclass(frozen=True)
class Outcome:
    """What came of one configuration. ``decided`` counts the surfaces of which nothing that a policy may ask is left
    open, by whom. ``faults`` are contradictions, and what only one side can do wrong: a secret that would be printed, a
    file that couldn't be read."""

    resources: int
    surfaces: int
    decided: Mapping[str, int]
    contradictions: tuple[Contradiction, ...]
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((*map(str, self.contradictions), *self.faults))


def judge(root: Root, writers: Sequence[Writer], folder: Path, program: Program | None) -> Outcome:
    """Writes the configuration into the folder, and holds what the source, the plan and the generator say of it against
    each other; without a program there is no plan."""
    made = configuration(root, writers)
    made.write(folder)
    expected = [one for writer in (root.writer, *writers) for one in writer.expected]
    opinions: dict[str, Mapping[str, Views]] = {"truth": views.meant(expected, root)}
    if program is not None:
        plan = program.plan(folder, made.arguments)
        opinions["plan"] = views.read(read_plan(plan, "the plan"))
    variables = dict(one.split("=", 1) for one in made.variables)
    settings = Settings(variables=variables, var_files=tuple(folder / name for name in made.variable_files))
    inventory = read_configuration(folder, settings).inventory
    opinions["source"] = views.told_apart(inventory, opinions["truth"])
    found = [
        contradiction
        for one, other in (("truth", "plan"), ("source", "plan"), ("source", "truth"))
        if one in opinions and other in opinions
        for contradiction in views.contradictions(opinions[one], opinions[other], (one, other))
    ]
    faults = [f"{gap.where}: {gap.why}" for gap in inventory.gaps]
    faults += [f"the source would print {place}" for place in views.leaks(opinions["truth"], opinions["source"])]
    return Outcome(
        resources=len(expected),
        surfaces=sum(len(surfaces) for surfaces in opinions["truth"].values()),
        decided={name: _decided(opinion.values()) for name, opinion in opinions.items()},
        contradictions=tuple(found),
        faults=tuple(faults),
    )


def _decided(opinion: Iterable[Views]) -> int:
    return sum(_is_decided(view) for surfaces in opinion for view in surfaces.values())


def _is_decided(view: View) -> bool:
    keys = ("owner", "service", "environment")
    return not any((key in view.tags and view.tags[key] is None) or view.may_have(key) for key in keys)


# --- making smaller


def smaller(seed: int, number: int, like: Contradiction, program: Program | None) -> list[int]:
    """The choices of the smallest case found that still shows such a contradiction."""
    writer = cases.case("c0", Dice.seeded(seed, number))
    best, size = writer.dice.record, _size(writer)
    for grain in _grains(len(best), program is not None):
        root = cases.root(Dice.seeded(seed, -1))
        writers = [cases.case(f"c{at}", Dice.replayed(one)) for at, one in enumerate(_shorter(best, grain))]
        with tempfile.TemporaryDirectory(prefix="costguard-soundness-") as folder:
            outcome = judge(root, writers, Path(folder), program)
        guilty = {int(one.case) for one in outcome.contradictions if one.kind == like.kind and one.case is not None}
        for at in guilty:
            if (_size(writers[at]), len(writers[at].dice.record)) < (size, len(best)):
                best, size = writers[at].dice.record, _size(writers[at])
    return best


def _size(writer: Writer) -> int:
    return sum(len(text) for module in writer.modules for text in module.files("x").values())


def _grains(length: int, costly: bool) -> Iterable[int]:
    """How much to take out at once: less and less, and where attempts cost nothing, all of it several times."""
    for _ in range(1 if costly else 5):
        grain = max(1, length // 2)
        while grain > (length // 60 if costly else 0):
            yield grain
            yield grain
            grain = grain * 2 // 3 if grain > 2 else grain - 1


def _shorter(record: Sequence[int], grain: int) -> list[list[int]]:
    """The record with a part taken out or made plain."""
    found: list[list[int]] = []
    for start in range(0, len(record), grain):
        found.append([*record[:start], *record[start + grain :]])
        if any(record[start : start + grain]):
            found.append([*record[:start], *[0] * grain, *record[start + grain :]])
    return found
