"""Reports whose every text is the worst that a tag, an address or a message can be."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from costguard.model.coverage import Cell, Outcome
from costguard.model.finding import (
    FINDINGS_SCHEMA,
    FaultTotal,
    Finding,
    Level,
    Report,
    ResourceRef,
    ResourceStatus,
    Status,
    Summary,
    Tool,
    Totals,
    Verdict,
)
from costguard.model.resource import Checkpoint, Cloud, Gap, Location, Manager

from .samples import HOSTILE

# ``characters`` includes lone surrogates, which ``text`` leaves out unless it is told.
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join),
    st.text(st.characters(), max_size=12),
)
without_surrogates = texts.map(lambda text: text.encode("utf-8", "replace").decode())
numbers = st.integers(min_value=-1, max_value=10**9)


def reports(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Report]:
    maybe = st.none() | text
    locations = st.none() | st.builds(Location, text, numbers, numbers)
    references = st.builds(
        ResourceRef, address=text, type=text, provider=text, id=maybe, account=maybe, region=maybe, root=maybe
    )
    managers = st.lists(st.builds(Manager, tool=text, name=text, where=text), max_size=4).map(tuple)
    findings: st.SearchStrategy[Finding] = st.builds(
        Finding,
        rule=text,
        tag=maybe,
        key=maybe,
        surface=text,
        verdict=st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.COMPLIANT]),
        level=st.sampled_from(Level),
        resource=references,
        location=locations,
        message=text,
        remedy=text,
        fingerprint=text,
        new=st.booleans(),
        found=maybe,
        expected=maybe,
        chain=st.lists(text, max_size=2).map(tuple),
        instances=st.integers(1, 9),
        also=st.lists(text, max_size=2).map(tuple),
        managed_by=managers,
    )
    statuses = st.builds(
        ResourceStatus,
        address=text,
        type=text,
        status=st.sampled_from(Status),
        tags=st.dictionaries(text, maybe, max_size=3),
        provenance=st.dictionaries(text, text, max_size=3),
        note=maybe,
        managed_by=managers,
    )
    counts: Any = st.integers(min_value=0, max_value=5_000)
    summaries = st.builds(
        Summary,
        resources=counts,
        compliant=counts,
        violating=counts,
        unknown=counts,
        exempt=counts,
        untaggable=counts,
        findings=counts,
    )
    clouds: st.SearchStrategy[Cloud] = st.sampled_from(["aws", "google"])
    outcomes: st.SearchStrategy[Outcome] = st.sampled_from(["read", "absent", "disabled", "cut", "failed"])
    # Few places, so that cells and gaps meet; and the worst of names.
    few = st.sampled_from(["111122223333", "eu-west-1", "*"]) | text
    cells = st.builds(
        Cell,
        cloud=clouds,
        account=few,
        region=few,
        type=few,
        source=few,
        outcome=outcomes,
        count=counts,
        age=st.none() | st.integers(-5, 10**9),
        error=text,
    )
    numbered = st.dictionaries(text, counts, max_size=3)
    faults = st.builds(
        FaultTotal,
        rule=text,
        tag=maybe,
        key=maybe,
        verdict=st.sampled_from(Verdict),
        level=st.sampled_from(Level),
        new=st.booleans(),
        findings=counts,
        resources=counts,
        accounts=numbered,
        types=numbered,
    )
    totals = st.builds(
        Totals,
        accounts=st.dictionaries(text, summaries, max_size=3),
        types=st.dictionaries(text, summaries, max_size=3),
        faults=st.lists(faults, max_size=3).map(tuple),
    )
    coverage = st.lists(cells, max_size=6).map(tuple)
    tags_of = st.builds("aws/111122223333/eu-west-1/*/{}".format, st.sampled_from(["tags", "native"]))
    whys = text | st.builds("the tags of {} could not be read: {}".format, few, text)
    gaps = st.lists(st.builds(Gap, text | tags_of, whys), max_size=3)
    checkpoints: st.SearchStrategy[Checkpoint] = st.sampled_from(["source", "plan", "live", "bill"])
    return st.builds(
        Report,
        schema=st.just(FINDINGS_SCHEMA),
        tool=st.builds(Tool, name=text, version=text),
        checkpoint=checkpoints,
        complete=st.booleans(),
        summary=summaries,
        findings=st.lists(findings, max_size=6).map(tuple),
        resources=st.lists(statuses, max_size=3).map(tuple),
        gaps=gaps.map(tuple),
        notes=st.lists(text, max_size=3).map(tuple),
        coverage=st.just(msgspec.UNSET) | coverage,
        totals=st.just(msgspec.UNSET) | totals,
    )
