"""What today's inventory says of the resources on the bill: the last scan, judged by the same policy."""

import re
from collections.abc import Iterator
from pathlib import Path

from costguard.clouds.store import Store
from costguard.engine import stream
from costguard.model.finding import Status
from costguard.scan import Judging, Survey
from costguard.spend.pareto import Inventory, Known

_EC2 = re.compile(r"[a-z]+(?:-[a-z]+)*-[0-9a-f]{8,17}")
_CONTENT = (Status.COMPLIANT, Status.EXEMPT)


def inventory(path: Path, judging: Judging) -> Inventory:
    """The resources of a scan, by all names that bills have for them: an ARN or a full resource name, and on AWS the
    plain id or the bucket's name. A plain name that several have says nothing."""
    found: dict[str, Known] = {}
    plain: dict[str, Known | None] = {}
    with Store.open(path) as store:
        survey = Survey(store, judging)
        for judged in stream(judging.policy, "live", survey.union().resources(), judging.today):
            resource = judged.resource
            known = Known(judged.status in _CONTENT, resource.type, resource.managers)
            found[resource.address] = known
            for name in names(resource.address):
                plain[name] = None if name in plain else known
    for name, one in plain.items():
        if one is not None:
            found.setdefault(name, one)
    return found


def names(arn: str) -> Iterator[str]:
    """The plain names that an AWS bill has for a resource beside its ARN."""
    if arn.startswith("arn:") and arn.count(":") >= 5:
        _, _, service, _, _, resource = arn.split(":", 5)
        last = resource.rpartition("/")[2]
        if (service == "ec2" and _EC2.fullmatch(last)) or (service == "s3" and "/" not in resource):
            yield last
