"""Reads a Terraform or OpenTofu plan (``terraform show -json``) as resources with evidence about their tags.

What a plan says of tags isn't what it seems to say: an absent ``tags`` may mean unknown, ``tags_all`` may lack what
will be there and show what is secret. The rules here come from plans that real Terraform wrote; each has its case in
``tests/plans``. ``format`` decodes, ``configuration`` answers for the source, ``defaults`` for the providers,
``evidence`` for one change, ``surfaces`` and ``autoscaling`` put them together.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from costguard import catalog
from costguard.errors import InputError
from costguard.iac.plan.autoscaling import LaunchTemplates
from costguard.iac.plan.configuration import Source
from costguard.iac.plan.defaults import NO_DEFAULTS, ProviderDefaults
from costguard.iac.plan.evidence import Evidence
from costguard.iac.plan.format import Change, Configuration, Plan, ResourceChange, decode, decode_change
from costguard.iac.plan.surfaces import Setting, as_shown, created_surfaces, override, own_surface
from costguard.model.resource import Gap, Inventory, Resource, Surface

_MAPS = ("tags", "labels", "user_labels", "resource_labels", "volume_tags")


def read_plan(raw: bytes, name: str) -> Inventory:
    """The resources that the plan creates, changes or leaves, with gaps where the plan itself is incomplete.

    ``name`` is what the messages call the file. Raises :class:`InputError` with one sentence that says what and where.
    """
    return read(raw, name).inventory


class Read(msgspec.Struct, frozen=True):
    """A plan's resources, and what it says of its source: the variables of the root module that it was made with, and
    its ``configuration``, None where it has none."""

    inventory: Inventory
    variables: Mapping[str, Any]
    configuration: Configuration | None


def read(raw: bytes, name: str) -> Read:
    """As :func:`read_plan`, with what the plan says of its source."""
    try:
        plan = decode(raw, name)
        variables = {key: variable.value for key, variable in plan.variables.items()}
        return Read(_inventory(plan, name), variables, plan.configuration)
    except RecursionError as error:
        raise InputError(f"{name} is nested too deeply to be a plan") from error


def _inventory(plan: Plan, name: str) -> Inventory:
    reader = _Reader(plan, name)
    resources: list[Resource] = []
    for index, planned in enumerate(plan.resource_changes or ()):
        resource = reader.resource(planned, f"resource_changes[{index}]")
        if resource is not None:
            resources.append(resource)
    seen = {resource.address for resource in resources}
    for index, deferred in enumerate(plan.deferred_changes):
        if deferred.resource_change is not None and deferred.resource_change.address not in seen:
            resource = reader.resource(deferred.resource_change, f"deferred_changes[{index}].resource_change")
            if resource is not None:
                resources.append(resource)
    return Inventory(
        checkpoint="plan", resources=tuple(resources), gaps=tuple(_gaps(plan)), notes=tuple(reader.notes())
    )


def _gaps(plan: Plan) -> Iterator[Gap]:
    if plan.errored:
        yield Gap(
            "the plan", "Terraform stopped with errors, so resources are missing from it; mend the error and plan again"
        )
    for deferred in plan.deferred_changes:
        if deferred.resource_change is not None:
            why = f" ({deferred.reason})" if deferred.reason else ""
            yield Gap(
                deferred.resource_change.address, f"Terraform deferred it to a later plan{why}; judge that plan too"
            )
    if plan.complete is False and not plan.errored and not plan.deferred_changes:
        yield Gap(
            "the plan",
            "it is not complete (made with -target or -exclude), so only a part is judged; plan without them",
        )


class _Reader:
    """Turns changes into resources, with the plan as a whole at hand for what one change doesn't say by itself."""

    def __init__(self, plan: Plan, name: str) -> None:
        self._plan = plan
        self._name = name
        self._source = Source(plan)
        self._secrets = self._source.secrets()
        self._templates = LaunchTemplates(plan, self._source, self._secrets, name)
        self._provider_defaults: ProviderDefaults | None = None
        self._unjudged: dict[str, int] = {}
        self._uncatalogued: dict[str, int] = {}

    def notes(self) -> Iterator[str]:
        """Remarks about what was read so far."""
        for type_name, count in sorted(self._uncatalogued.items()):
            yield f"{type_name} is not in the catalogue; {_count(count)} judged by what the plan shows"
        for provider, count in sorted(self._unjudged.items()):
            yield f"provider {provider} is not one whose tags are judged; {_count(count)} left alone"

    def resource(self, planned: ResourceChange, where: str) -> Resource | None:
        """The resource as it will be, None where there is nothing to judge: data, deletions, what is only forgotten."""
        if planned.mode != "managed" or planned.deposed:
            return None
        change = decode_change(planned, self._name, where)
        if change.after is None or change.actions == ("read",):
            return None
        stated = self._stated_in_json(planned, change)
        evidence = Evidence.of(change, f"{self._name}: {planned.address}", self._secrets, stated)
        provider = planned.provider_name.rsplit("/", 1)[-1] or "unknown"
        cloud = catalog.cloud_of(planned.provider_name)
        surfaces: tuple[Surface, ...] = ()
        basis = ""
        if cloud is None:
            if evidence.has("tags") or evidence.has("labels"):
                self._unjudged[provider] = self._unjudged.get(provider, 0) + 1
        else:
            kind = catalog.lookup(planned.type)
            own = kind.own if kind is not None else None
            if own is None:
                own = as_shown(cloud, planned.type, evidence)
                if own is not None:
                    basis = f"{planned.type} is not known to be taggable; judged by what the plan shows"
                if kind is None:
                    self._uncatalogued[planned.type] = self._uncatalogued.get(planned.type, 0) + 1
            created = kind.created if kind is not None else ()
            surfaces = tuple(self._surfaces(planned, change, evidence, own, created))
        arn = evidence.text("arn")
        account, region = _from_arn(arn)
        return Resource(
            address=planned.address,
            type=planned.type,
            provider=provider,
            cloud=cloud,
            module=planned.module_address,
            id=arn or evidence.text("id"),
            account=account,
            region=region or evidence.text("region"),
            surfaces=surfaces,
            touched=change.actions != ("no-op",) or change.importing is not None,
            basis=basis,
        )

    def _surfaces(
        self,
        planned: ResourceChange,
        change: Change,
        evidence: Evidence,
        own: catalog.Surface | None,
        created: tuple[catalog.Surface, ...],
    ) -> Iterator[Surface]:
        defaults = NO_DEFAULTS
        if (own is not None and own.inherits) or any(surface.inherits for surface in created):
            if self._provider_defaults is None:
                self._provider_defaults = ProviderDefaults(self._plan, self._source, self._secrets, self._name)
            defaults = override(evidence) or self._provider_defaults.of(planned)
        setting = Setting(defaults, settled=change.actions == ("no-op",), creates=change.creates)
        if own is not None:
            surface = own_surface(own, evidence, setting)
            if surface is not None:
                withheld = self._withheld(planned, change, own)
                yield msgspec.structs.replace(surface, withheld=withheld) if withheld else surface
            if own.shape == "blocks":
                propagated = self._templates.propagated(planned, evidence, own)
                if propagated is not None:
                    yield propagated
        for declared in created:
            for surface in created_surfaces(declared, evidence, setting):
                # What exists already shows the tags of its volumes, whoever wrote them; then the source has to say so.
                if surface.authored and not change.creates and not self._source.writes(planned, declared.path):
                    yield msgspec.structs.replace(surface, authored=False)
                else:
                    yield surface

    def _withheld(self, planned: ResourceChange, change: Change, own: catalog.Surface) -> frozenset[str]:
        """The keys that the source of something that exists sets literally, and that its planned tags lack."""
        shown = (change.after or {}).get(own.path[0])
        if change.creates or len(own.path) != 1 or not isinstance(shown, dict | None):
            return frozenset()
        stated = self._source.constant_map(planned, own.path[0]) or {}
        return frozenset(key for key, value in stated.items() if value is not None and key not in (shown or {}))

    def _stated_in_json(self, planned: ResourceChange, change: Change) -> Mapping[str, Mapping[str, Any]]:
        """Maps whose keys the configuration shows though their values are unknown: those written in ``.tf.json``."""
        unknown = change.after_unknown
        if not isinstance(unknown, dict):
            return {}
        names = [name for name in _MAPS if unknown.get(name) is True]
        stated = {name: self._source.constant_map(planned, name) for name in names}
        return {name: written for name, written in stated.items() if written is not None}


def _count(number: int) -> str:
    return "1 resource is" if number == 1 else f"{number} resources are"


def _from_arn(arn: str | None) -> tuple[str | None, str | None]:
    """(account, region) as an ARN names them."""
    parts = arn.split(":", 5) if arn is not None else ()
    if len(parts) != 6 or parts[0] != "arn":
        return None, None
    return parts[4] or None, parts[3] or None
