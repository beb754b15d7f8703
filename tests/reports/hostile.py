"""Reports whose every text is the worst that a tag, an address or a message can be."""

from typing import Any

from hypothesis import strategies as st

from costguard.model.finding import (
    FINDINGS_SCHEMA,
    Finding,
    Level,
    Report,
    ResourceRef,
    ResourceStatus,
    Status,
    Summary,
    Tool,
    Verdict,
)
from costguard.model.resource import Checkpoint, Gap, Location

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
    )
    statuses = st.builds(
        ResourceStatus,
        address=text,
        type=text,
        status=st.sampled_from(Status),
        tags=st.dictionaries(text, maybe, max_size=3),
        provenance=st.dictionaries(text, text, max_size=3),
        note=maybe,
    )
    counts: Any = st.integers(min_value=0, max_value=5_000)
    checkpoints: st.SearchStrategy[Checkpoint] = st.sampled_from(["source", "plan", "live", "bill"])
    return st.builds(
        Report,
        schema=st.just(FINDINGS_SCHEMA),
        tool=st.builds(Tool, name=text, version=text),
        checkpoint=checkpoints,
        complete=st.booleans(),
        summary=st.builds(
            Summary,
            resources=counts,
            compliant=counts,
            violating=counts,
            unknown=counts,
            exempt=counts,
            untaggable=counts,
            findings=counts,
        ),
        findings=st.lists(findings, max_size=6).map(tuple),
        resources=st.lists(statuses, max_size=3).map(tuple),
        gaps=st.lists(st.builds(Gap, text, text), max_size=3).map(tuple),
        notes=st.lists(text, max_size=3).map(tuple),
    )
