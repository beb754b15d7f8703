"""An organisation that never was: some teams, their services, what runs of them in which accounts, how it is named, and
the tags that people put there, of which some are wrong and many missing. The truth is kept apart.

What it is modelled on, and how often, is in the constants here and in ``bench/README.md``. It was written before the
inference that is measured with it, and nothing in it knows how that works: what shows in a resource is what a cloud
would show. Nothing else leads to the truth: the order of ids, ages and sizes say nothing that they wouldn't say there.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from costguard.model.resource import Known, Manager, Relation, Resource, Surface, Tag, TagSet

POLICY = """
version: 1
name: organisation
tags:
  owner:
    keys: {aws: Owner, google: owner}
    aliases: [team, owned-by]
    value: {pattern: "^[a-z][a-z0-9-]{1,40}$"}
  service:
    keys: {aws: Service, google: service}
    aliases: [app, application]
    value: {pattern: "^[a-z][a-z0-9-]{1,40}$"}
  environment:
    keys: {aws: Environment, google: environment}
    aliases: [env, stage]
    value: {enum: [production, staging, dev]}
    synonyms: {prod: production, prd: production, live: production, stg: staging, development: dev, develop: dev}
"""
TAGS = ("owner", "service", "environment")
ENVIRONMENTS = ("production", "staging", "dev")


def _words(text: str) -> list[str]:
    return text.split()


_TEAMS = _words(
    "payments checkout ledger identity search catalog growth marketing data-platform machine-learning platform network "
    "security sre mobile web-experience partners logistics shipping returns pricing recommendations notifications "
    "messaging billing fraud risk compliance support crm analytics business-intelligence developer-tools delivery "
    "observability storage media video ads experiments localisation inventory procurement finance warehouse"
)
_NOUNS = _words(
    "order cart payment invoice ledger profile session search catalog price promo coupon stock shipment parcel route "
    "return refund review rating feed recommendation ranking notification email push chat ticket account login token "
    "consent audit fraud risk score limit payout settlement bank card wallet tax report dashboard metric event stream "
    "etl warehouse lake feature model training inference image video thumbnail upload asset cdn site blog landing "
    "campaign segment audience experiment flag "
    "config scheduler job queue proxy gateway edge dns mesh registry artifact build deploy backup archive geo "
    "address map translation supplier purchase vendor contract employee payroll"
)
_SUFFIXES = _words("api worker service web sync ingest batch gateway admin events cache consumer processor history")
_SHORT: dict[str, tuple[str, ...]] = {
    "production": ("prod", "prod", "prod", "prd", "production", "live", "p"),
    "staging": ("staging", "stg", "stage", "uat", "s"),
    "dev": ("dev", "dev", "develop", "test", "d"),
}
_REGIONS = ("eu-west-1", "eu-west-1", "us-east-1", "eu-central-1")

_OWNED = 0.5  # of the teams have accounts of their own; the rest shares some
_RENAMED = 4  # teams, in the last two years
_MOVED = 0.05  # of the services have changed owners
_COPIED = 0.006  # of the deployments were copied from another team's, with tags and partly with names
_TYPO = 0.003  # of the values
_LOST_NAME = 0.015  # of the resources have a name that belongs to another service
_UNASKED = {"aws_cloudwatch_log_group": 0.75, "aws_ebs_snapshot": 0.6, "aws_network_interface": 0.7}
"""The share of a type that nobody tags at all, whatever its team does."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """How an organisation is. ``hidden`` is the share of the values that are there and are hidden, ``how`` says which:
    in blocks and one by one, or those of some teams. ``noise`` is the share of values that are replaced by another
    one at random, beside all that is wrong anyhow. No ``signal``: the tags are dealt out at random, and nothing
    that shows has to do with them."""

    resources: int = 20_000
    hidden: float = 0.3
    how: Literal["mixed", "teams"] = "mixed"
    noise: float = 0.0
    signal: bool = True


class Organisation(msgspec.Struct, frozen=True):
    """The inventory as it shows after the hiding, in the order of ids; what each value truly is, by the policy's names;
    and the values that were hidden, right or wrong as they were."""

    resources: tuple[Resource, ...]
    truth: dict[str, dict[str, str]]
    hidden: dict[tuple[str, str], str]


class _Team(msgspec.Struct):
    name: str
    former: str  # another name that it had, or the same
    dialect: int  # how it names things
    diligence: float  # the share of its deployments that carry a tag
    accounts: dict[str, str]  # environment → account
    people: list[str]
    centre: str
    cloud: str
    aliasing: str  # what it means by `app` or `team` where it uses that: the policy's meaning, or something else


class _Service(msgspec.Struct):
    name: str
    team: _Team
    before: _Team | None  # who had it


class _Block(msgspec.Struct):
    """What is made and tagged together: a stack, a module of a state, or what a person clicked together."""

    service: _Service
    environment: str
    account: str
    region: str
    cloud: str
    tool: str
    where: str
    module: str
    written: dict[str, str]  # the values that its author meant to write, by the policy's names
    keys: dict[str, str]  # the policy's name → the key that it was written under
    also: dict[str, str]
    names: str  # the name of the service as it is in names
    short: str  # the environment in names, empty where it isn't there
    vpc: str
    subnets: list[str]
    members: list[int]


class _Made(msgspec.Struct):
    id: str
    type: str
    account: str
    region: str
    cloud: str
    truth: dict[str, str]
    tags: dict[str, str]
    managers: tuple[Manager, ...]
    related: tuple[Relation, ...]


def generated(seed: int, setting: Setting = Setting()) -> Organisation:  # noqa: B008 - it is frozen
    """The organisation of a seed; the same seed and setting make the same one."""
    making = _Making(random.Random(seed), setting)  # noqa: S311 - cases, not secrets
    making.make()
    return making.finish()


class _Making:
    def __init__(self, dice: random.Random, setting: Setting) -> None:
        self.dice = dice
        self.setting = setting
        self.made: list[_Made] = []
        self.blocks: list[_Block] = []
        self.ids: set[str] = set()
        self.networks: dict[tuple[str, str], tuple[str, list[str]]] = {}
        self.clusters: dict[tuple[str, str], str] = {}
        self.services: list[_Service] = []
        self.teams: list[_Team] = []
        self.platform: _Team

    # People

    def make(self) -> None:
        dice = self.dice
        accounts = iter(dice.sample(range(10**11, 10**12), 400))
        shared = {name: str(next(accounts)) for name in ENVIRONMENTS}
        legacy = str(next(accounts))
        names = dice.sample(_TEAMS, len(_TEAMS))
        for index, name in enumerate(names):
            own = dice.random() < _OWNED
            production, other = str(next(accounts)), str(next(accounts))
            if own:
                places = {"production": production, "staging": other, "dev": other}
            elif dice.random() < 0.15:
                places = dict.fromkeys(ENVIRONMENTS, legacy)
            else:
                places = dict(shared)
            cloud = "google" if own and dice.random() < 0.2 else "aws"
            if cloud == "google":
                places = {key: f"{name}-{'prod' if key == 'production' else 'nonprod'}" for key in places}
            self.teams.append(
                _Team(
                    name=name,
                    former=f"{dice.choice(_NOUNS)}s" if index < _RENAMED else name,
                    dialect=dice.randrange(6),
                    diligence=dice.choice((0.97, 0.92, 0.85, 0.7, 0.5)),
                    accounts=places,
                    people=[f"{dice.choice('abcdefghijklmnoprstvw')}.{dice.randrange(10**4):04}" for _ in range(6)],
                    centre=f"CC-{1000 + index // 2}",
                    cloud=cloud,
                    aliasing=dice.choices(("same", "technology", "department"), (0.8, 0.12, 0.08))[0],
                )
            )
        self.platform = next(team for team in self.teams if team.name == "platform")
        taken: set[str] = set()
        for rank, team in enumerate(dice.sample(self.teams, len(self.teams))):
            for _ in range(max(1, round(14 / (1 + rank) ** 0.5 + dice.random() * 3))):
                noun = dice.choice(_NOUNS)
                name = noun if dice.random() < 0.3 else f"{noun}-{dice.choice(_SUFFIXES)}"
                if name in taken:
                    name = f"{team.name.split('-')[0]}-{name}"
                if name in taken:
                    continue
                taken.add(name)
                before = dice.choice(self.teams) if dice.random() < _MOVED else None
                self.services.append(_Service(name, team, before if before is not team else None))
        weights = [1 / (1 + rank) ** 0.4 for rank in range(len(self.services))]
        dice.shuffle(weights)
        while len(self.made) < self.setting.resources:
            service = dice.choices(self.services, weights)[0]
            environment = dice.choices(ENVIRONMENTS, (0.55, 0.2, 0.25))[0]
            self.deploy(service, environment)

    # Deployments

    def deploy(self, service: _Service, environment: str) -> None:
        dice, team = self.dice, service.team
        # Some of what a team has is elsewhere: it was there before the team had accounts of its own.
        home = service.before if service.before is not None and dice.random() < 0.5 else team
        account = home.accounts[environment]
        cloud = home.cloud
        region = dice.choice(_REGIONS) if cloud == "aws" else "europe-west1"
        model = service
        copied = dice.random() < _COPIED
        if copied:
            model = dice.choice(self.services)
        years = dice.random() * 5
        owner = model.team.name
        if years > 2 and model.team.former != owner and dice.random() < 0.6:
            owner = model.team.former
        if model.before is not None and years > 2 and dice.random() < 0.6:
            owner = model.before.name
        written = {"owner": owner, "service": model.name, "environment": environment}
        if dice.random() < 0.06:
            written["environment"] = dice.choice(_SHORT[environment][:3])
        named = service.name if not copied or dice.random() < 0.5 else model.name
        dialect = home.dialect if dice.random() < 0.85 else dice.randrange(6)
        tool = dice.choices(("cloudformation", "terraform", "monorepo", "", "kubernetes"), (3, 3, 2, 2, 1))[0]
        if cloud == "google" and tool in ("cloudformation", "kubernetes"):
            tool = "terraform"
        short = dice.choice(_SHORT[environment]) if dice.random() < 0.8 else ""
        if short and dice.random() < 0.012:
            short = dice.choice(_SHORT[dice.choice(ENVIRONMENTS)])
        where = module = ""
        label = "-".join(filter(None, (named, short)))
        match tool:
            case "cloudformation":
                where = f"stack {label}-{dice.choice(('', 'data', 'app', 'infra', 'v2'))}".rstrip("-")
                if dice.random() < 0.04:  # One stack for several services, as it grew.
                    where = f"stack {home.name}-common-{short or environment}"
            case "terraform":
                where = f"s3://states/{home.name if dice.random() < 0.5 else 'live'}/{label}/terraform.tfstate"
                module = dice.choice(("", "module.main", "module.service", "module.db"))
            case "monorepo":
                where = f"s3://states/{account}/terraform.tfstate"
                module = dice.choice(
                    (f"module.{named.replace('-', '_')}", f"module.{named}", "module.app", "module.vpc")
                )
                if dice.random() < 0.3:
                    module = f"module.{home.name.replace('-', '_')}.{module}"
        keys = self.keys(cloud, team)
        also: dict[str, str] = {}
        if dice.random() < 0.4:
            also["CostCenter" if cloud == "aws" else "cost-center"] = home.centre
        if dice.random() < 0.25:
            also["created-by" if cloud == "google" or dice.random() < 0.5 else "CreatedBy"] = dice.choice(
                home.people if dice.random() < 0.9 else dice.choice(self.teams).people
            ).replace("." if cloud == "google" else "\0", "_")
        if dice.random() < 0.2:
            also["Project" if cloud == "aws" else "project-name"] = dice.choice(
                (named, named.split("-")[0], home.name, dice.choice(_NOUNS))
            )
        if dice.random() < 0.08:
            self.aliased(also, cloud, model, owner, environment)
        vpc, subnets = self.network(account, region, cloud)
        block = _Block(
            service=service,
            environment=environment,
            account=account,
            region=region,
            cloud=cloud,
            tool=tool,
            where=where,
            module=module,
            written={tag: value for tag, value in written.items() if dice.random() < team.diligence},
            keys=keys,
            also=also,
            names=named,
            short=short,
            vpc=vpc,
            subnets=subnets,
            members=[],
        )
        self.blocks.append(block)
        for _ in range(1 + min(int(dice.expovariate(0.35)), 14)):
            self.part(block, dialect, home)

    def keys(self, cloud: str, team: _Team) -> dict[str, str]:
        dice = self.dice
        if cloud == "google":
            found = {tag: tag for tag in TAGS}
        else:
            found = {tag: tag.capitalize() for tag in TAGS}
            if dice.random() < 0.04:
                found = {tag: tag for tag in TAGS}  # another case of the keys
        roll = dice.random()
        if roll < 0.03:
            found["owner"] = "team" if cloud == "google" or dice.random() < 0.5 else "Team"
        elif roll < 0.07 and team.aliasing == "same":
            found["service"] = dice.choice(("app", "application"))
        elif roll < 0.13:
            found["environment"] = dice.choice(("env", "stage"))
        return found

    def aliased(self, also: dict[str, str], cloud: str, model: _Service, owner: str, environment: str) -> None:
        """Keys that the policy takes for the tag, beside the tag itself or where it isn't: not all mean it."""
        dice, team = self.dice, model.team
        match dice.choice(("team", "app", "env")):
            case "team":
                also["team"] = "commerce" if team.aliasing == "department" else owner
            case "app":
                also["app"] = (
                    dice.choice(("nginx", "postgres", "redis", "java")) if team.aliasing == "technology" else model.name
                )
            case _:
                also["env"] = dice.choice(_SHORT[environment][:2])

    def network(self, account: str, region: str, cloud: str) -> tuple[str, list[str]]:
        dice = self.dice
        place = (account, region)
        own = self.networks.get(place)
        if own is not None and dice.random() < 0.93:
            return own
        truth = {"owner": "network", "service": "network-core", "environment": self.environment_of(account)}
        if dice.random() < 0.2:  # The team that has most of it made it itself.
            there = [team for team in self.teams if account in team.accounts.values()]
            truth["owner"] = dice.choice(there).name if there else "network"
        tags = self.tagged(truth, cloud, 0.7)
        state = (Manager(tool="terraform", name="module.vpc.aws_vpc.this[0]", where=f"s3://states/network/{account}"),)
        if cloud == "google":
            vpc = self.emit(
                f"//compute.googleapis.com/projects/{account}/global/networks/main{self.token(4)}",
                "google_compute_network",
                account,
                "global",
                cloud,
                truth,
                {},
                state,
                (),
            )
            return self.networks.setdefault(place, (vpc, []))
        base = f"arn:aws:ec2:{region}:{account}"
        vpc = self.emit(f"{base}:vpc/vpc-{self.token(17)}", "aws_vpc", account, region, cloud, truth, tags, state, ())
        subnets = [
            self.emit(
                f"{base}:subnet/subnet-{self.token(17)}",
                "aws_subnet",
                account,
                region,
                cloud,
                truth,
                tags | {"Name": f"main-{tier}-{region}{zone}"} if tags else tags,
                state,
                (Relation("network", vpc),),
            )
            for tier in ("private", "public")
            for zone in "abc"
        ]
        self.platform_s(account, region, cloud)
        found = (vpc, subnets)
        if own is None:
            self.networks[place] = found
        return found

    def environment_of(self, account: str) -> str:
        """Of an account: an account for two of them counts as the one that it was made for."""
        for team in self.teams:
            for environment, where in team.accounts.items():
                if where == account:
                    return environment
        return "production"

    def platform_s(self, account: str, region: str, cloud: str) -> None:
        """What the platform and security teams have in everybody's account."""
        dice = self.dice
        environment = self.environment_of(account)
        for owner, service, type_, where in (
            ("security", "guardrails", "aws_iam_role", f"arn:aws:iam::{account}:role/guardrail-{self.token(4)}"),
            ("security", "audit-trail", "aws_s3_bucket", f"arn:aws:s3:::config-{account}-{region}"),
            (
                "platform",
                "log-shipping",
                "aws_lambda_function",
                f"arn:aws:lambda:{region}:{account}:function:log-forwarder-{self.token(3)}",
            ),
            ("observability", "metrics", "aws_sns_topic", f"arn:aws:sns:{region}:{account}:alarms-{self.token(3)}"),
        ):
            truth = {"owner": owner, "service": service, "environment": environment}
            set_ = "stack StackSet-baseline-" + dice.choice(("0a1b", "77fe"))
            managers = (Manager(tool="cloudformation-stackset", name=service, where=set_),)
            self.emit(where, type_, account, region, cloud, truth, self.tagged(truth, cloud, 0.6), managers, ())
        if dice.random() < 0.5:
            name = f"shared-{self.token(3)}"
            truth = {"owner": "platform", "service": "kubernetes", "environment": environment}
            cluster = self.emit(
                f"arn:aws:eks:{region}:{account}:cluster/{name}",
                "aws_eks_cluster",
                account,
                region,
                cloud,
                truth,
                self.tagged(truth, cloud, 0.9),
                (),
                (),
            )
            self.clusters[account, region] = cluster
            for _ in range(dice.randrange(2, 8)):
                self.emit(
                    f"arn:aws:ec2:{region}:{account}:instance/i-{self.token(17)}",
                    "aws_instance",
                    account,
                    region,
                    cloud,
                    truth,
                    self.tagged(truth, cloud, 0.8) | {"Name": f"{name}-ng-default"},
                    (Manager(tool="eks", name=f"EKS cluster {name}"),),
                    (Relation("cluster", cluster),),
                )

    def tagged(self, values: dict[str, str], cloud: str, share: float) -> dict[str, str]:
        if self.dice.random() > share:
            return {}
        return {(tag if cloud == "google" else tag.capitalize()): value for tag, value in values.items()}

    # Resources

    def part(self, block: _Block, dialect: int, home: _Team) -> None:
        dice = self.dice
        account, region = block.account, block.region
        role = dice.choice(("data", "assets", "events", "jobs", "dlq", "logs", "main", "cache", "export", "audit"))
        name = self.named(block, dialect, home, role)
        ec2 = f"arn:aws:ec2:{region}:{account}"
        if block.cloud == "google":
            self.google(block, name)
            return
        cluster = self.clusters.get((account, region))
        if block.tool == "kubernetes" and cluster is not None:
            claim = {"kubernetes.io/created-for/pvc/namespace": dice.choice((block.names, home.name, "default"))}
            managers = (Manager(tool="kubernetes", name="volume claim", where=f"cluster {cluster.rpartition('/')[2]}"),)
            self.add(
                block,
                f"{ec2}:volume/vol-{self.token(17)}",
                "aws_ebs_volume",
                {"Name": f"kubernetes-dynamic-pvc-{self.token(12)}", **claim},
                (Relation("cluster", cluster),),
                managers,
            )
            return
        match dice.choices(
            (
                "fleet",
                "instance",
                "bucket",
                "queue",
                "topic",
                "function",
                "database",
                "table",
                "balancer",
                "group",
                "role",
                "secret",
                "alarm",
                "repository",
                "ecs",
                "address",
            ),
            (7, 9, 8, 8, 4, 9, 5, 5, 4, 7, 7, 5, 6, 2, 3, 1),
        )[0]:
            case "fleet":
                asg = f"{name}-asg" if dice.random() < 0.5 else name
                group = self.add(
                    block,
                    f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{self.token(8)}:autoScalingGroupName/{asg}",
                    "aws_autoscaling_group",
                    {},
                    (),
                )
                for _ in range(dice.randrange(1, 7)):
                    self.instance(block, asg, (Relation("cluster", group),), {"aws:autoscaling:groupName": asg})
            case "instance":
                self.instance(block, name, (), {})
            case "bucket":
                self.add(block, f"arn:aws:s3:::{name}-{self.token(4)}", "aws_s3_bucket", {}, ())
            case "queue":
                self.add(block, f"arn:aws:sqs:{region}:{account}:{name}", "aws_sqs_queue", {}, ())
                if dice.random() < 0.4:
                    self.add(block, f"arn:aws:sqs:{region}:{account}:{name}-dlq", "aws_sqs_queue", {}, ())
            case "topic":
                self.add(block, f"arn:aws:sns:{region}:{account}:{name}", "aws_sns_topic", {}, ())
            case "function":
                related = (Relation("network", dice.choice(block.subnets)),) if dice.random() < 0.3 else ()
                function = self.add(
                    block, f"arn:aws:lambda:{region}:{account}:function:{name}", "aws_lambda_function", {}, related
                )
                tail = function.rpartition(":")[2]
                self.add(
                    block,
                    f"arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{tail}",
                    "aws_cloudwatch_log_group",
                    {},
                    (Relation("parent", function),),
                    (),
                )
            case "database":
                base = f"arn:aws:rds:{region}:{account}"
                database = self.add(
                    block, f"{base}:db:{name}", "aws_db_instance", {}, (Relation("network", block.vpc),)
                )
                for _ in range(dice.randrange(0, 4)):
                    self.add(
                        block,
                        f"{base}:snapshot:{name}-{self.token(6)}",
                        "aws_db_snapshot",
                        {},
                        (Relation("parent", database),),
                        (),
                    )
            case "table":
                self.add(block, f"arn:aws:dynamodb:{region}:{account}:table/{name}", "aws_dynamodb_table", {}, ())
            case "balancer":
                base = f"arn:aws:elasticloadbalancing:{region}:{account}"
                balancer = self.add(
                    block,
                    f"{base}:loadbalancer/app/{name[:32]}/{self.token(16)}",
                    "aws_lb",
                    {},
                    (Relation("network", block.vpc),),
                )
                self.add(
                    block,
                    f"{base}:targetgroup/{name[:32]}/{self.token(16)}",
                    "aws_lb_target_group",
                    {},
                    (Relation("parent", balancer), Relation("network", block.vpc)),
                )
            case "group":
                shown = {"Name": name} if dice.random() < 0.6 else {}
                self.add(
                    block,
                    f"{ec2}:security-group/sg-{self.token(17)}",
                    "aws_security_group",
                    shown,
                    (Relation("network", block.vpc),),
                )
            case "role":
                self.add(block, f"arn:aws:iam::{account}:role/{name}-role", "aws_iam_role", {}, ())
            case "secret":
                secret = f"{name.replace('-', '/', 1)}-{self.token(6)}"
                self.add(
                    block,
                    f"arn:aws:secretsmanager:{region}:{account}:secret:{secret}",
                    "aws_secretsmanager_secret",
                    {},
                    (),
                )
            case "alarm":
                self.add(
                    block,
                    f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}-{dice.choice(('cpu', '5xx', 'lag'))}",
                    "aws_cloudwatch_metric_alarm",
                    {},
                    (),
                )
            case "repository":
                self.add(block, f"arn:aws:ecr:{region}:{account}:repository/{name}", "aws_ecr_repository", {}, ())
            case "ecs":
                pool = dice.choice(("default", home.name, block.names))
                self.add(
                    block,
                    f"arn:aws:ecs:{region}:{account}:service/{pool}/{name}",
                    "aws_ecs_service",
                    {},
                    (Relation("cluster", f"arn:aws:ecs:{region}:{account}:cluster/{pool}"),),
                )
            case _:
                self.add(block, f"{ec2}:elastic-ip/eipalloc-{self.token(17)}", "aws_eip", {}, ())

    def instance(self, block: _Block, name: str, related: tuple[Relation, ...], shown: dict[str, str]) -> None:
        dice = self.dice
        ec2 = f"arn:aws:ec2:{block.region}:{block.account}"
        subnet = dice.choice(block.subnets)
        if dice.random() < 0.8:
            shown = shown | {"Name": name}
        network = (Relation("network", block.vpc), Relation("network", subnet))
        instance = self.add(block, f"{ec2}:instance/i-{self.token(17)}", "aws_instance", shown, (*related, *network))
        for _ in range(dice.choice((1, 1, 1, 2))):
            volume = self.add(
                block,
                f"{ec2}:volume/vol-{self.token(17)}",
                "aws_ebs_volume",
                {},
                (Relation("parent", instance),),
                () if related else None,
            )
            for _ in range(dice.choice((0, 0, 0, 1, 2))):
                self.add(
                    block,
                    f"{ec2}:snapshot/snap-{self.token(17)}",
                    "aws_ebs_snapshot",
                    {},
                    (Relation("parent", volume),),
                    (),
                )
        self.add(
            block,
            f"{ec2}:network-interface/eni-{self.token(17)}",
            "aws_network_interface",
            {},
            (Relation("parent", instance), *network),
            (),
        )

    def google(self, block: _Block, name: str) -> None:
        dice = self.dice
        project, zone = block.account, "europe-west1-b"
        compute = f"//compute.googleapis.com/projects/{project}/zones/{zone}"
        match dice.choice(("instance", "bucket", "topic", "sql", "function", "secret")):
            case "instance":
                instance = self.add(
                    block,
                    f"{compute}/instances/{name}-{self.token(3)}",
                    "google_compute_instance",
                    {},
                    (Relation("network", block.vpc),),
                )
                self.add(
                    block,
                    f"{compute}/disks/{instance.rpartition('/')[2]}",
                    "google_compute_disk",
                    {},
                    (Relation("parent", instance),),
                )
            case "bucket":
                self.add(block, f"//storage.googleapis.com/{name}-{self.token(4)}", "google_storage_bucket", {}, ())
            case "topic":
                self.add(
                    block, f"//pubsub.googleapis.com/projects/{project}/topics/{name}", "google_pubsub_topic", {}, ()
                )
            case "sql":
                self.add(
                    block,
                    f"//cloudsql.googleapis.com/projects/{project}/instances/{name}",
                    "google_sql_database_instance",
                    {},
                    (),
                )
            case "function":
                self.add(
                    block,
                    f"//cloudfunctions.googleapis.com/projects/{project}/locations/europe-west1/functions/{name}",
                    "google_cloudfunctions2_function",
                    {},
                    (),
                )
            case _:
                self.add(
                    block,
                    f"//secretmanager.googleapis.com/projects/{project}/secrets/{name}",
                    "google_secret_manager_secret",
                    {},
                    (),
                )

    def named(self, block: _Block, dialect: int, home: _Team, role: str) -> str:
        """A name as people or tools give it: teams have their ways."""
        dice = self.dice
        service, short = block.names, block.short
        if dice.random() < _LOST_NAME:
            service = dice.choice(self.services).name
        if dice.random() < 0.1:
            return dice.choice((f"terraform-{self.token(26)}", f"tf-{self.token(10)}", role, f"{role}-{self.token(6)}"))
        if block.tool == "cloudformation" and dice.random() < 0.5:
            stack = block.where.removeprefix("stack ")
            return f"{stack}-{role.capitalize()}{dice.choice(('Queue', 'Role', ''))}-{self.token(12).upper()}"
        match dialect:
            case 0:
                parts = [short, service, role]
            case 1:
                parts = [service, role, short]
            case 2:
                parts = ["acme", service, short]
            case 3:
                parts = [home.name, service, role]
            case 4:
                parts = [service.replace("-", ""), role, short]
            case _:
                parts = [home.former, short, role if dice.random() < 0.5 else service]
        return "-".join(filter(None, parts))

    def add(
        self,
        block: _Block,
        id_: str,
        type_: str,
        shown: dict[str, str],
        related: tuple[Relation, ...],
        managers: tuple[Manager, ...] | None = None,
    ) -> str:
        """A resource of a deployment, tagged as its author tags, or forgets to."""
        dice = self.dice
        truth = {"owner": block.service.team.name, "service": block.service.name, "environment": block.environment}
        tags = dict(shown)
        if dice.random() >= _UNASKED.get(type_, 0.0):
            slip = dice.random() < 0.04
            for tag, value in block.written.items():
                if not (slip or dice.random() < 0.02):
                    tags[block.keys[tag]] = self.typo(value) if dice.random() < _TYPO else value
            if not slip:
                tags |= block.also
        if block.tool == "cloudformation" and managers is None:
            tags["aws:cloudformation:stack-name"] = block.where.removeprefix("stack ")
        if managers is None:
            managers = ()
            if block.where:
                tool = "cloudformation" if block.tool == "cloudformation" else "terraform"
                address = ".".join(filter(None, (block.module, type_, dice.choice(("this", "main", "default")))))
                managers = (Manager(tool=tool, name=address if tool == "terraform" else "Resource", where=block.where),)
        found = self.emit(id_, type_, block.account, block.region, block.cloud, truth, tags, managers, related)
        block.members.append(len(self.made) - 1)
        return found

    def typo(self, value: str) -> str:
        at = self.dice.randrange(1, len(value))
        return value[:at] + value[at + 1 :]

    def emit(
        self,
        id_: str,
        type_: str,
        account: str,
        region: str,
        cloud: str,
        truth: dict[str, str],
        tags: dict[str, str],
        managers: tuple[Manager, ...],
        related: tuple[Relation, ...],
    ) -> str:
        while id_ in self.ids:
            id_ += self.dice.choice("0123456789")
        self.ids.add(id_)
        self.made.append(_Made(id_, type_, account, region, cloud, truth, tags, managers, related))
        return id_

    def token(self, length: int) -> str:
        return "".join(self.dice.choices("0123456789abcdef", k=length))

    # What shows of it

    def finish(self) -> Organisation:
        dice = self.dice
        if not self.setting.signal:
            self.deal()
        if self.setting.noise:
            self.blur()
        hidden = {}
        for index, tag in self.hiding():
            made = self.made[index]
            value = made.tags.pop(self.key(made, tag), None)
            if value is not None:
                hidden[made.id, tag] = value
        resources = [
            Resource(
                address=made.id,
                type=made.type,
                provider="registry.terraform.io/hashicorp/" + made.cloud,
                cloud="google" if made.cloud == "google" else "aws",
                id=made.id,
                account=made.account,
                region=made.region,
                surfaces=(
                    Surface(
                        "labels" if made.cloud == "google" else "tags",
                        TagSet({key: Tag(Known(text), "the resource") for key, text in sorted(made.tags.items())}),
                    ),
                ),
                managers=made.managers,
                related=tuple(sorted(made.related)),
            )
            for made in self.made
        ]
        dice.shuffle(resources)
        resources.sort(key=lambda resource: resource.address)
        return Organisation(tuple(resources), {made.id: made.truth for made in self.made}, hidden)

    @staticmethod
    def key(made: _Made, tag: str) -> str:
        return tag if made.cloud == "google" else tag.capitalize()

    def deal(self) -> None:
        """The tags of all are dealt out anew, each by itself: nothing that shows has to do with them any more."""
        for made in self.made:
            # Other keys that mean a tag would still say it.
            for key in [key for key in made.tags if key.casefold() in _MEANS and key.casefold() not in TAGS]:
                del made.tags[key]
        for tag in TAGS:
            everything = [(made.truth[tag], made.tags.pop(self.key(made, tag), None)) for made in self.made]
            self.dice.shuffle(everything)
            for made, (truth, value) in zip(self.made, everything, strict=True):
                made.truth = made.truth | {tag: truth}
                for key in [key for key in made.tags if key.casefold() == tag]:
                    del made.tags[key]
                if value is not None:
                    made.tags[self.key(made, tag)] = value

    def blur(self) -> None:
        dice = self.dice
        for tag in TAGS:
            values = [made.truth[tag] for made in self.made]
            for made in self.made:
                key = self.key(made, tag)
                if key in made.tags and dice.random() < self.setting.noise:
                    made.tags[key] = dice.choice(values)

    def hiding(self) -> Iterator[tuple[int, str]]:
        """The tags that are hidden: half of them in blocks, as whole deployments and whole groups go untagged, and
        half one by one, mostly all tags of a resource together."""
        dice, share = self.dice, self.setting.hidden
        there = {
            (index, tag) for index, made in enumerate(self.made) for tag in TAGS if self.key(made, tag) in made.tags
        }
        wanted = int(len(there) * share)
        taken: set[tuple[int, str]] = set()

        def take(indexes: Sequence[int], tags: Sequence[str], limit: int) -> Iterator[tuple[int, str]]:
            for index in indexes:
                for tag in tags:
                    if (index, tag) in there and (index, tag) not in taken and len(taken) < limit:
                        taken.add((index, tag))
                        yield index, tag

        if self.setting.how == "teams":
            sloppy = {team.name for team in dice.sample(self.teams, len(self.teams) // 3)}
            theirs = [index for index, made in enumerate(self.made) if made.truth["owner"] in sloppy]
            dice.shuffle(theirs)
            yield from take(theirs, TAGS, min(wanted, int(len(theirs) * 3 * 0.9)))
        else:
            blocks = [block.members for block in self.blocks]
            dice.shuffle(blocks)
            for members in blocks:
                if len(taken) >= wanted // 2:
                    break
                yield from take(members, TAGS if dice.random() < 0.6 else (dice.choice(TAGS),), wanted // 2)
        everything = list(range(len(self.made)))
        dice.shuffle(everything)
        for index in everything:
            yield from take((index,), TAGS if dice.random() < 0.6 else (dice.choice(TAGS),), wanted)


_MEANS = frozenset({*TAGS, "team", "owned-by", "app", "application", "env", "stage"})
