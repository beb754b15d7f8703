"""Cases: resources of every kind in modules of every shape, and the providers that they share in one configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.soundness.dice import Dice
from tests.soundness.expressions import UNKNOWN, Iteration, Module, Open, Own, Scope, Tags, Text, Value, Writer
from tests.soundness.hcl import Block, in_json, quote

SLOTS = ("aws", "aws.plain", "aws.part", "aws.odd", "aws.unk")
"""The provider configurations of every root. ``aws.plain`` never has defaults, one value in ``aws.unk`` is unknown."""

PROVIDER = """  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true"""

_OWNERS = ("payments", "platform", "team-a", "default", "Data & Öl", "hush-team", "5", "${x}", 'a "b"')
_SERVICES = ("shop", "search", "true", "a,b", "hush-service", "%{if}", "back\\slash")
_STAGES = ("production", "staging", "dev", "prod", "PRODUCTION", "qa", "hush-stage")
_BLANKS = ("", "  ")
_OTHERS = ("Owner", "OWNER", "team", "app", "Env", "Service", "Name", "cost-center", "a b", "x:y/z", "Environment")


def draw_text(dice: Dice, options: Sequence[str], *, nulls: bool, secrets: bool, blanks: bool = True) -> Text:
    number = dice.below(100)
    if nulls and number > 93:
        return None
    if blanks and number > 86:
        return dice.pick(_BLANKS)
    return dice.pick([option for option in options if secrets or not option.startswith("hush-")])


def draw_tags(dice: Dice, *, nulls: bool = True, secrets: bool = True, blanks: bool = True) -> Tags:
    tags: Tags = {}
    for key, options in (("owner", _OWNERS), ("service", _SERVICES), ("environment", _STAGES)):
        if dice.chance(75):
            tags[key] = draw_text(dice, options, nulls=nulls, secrets=secrets, blanks=blanks)
    for key in dice.some(_OTHERS, 10):
        tags[key] = draw_text(dice, _OWNERS, nulls=nulls, secrets=secrets, blanks=blanks)
    return tags


def with_unknown(dice: Dice, tags: Tags) -> Tags:
    keys = list(tags) or ["service"]
    return {**tags, dice.pick(keys): UNKNOWN, **dict.fromkeys(dice.some(keys, 20), UNKNOWN)}


@dataclass
class Root:
    """What all cases of one configuration share: the providers, and perhaps a module with a provider of its own."""

    writer: Writer
    defaults: dict[str, Tags] = field(default_factory=dict)
    ignoring: set[str] = field(default_factory=set)


def root(dice: Dice) -> Root:
    writer = Writer("root", dice, SLOTS, pure=True)
    made = Root(writer)
    terraform = Block("terraform")
    requirement = terraform.add("required_providers")
    requirement.set("aws", '{ source = "hashicorp/aws", version = "5.100.0" }')
    writer.root.blocks.append(terraform)
    for slot in SLOTS:
        block = _provider(slot)
        tags: Tags = {}
        dynamic = False
        if slot == "aws.unk":
            tags = with_unknown(dice, draw_tags(dice, nulls=False, secrets=False, blanks=False))
        elif slot != "aws.plain" and dice.chance(80):
            tags = draw_tags(dice)
            if slot != "aws.odd":  # the careless one
                tags = {key: value for key, value in tags.items() if value not in (None, *_BLANKS)}
            if slot == "aws.part":
                tags = {key: tags[key] for key in dice.some(list(tags), 60)}
        if tags:
            dynamic = slot == "aws.odd" and dice.chance(40)
            _default_tags(writer, block, Scope(writer.root), tags, dynamic=dynamic)
        # A dynamic block leaves no trace in a plan, so there nothing tells of a default that is also ignored.
        if slot == "aws.odd" and not dynamic and dice.chance(40):
            made.ignoring.add(slot)
            ignored = block.add("ignore_tags")
            names = writer.express(Scope(writer.root), [tuple(dice.some(["owner", "service"], 70))], "names", 2)
            ignored.set("keys", names)
        made.defaults[slot] = tags
        (writer.root.as_json if dice.chance(12) else writer.root.blocks).append(block)
    if dice.chance(60):
        _own_provider(dice, made)
    return made


def _provider(slot: str) -> Block:
    block = Block("provider", ("aws",))
    _, _, alias = slot.partition(".")
    if alias:
        block.set("alias", quote(alias), alias)
    for line in PROVIDER.splitlines():
        name, _, text = line.partition("=")
        block.set(name.strip(), text.strip())
    return block


def _default_tags(writer: Writer, provider: Block, scope: Scope, tags: Tags, *, dynamic: bool) -> None:
    text = writer.express(scope, [tags] * scope.width, "tags", 3)
    if dynamic:
        block = provider.add("dynamic", "default_tags")
        block.set("for_each", f"[{text}]")
        block.add("content").set("tags", "default_tags.value")
    else:
        provider.add("default_tags").set("tags", text)


def _own_provider(dice: Dice, made: Root) -> None:
    """A module that brings its own provider; such a module can only be called once."""
    writer = made.writer
    child = writer.child([Scope(writer.root)])
    made.defaults["own"] = tags = draw_tags(dice, nulls=False, blanks=False)
    block = _provider("aws")
    _default_tags(writer, block, Scope(child), tags, dynamic=False)
    child.blocks.append(block)
    child.providers = {"aws": ["own"]}
    inner = writer.child([Scope(child)])
    writer.pure = False
    for module in (child, inner):
        for _ in range(2):
            resource(writer, Scope(module), draw_simple(dice))


# --- resources

Attributes = dict[str, str]
Kinds = Mapping[str, Callable[[str], Attributes]]
"""Type → what its blocks have beside tags, given an expression for the name."""

_SIMPLE: Kinds = {
    "aws_sns_topic": lambda name: {"name": name},
    "aws_sqs_queue": lambda name: {"name": name},
    "aws_s3_bucket": lambda name: {"bucket": name},
    "aws_vpc": lambda _: {"cidr_block": '"10.0.0.0/16"'},
    "aws_cloudwatch_log_group": lambda name: {"name": name},
    "aws_kms_key": lambda name: {"description": name},
    "aws_ssm_parameter": lambda name: {"name": name, "type": '"String"', "value": '"x"'},
    "aws_ebs_volume": lambda _: {"availability_zone": '"eu-west-1a"', "size": "1"},
    "aws_security_group": lambda name: {"name": name},
    "aws_ecr_repository": lambda name: {"name": name},
    "aws_secretsmanager_secret": lambda name: {"name": name},
    "aws_eip": lambda _: {"domain": '"vpc"'},
    "aws_iam_user": lambda name: {"name": name},
}
_FRAMEWORK: Kinds = {
    "aws_rekognition_collection": lambda name: {"collection_id": name},
    "aws_resourceexplorer2_index": lambda _: {"type": '"LOCAL"'},
    "aws_appfabric_app_bundle": lambda _: {},
    "aws_vpc_security_group_ingress_rule": lambda _: {
        "security_group_id": '"sg-00000000000000000"',
        "cidr_ipv4": '"10.0.0.0/8"',
        "ip_protocol": '"-1"',
    },
}
_UNTAGGABLE: Kinds = {
    "aws_iam_role_policy": lambda name: {
        "name": name,
        "role": '"some-role"',
        "policy": 'jsonencode({ Version = "2012-10-17", Statement = [] })',
    },
    "aws_s3_bucket_public_access_block": lambda name: {"bucket": name},
    "terraform_data": lambda _: {"input": '{ tags = { owner = "payments" } }'},
    "aws_inspector_resource_group": lambda _: {"tags": '{ Owner = "payments" }'},
}


def draw_simple(dice: Dice) -> str:
    return dice.pick(list(_FRAMEWORK if dice.chance(20) else _SIMPLE))


def draw_values(
    dice: Dice, scope: Scope, *, wild: bool = True, nulls: bool = True, secrets: bool = True
) -> list[Value]:
    """The tags of each instance: mostly the same, with a key that differs, or other ones in every module."""
    base = draw_tags(dice, nulls=nulls, secrets=secrets)
    how = dice.below(10) if wild else 0
    if how == 7:
        return [with_unknown(dice, base)] * scope.width
    if how == 8:
        other = draw_tags(dice, nulls=False, secrets=False)
        base = {key: value for key, value in base.items() if value is not None}
        kinds = ["computed", "filtered", "overlaid"]
        if any(isinstance(v, str) for v in base.values()) and other:
            kinds.append("either")
        kind = dice.pick(kinds)
        if kind == "either":
            return [Open("either", base, other)] * scope.width
        if kind == "computed":
            return [Open("computed", base)] * scope.width
        return [Open("filtered" if kind == "filtered" else "overlaid", base)] * scope.width
    if how == 9:
        return [{}] * scope.width
    if how in (4, 5, 6):
        values: list[Value] = []
        key = dice.pick(["owner", "service", "environment"])
        for number in range(scope.width):
            if how == 4:
                values.append(draw_tags(dice, nulls=nulls, secrets=secrets))
            elif how == 5 or number % 2:
                values.append({**base, key: draw_text(dice, _STAGES, nulls=nulls, secrets=secrets)})
            else:
                values.append({name: value for name, value in base.items() if name != key})
        return values
    return [base] * scope.width


def draw_iteration(dice: Dice, module: Module) -> Iteration | None:
    number = dice.below(8)
    if number < 4 or module.width > 6:
        return None
    if number >= 6:
        counts = [dice.below(4)] * module.width if dice.chance(80) else [dice.below(3) for _ in range(module.width)]
        return Iteration(True, [[str(index) for index in range(count)] for count in counts])
    names = ["a", "blue", "c.d", "e f", 'g "h"', "ü/日"]
    same = sorted(dice.some(names, 35))
    keys = [same if dice.chance(80) else sorted(dice.some(names, 35)) for _ in range(module.width)]
    return Iteration(False, keys)


def resource(writer: Writer, scope: Scope, type_: str, depth: int = 3, kinds: Kinds | None = None) -> None:
    """One resource block, with the tags of its own. Of ``kinds`` that are given each instance has its own name, as it
    must where it is applied."""
    dice = writer.dice
    block, slots, name = _begin(writer, scope, type_)
    framework = type_ in _FRAMEWORK
    called = quote(name)
    if kinds is not None:
        names = [f"{name.replace('_', '-')}-{number}" for number in range(scope.width)]
        called = writer.express(scope, names, "text", 1, solid=True)
    for attribute, text in (kinds or {**_SIMPLE, **_FRAMEWORK})[type_](called).items():
        block.set(attribute, text)
    values = draw_values(dice, scope)
    _write(writer, scope, block, "tags", values, depth)
    _expect(writer, scope, block, lambda at: {"tags": Own(_own(values[at]), slots[at], framework)})
    _finish(writer, scope, block)


def _own(value: Value) -> Tags | Open:
    assert isinstance(value, dict | Open)
    return value


def _expect(writer: Writer, scope: Scope, block: Block, surfaces: Callable[[int], dict[str, Own]]) -> None:
    writer.expect(scope, ".".join(block.labels), surfaces)


def _begin(writer: Writer, scope: Scope, type_: str) -> tuple[Block, list[str], str]:
    """The block, the provider configuration of each instance, and the name."""
    module, dice = scope.module, writer.dice
    name = writer.fresh("t")
    block = Block("resource", (type_, name))
    provider = module.main
    if type_ != "terraform_data":
        if dice.chance(55):
            provider = dice.pick(list(module.providers))
        if provider != "aws" or dice.chance(20):
            block.set("provider", provider, provider)
    (module.as_json if dice.chance(8) else module.blocks).append(block)
    return block, scope.per_instance(module.providers[provider]), name


def _finish(writer: Writer, scope: Scope, block: Block) -> None:
    writer.each(scope, block, 2)
    module, dice = scope.module, writer.dice
    native = any(one is block for one in module.blocks)
    if dice.chance(12):
        lifecycle = block.add("lifecycle")
        ignored = dice.pick([["tags"], ["tags", "tags_all"], ["tags_all"], "all", ['tags["owner"]']])
        tagged = (
            block.labels[0] not in ("terraform_data", "aws_autoscaling_group") and block.labels[0] not in _UNTAGGABLE
        )
        if ignored == "all" or not tagged:
            lifecycle.set("ignore_changes", "all", "all")
        else:
            lifecycle.set("ignore_changes", f"[{', '.join(ignored)}]", list(ignored))
        if native:
            lifecycle.set("create_before_destroy", "true", True)
    if dice.chance(6):
        type_, name = block.labels
        moved = Block("moved")
        moved.set("from", f"{type_}.{name}_before", f"{type_}.{name}_before")
        moved.set("to", f"{type_}.{name}", f"{type_}.{name}")
        module.blocks.append(moved)
    if dice.chance(4):
        removed = Block("removed")
        removed.set("from", f"aws_sns_topic.{writer.fresh('gone')}")
        removed.add("lifecycle").set("destroy", "false")
        module.blocks.append(removed)


def _write(
    writer: Writer,
    scope: Scope,
    block: Block,
    attribute: str,
    values: Sequence[Value],
    depth: int,
    owner: Block | None = None,
) -> None:
    """The attribute, in the block itself or in an override of it. ``owner`` is the resource of a block inside one."""
    dice, module = writer.dice, scope.module
    if all(value == {} for value in values) and dice.chance(75):
        how = dice.below(3)
        if how == 1:
            block.set(attribute, "null", None)
        elif how == 2:
            block.set(attribute, "{}", {})
        return
    native = any(one is (owner or block) for one in module.blocks)
    first = values[0] if values else {}
    if not native and isinstance(first, dict) and all(v == first for v in values) and dice.chance(60):
        written: dict[str, str | None] = {}
        for key, value in first.items():
            plain = isinstance(value, str) and not value.startswith("hush-") and dice.chance(60)
            text = writer.constant(module, value, "text", depth - 1)
            written[in_json(key)] = in_json(str(value)) if plain else None if value is None else f"${{{text}}}"
        block.set(attribute, "{}", written)
        return
    text = writer.express(scope, values, "tags", depth)
    if block.labels and block.kind == "resource" and native and dice.chance(6):
        if dice.chance(70):
            block.set(attribute, '{ owner = "decoy", environment = "dev" }')
        over = Block("resource", block.labels)
        over.set(attribute, text)
        module.overrides.append(over)
        return
    block.set(attribute, text)


def untaggable(writer: Writer, scope: Scope) -> None:
    type_ = writer.dice.pick(list(_UNTAGGABLE))
    block, _, name = _begin(writer, scope, type_)
    for attribute, text in _UNTAGGABLE[type_](quote(name)).items():
        block.set(attribute, text)
    _expect(writer, scope, block, lambda _: {})
    _finish(writer, scope, block)


def selector(writer: Writer, scope: Scope) -> None:
    """Blocks called ``tag`` that select, on what has no tags of its own."""
    block, _, _ = _begin(writer, scope, "aws_s3_bucket_lifecycle_configuration")
    block.set("bucket", '"some-bucket"')
    rule = block.add("rule")
    rule.set("id", '"x"')
    rule.set("status", '"Enabled"')
    tag = rule.add("filter").add("tag")
    tag.set("key", '"Owner"')
    tag.set("value", '"payments"')
    rule.add("expiration").set("days", "1")
    _expect(writer, scope, block, lambda _: {})
    writer.each(scope, block, 1)


def s3_object(writer: Writer, scope: Scope) -> None:
    dice = writer.dice
    block, slots, name = _begin(writer, scope, "aws_s3_object")
    block.set("bucket", '"some-bucket"')
    block.set("key", quote(name))
    block.set("content", '"x"')
    refuses = dice.chance(50)
    if refuses:
        block.add("override_provider").add("default_tags").set("tags", "{}", {})
    values = draw_values(dice, scope)
    _write(writer, scope, block, "tags", values, 3)
    _expect(writer, scope, block, lambda at: {"tags": Own(_own(values[at]), "" if refuses else slots[at])})
    _finish(writer, scope, block)


def instance(writer: Writer, scope: Scope) -> None:
    """A machine, with tags for the volumes that it creates."""
    dice = writer.dice
    block, slots, _ = _begin(writer, scope, "aws_instance")
    block.set("ami", '"ami-00000000000000000"')
    block.set("instance_type", '"t3.micro"')
    values = draw_values(dice, scope)
    created: dict[str, list[Value]] = {}
    how = dice.below(3)
    if how == 0:
        created["volume_tags"] = draw_values(dice, scope, nulls=False)
        _write(writer, scope, block, "volume_tags", created["volume_tags"], 2)
    elif how == 1:
        device = block.add("root_block_device")
        device.set("volume_size", "10")
        created["root_block_device[0].tags"] = draw_values(dice, scope, nulls=False)
        _write(writer, scope, device, "tags", created["root_block_device[0].tags"], 2, block)
    _write(writer, scope, block, "tags", values, 2)

    def surfaces(at: int) -> dict[str, Own]:
        made = {"tags": Own(_own(values[at]), slots[at])}
        for path, own in created.items():
            made[path] = Own(_own(own[at]), slots[at], maybe_unwritten=not own[at] or isinstance(own[at], Open))
        return made

    _expect(writer, scope, block, surfaces)
    _finish(writer, scope, block)


def launch_template(writer: Writer, scope: Scope) -> tuple[str, list[Value] | None]:
    """Its local address, and what it gives to instances."""
    dice = writer.dice
    block, slots, name = _begin(writer, scope, "aws_launch_template")
    block.set("name", quote(name))
    values = draw_values(dice, scope)
    given: dict[str, list[Value]] = {}
    names = dice.some(["instance", "volume"], 70)
    if names and dice.chance(30):
        tags = draw_values(dice, scope, nulls=False)
        dynamic = block.add("dynamic", "tag_specifications")
        dynamic.set("for_each", writer.express(Scope(scope.module), [tuple(names)] * scope.module.width, "names", 2))
        content = dynamic.add("content")
        content.set("resource_type", "tag_specifications.value")
        content.set("tags", writer.express(scope, tags, "tags", 2))
        given = dict.fromkeys(names, tags)
    else:
        for kind in names:
            specification = block.add("tag_specifications")
            specification.set("resource_type", quote(kind), kind)
            given[kind] = draw_values(dice, scope, nulls=False)
            _write(writer, scope, specification, "tags", given[kind], 2, block)
    _write(writer, scope, block, "tags", values, 2)

    def surfaces(at: int) -> dict[str, Own]:
        made = {"tags": Own(_own(values[at]), slots[at])}
        for kind, tags in given.items():
            made[f"tag_specifications[{kind}].tags"] = Own(
                _own(tags[at]), maybe_unwritten=not tags[at] or isinstance(tags[at], Open)
            )
        return made

    _expect(writer, scope, block, surfaces)
    _finish(writer, scope, block)
    return ".".join(block.labels), given.get("instance")


def autoscaling_group(writer: Writer, scope: Scope) -> None:
    dice, module = writer.dice, scope.module
    template, launched = "", None
    if dice.chance(50):
        template, launched = launch_template(writer, Scope(module))
    block, _, name = _begin(writer, scope, "aws_autoscaling_group")
    block.set("name", quote(name))
    block.set("min_size", "0")
    block.set("max_size", "1")
    block.set("availability_zones", '["eu-west-1a"]')
    use = block.add("launch_template")
    if template:
        use.set("id", f"{template}.id")
    else:
        use.set("name", '"some-template"')
    apart: set[str] = set()
    doubtful: set[str] = set()  # whether they are propagated is known only after apply
    values: list[Value]
    if dice.chance(50):
        values = draw_values(dice, scope, nulls=False, secrets=False)
        dynamic = block.add("dynamic", "tag")
        as_list = dice.chance(25) and all(isinstance(value, dict) for value in values)
        text = writer.express(scope, values, "tags", 3)
        if as_list:
            text = f"[for k, v in {text} : {{ key = k, value = v }}]"
        label = "tag"
        if dice.chance(20):
            label = "each_tag"
            dynamic.set("iterator", label, label)
        dynamic.set("for_each", text)
        content = dynamic.add("content")
        content.set("key", f"{label}.value.key" if as_list else f"{label}.key")
        content.set("value", f"{label}.value.value" if as_list else f"{label}.value")
        kept = dice.pick(["", "service", "environment"])
        key = f"{label}.value.key" if as_list else f"{label}.key"
        content.set("propagate_at_launch", f"{key} != {quote(kept)}" if kept else "true")
        apart.add(kept)
    else:
        base = draw_tags(dice, nulls=False)
        values = [dict(base) for _ in range(scope.width)]
        for key, value in base.items():
            if dice.chance(8):
                value = UNKNOWN
            mine: list[Value] = [value] * scope.width
            if dice.chance(20):
                mine = [draw_text(dice, _STAGES, nulls=False, secrets=False) for _ in range(scope.width)]
            for at, one in enumerate(values):
                assert isinstance(one, dict)
                one[key] = mine[at]  # type: ignore[assignment]  # texts alone
            tag = block.add("tag")
            tag.set("key", writer.constant(module, key, "text", 1, True))
            tag.set("value", writer.express(scope, mine, "text", 2))
            if dice.chance(8):
                doubtful.add(key)
                tag.set("propagate_at_launch", writer.unknown_flag(module))
                continue
            propagated = dice.chance(70)
            if not propagated:
                apart.add(key)
            tag.set("propagate_at_launch", writer.constant(module, propagated, "flag", 1, True))
    from_template = None if launched is None else scope.per_instance(launched)

    def surfaces(at: int) -> dict[str, Own]:
        own = _own(values[at])
        made = {"tag": Own(own)}
        given = {} if from_template is None else from_template[at]
        if isinstance(own, dict) and own and isinstance(given, dict):
            certain = {key: value for key, value in own.items() if key not in apart | doubtful}
            propagated = {**given, **certain}
            propagated |= dict.fromkeys(doubtful & given.keys(), UNKNOWN)
            # A template that is only named lies elsewhere, and may add any tag.
            tags = propagated if template else Open("computed", propagated)
            made["tag.propagate_at_launch"] = Own(tags, doubtful=frozenset(doubtful - propagated.keys()))
        else:
            made["tag.propagate_at_launch"] = Own(Open("overlaid", {}), maybe_unwritten=not own)
        return made

    _expect(writer, scope, block, surfaces)
    _finish(writer, scope, block)


_SPECIAL: Sequence[Callable[[Writer, Scope], object]] = (
    autoscaling_group,
    launch_template,
    instance,
    s3_object,
    untaggable,
    selector,
)


def case(name: str, dice: Dice, kinds: Kinds | None = None) -> Writer:
    """Some resources in a module of some shape, called from another, down to the root; of ``kinds`` where they are
    given."""
    writer = Writer(name, dice, SLOTS)
    writer.root.style = dice.pick([0, 0, 0, 0, 1, 2, 3])
    module = writer.root
    pending: list[tuple[Scope, Block]] = []
    places = [module]
    for _ in range(dice.pick([0, 0, 1, 1, 2, 3])):
        scopes = [Scope(module, draw_iteration(dice, module))]
        if dice.chance(20):
            scopes.append(Scope(module, draw_iteration(dice, module)))
        child = writer.child(scopes, nested=dice.chance(30))
        _pass_providers(dice, child)
        child.style = dice.pick([0, 0, 0, 0, 1, 2, 3])
        pending += [(call.scope, call.block) for call in child.calls]
        module = child
        places.append(module)
    for _ in range(1 + dice.below(4)):
        place = module if dice.chance(80) else dice.pick(places)
        if place.width > 8:
            place = writer.root
        scope = Scope(place, draw_iteration(dice, place))
        if kinds is not None:
            resource(writer, scope, dice.pick(list(kinds)), kinds=kinds)
        elif dice.chance(30):
            dice.pick(_SPECIAL)(writer, scope)
        else:
            resource(writer, scope, draw_simple(dice))
    for scope, block in reversed(pending):
        writer.each(scope, block, 2)
    for one in writer.modules:
        _some_as_json(dice, one)
    return writer


def _some_as_json(dice: Dice, module: Module) -> None:
    """Moves some blocks to the JSON syntax, which has no heredocs."""
    for block in list(module.blocks):
        texts = [item.text for item in block.body if not isinstance(item, Block)]
        if block.kind in ("locals", "output", "module") and not any("<<" in text for text in texts) and dice.chance(4):
            module.blocks.remove(block)
            module.as_json.append(block)


def _pass_providers(dice: Dice, child: Module) -> None:
    how = dice.below(6)
    if how < 2:
        return
    parent = child.calls[0].scope.module
    if not all(call.block.has("providers") for call in parent.calls):
        return  # Terraform 1.11 calls a provider missing that was inherited and is then passed on
    names = ["aws"]
    requirement = '{ source = "hashicorp/aws" }'
    if how == 4:
        names.append("aws.west")
        requirement = '{ source = "hashicorp/aws", configuration_aliases = [aws.west] }'
    terraform = Block("terraform")
    required = terraform.add("required_providers")
    if how == 5:
        names = ["cloud"]
    required.set(names[0], requirement)
    child.blocks.insert(0, terraform)
    child.providers = {name: [] for name in names}
    for call in child.calls:
        passed = {}
        for name in names:
            passed[name] = outer = dice.pick(list(parent.providers))
            child.providers[name] += call.scope.per_instance(parent.providers[outer])
        call.block.remove("providers")
        lines = "".join(f"\n    {name} = {outer}" for name, outer in passed.items())
        call.block.set("providers", f"{{{lines}\n  }}", passed)
