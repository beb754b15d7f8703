"""``costguard policy test``: what a policy says of the examples that it carries."""

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from costguard import catalog
from costguard.engine import evaluate
from costguard.errors import Problem
from costguard.model.resource import Inventory, Known, Resource, Surface, Tag, TagSet, Unknown
from costguard.policy import Example, Policy
from costguard.policy.document import ExampleResourceDoc


def failures(policy: Policy, examples: tuple[Example, ...], today: date) -> Iterator[Problem]:
    """One problem for each example of which the policy says something else than the example expects."""
    for example in examples:
        inventory = Inventory(checkpoint=example.doc.checkpoint, resources=(_resource(example.doc.resource),))
        report = evaluate(policy, inventory, today)
        said = {finding.tag or finding.rule: str(finding.verdict) for finding in report.findings}
        expected = {} if example.doc.expect == "compliant" else dict(example.doc.expect)
        if said != expected:
            yield msgspec.structs.replace(example.origin, message=f"expected {_listed(expected)}, got {_listed(said)}")


def _listed(verdicts: Mapping[str, str]) -> str:
    return ", ".join(f"{tag} {verdict}" for tag, verdict in sorted(verdicts.items())) or "compliant"


def _resource(doc: ExampleResourceDoc) -> Resource:
    kind = catalog.lookup(doc.type)
    prefix = doc.type.partition("_")[0]
    cloud = kind.cloud if kind is not None else catalog.cloud_of(prefix)
    tags = {
        key: Tag(Unknown("the example says so") if value is None else Known(value), "the resource")
        for key, value in doc.tags.items()
    }
    bound = {key: Tag(Known(value), "the resource") for key, value in (doc.google_tags or {}).items()}
    path = ".".join(kind.own.path) if kind is not None and kind.own is not None else "tags"
    return Resource(
        address=doc.address or f"{doc.type}.example",
        type=doc.type,
        provider=prefix,
        cloud=cloud,
        module=doc.module,
        account=doc.account,
        region=doc.region,
        surfaces=(
            Surface(
                path,
                TagSet(
                    tags,
                    "the example says so" if doc.open else "",
                    bound=None if doc.google_tags is None else TagSet(bound),
                ),
            ),
        ),
    )
