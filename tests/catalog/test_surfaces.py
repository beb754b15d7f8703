"""Every attribute that looks like tags has one decision, and every decision is about something real."""

from costguard.catalog import lookup, surfaces

from .known import ALL_TYPES, PREFIXES, TYPES


def decisions() -> list[tuple[str, str]]:
    """Every decision as (type, dotted path)."""
    own = [(name, ".".join(surface.path)) for name, surface in surfaces.OWN.items() if surface]
    created = [(name, ".".join(surface.path)) for name, some in surfaces.CREATED.items() for surface in some]
    none = [(name, path) for group in surfaces.NOT_TAGS.values() for name, paths in group.items() for path in paths]
    return own + created + none


PATHS = {
    (PREFIXES[cloud] + name, path)
    for cloud, part in TYPES.items()
    for name, paths in part.paths.items()
    for path in paths
}
# The usual map of a type is no path of its own, but a decision may be about it (it holds something else).
USUAL = {
    (PREFIXES[cloud] + name, usual)
    for cloud, usual in (("aws", "tags"), ("google", "labels"), ("azure", "tags"))
    for name in (*TYPES[cloud].defaults, *TYPES[cloud].plain)
}


def test_every_path_that_looks_like_tags_has_a_decision() -> None:
    """A refresh can bring a new path: write it into OWN, CREATED or NOT_TAGS, with the reason."""
    assert sorted(PATHS - set(decisions())) == []


def test_no_path_has_two_decisions() -> None:
    made = decisions()
    assert sorted({decision for decision in made if made.count(decision) > 1}) == []


def test_no_decision_is_about_a_path_that_nothing_has() -> None:
    assert sorted(set(decisions()) - PATHS - USUAL) == []


def test_hand_made_entries_are_about_known_types() -> None:
    assert sorted({*surfaces.OWN, *surfaces.CREATED, *surfaces.SINCE} - set(ALL_TYPES)) == []


def test_only_a_taggable_type_has_its_tags_since_a_version() -> None:
    for name in surfaces.SINCE:
        known = lookup(name)
        assert known is not None
        assert known.own is not None


def test_the_usual_map_without_provider_defaults_is_decided_by_hand() -> None:
    """On AWS and Google a tag map that provider defaults pass by is mostly no tag map: each is named in OWN."""
    plain = {PREFIXES[cloud] + name for cloud in ("aws", "google") for name in TYPES[cloud].plain}
    assert sorted(plain - surfaces.OWN.keys()) == []
