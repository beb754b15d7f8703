"""What an Auto Scaling group's instances get from its launch templates, however those were read."""

from costguard.model.resource import Known, Tag, TagSet, Unknown


def common(templates: list[TagSet]) -> TagSet:
    """What all of the templates give: a group with several launches instances from any of them."""
    if not templates:
        return TagSet({})
    if len(templates) == 1:
        return templates[0]
    tags: dict[str, Tag] = {}
    hidden: list[tuple[str, str]] = []
    for name in dict.fromkeys(name for template in templates for name in template.tags):
        found = [template.tags[name] for template in templates if name in template.tags]
        if len(found) < len(templates):
            hidden.append((name, "not every launch template of the group sets it"))
        elif all(tag.value == found[0].value for tag in found) and isinstance(found[0].value, Known):
            tags[name] = found[0]
        else:
            tags[name] = Tag(Unknown("the launch templates of the group set different values"), found[0].source)
    hidden += [pair for template in templates for pair in template.hidden if pair[0] not in tags]
    return TagSet(tags, next((template.open for template in templates if template.open), ""), tuple(hidden))
