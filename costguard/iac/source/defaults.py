"""What a provider configuration adds to the tags of its resources: ``default_tags``, Google's ``default_labels``."""

from collections.abc import Mapping

from costguard import catalog
from costguard.iac.hcl.values import PartialMap, Unknown, Value, mark
from costguard.iac.source.instance import ONE, ProviderConfiguration
from costguard.iac.source.tagset import Body, Written, as_written
from costguard.model.resource import Known, TagSet

ENVIRONMENT = "TF_AWS_DEFAULT_TAGS_"
"""The provider of AWS takes default tags from variables of the environment that begin so."""


def label_of(provider: ProviderConfiguration) -> str:
    """What messages call the defaults."""
    google = catalog.cloud_of(provider.source) == "google"
    return f"{'default_labels' if google else 'default_tags'} of provider {provider.key or 'unknown'}"


def defaults_of(provider: ProviderConfiguration, environment: Mapping[str, str] | None = None) -> TagSet:
    """The default tags of a provider configuration. Raises nothing: what can't be evaluated leaves the set open."""
    cloud = catalog.cloud_of(provider.source)
    if cloud not in ("aws", "google"):
        return TagSet({})
    if provider.doubt:
        return TagSet({}, provider.doubt)
    label = label_of(provider)
    outside: dict[str, Value] = {}
    if cloud == "aws":
        environment = environment or {}
        outside = {
            name.removeprefix(ENVIRONMENT): text for name, text in environment.items() if name.startswith(ENVIRONMENT)
        }
    if provider.block is None or provider.where is None:
        return as_written(outside, label, "default_tags").tags
    body = Body(provider.block.layers, provider.where.in_block(ONE))
    stated = _google(body, label) if cloud == "google" else _aws(body, label)
    if not outside:
        return stated.tags
    written = as_written(outside, label, "default_tags")
    return TagSet({**written.tags.tags, **stated.tags.tags}, stated.tags.open, stated.tags.hidden)


def _google(body: Body, label: str) -> Written:
    return as_written(body.value("default_labels"), label, "default_labels")


def _aws(body: Body, label: str) -> Written:
    children, unknown = body.children("default_tags")
    if unknown:
        return Written(TagSet({}, unknown))
    if not children:
        return Written(TagSet({}))
    return as_written(children[0].value("tags"), label, "default_tags")


def as_value(tags: TagSet) -> Value:
    """A tag set as the map that an expression sees."""
    entries: dict[str, Value] = {
        key: mark(tag.value.text, tag.value.sensitive) if isinstance(tag.value, Known) else Unknown(tag.value.reason)
        for key, tag in tags.tags.items()
    }
    if not tags.open and not tags.hidden:
        return entries
    return PartialMap(entries, dict(tags.hidden), tags.open)
