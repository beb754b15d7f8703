"""The same resource has the same verdict wherever there is evidence.

Real Terraform applies a configuration to a cloud on loopback, and what `check` says of the source, `gate` of the plan
and `scan` of what is live is held against each other and against a truth that was written by hand
(``parity/truth.yaml``).
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from costguard.model.resource import without_indexes
from tests.conftest import Terraform
from tests.servers import wire
from tests.servers.aws import HOME, AwsServer
from tests.servers.faults import Effect

pytestmark = pytest.mark.terraform

CONFIGURATION = Path(__file__).with_name("parity")
CHECKPOINTS = ("check", "gate", "gate --source", "scan")

REGIONS = ("us-east-1", "eu-west-1")

# Gaps that are moto's: it doesn't implement these calls.
GAPS = (
    "aws/*/*/aws_db_option_group/native",
    "aws/*/*/aws_ec2_capacity_reservation/native",
    "aws/*/*/aws_ec2_client_vpn_endpoint/native",
    "aws/*/*/aws_elasticache_parameter_group/native",
    "aws/*/*/aws_elasticache_serverless_cache/native",
    "aws/*/global/aws_iam_instance_profile/tags",
)

# What launches instances, as they name it: the address that it has.
LAUNCHED = {"Auto Scaling group web": "aws_autoscaling_group.web"}

TAGS = (
    "owner",
    "service",
    "environment",
    "cost-center",
    "expires-on",
    "data-classification",
    "component",
    "db-password",
)

Verdicts = Mapping[str, str]
"""Tag (or key, where a rule is about that) → verdict, for whatever is not compliant."""


class Created(msgspec.Struct, frozen=True):
    """What a resource creates: the surface that says its tags, the type of what is then live, and its verdicts."""

    surface: str
    live: str
    verdicts: dict[str, str]


class Truth(msgspec.Struct, frozen=True, rename="kebab"):
    """What ``truth.yaml`` says; its comments say what each part is."""

    resources: dict[str, dict[str, str]]
    untaggable: set[str]
    exempt: dict[str, set[str]]
    created: dict[str, Created]
    undecided: dict[str, dict[str, set[str]]]
    moto: dict[str, str]
    not_listed: dict[str, str]

    def expected(self, checkpoint: str, address: str) -> Verdicts:
        """What has to be said of the resource itself: the truth, but for what can't be decided there."""
        open_ = self.undecided.get(checkpoint, {}).get(address, set())
        return self._charged(address, {**self.resources[address], **dict.fromkeys(open_, "unknown")})

    def expected_of_created(self, address: str) -> Verdicts:
        return self._charged(address, self.created[address].verdicts)

    def _charged(self, address: str, verdicts: Verdicts) -> Verdicts:
        covered = self.exempt.get(address, set())
        return {tag: verdict for tag, verdict in verdicts.items() if tag not in covered}

    def status(self, checkpoint: str, address: str) -> str:
        """What the resource as a whole is. In the source and the plan that is together with what it creates."""
        together = checkpoint != "scan" and address in self.created
        said = {*self.expected(checkpoint, address).values()}
        said |= {*self.expected_of_created(address).values()} if together else set()
        if said:
            return "unknown" if said == {"unknown"} else "violating"
        true = {**self.resources[address], **(self.created[address].verdicts if together else {})}
        return "exempt" if true else "compliant"


class Opinion(msgspec.Struct, frozen=True):
    """What one checkpoint says, by address: of each resource, of what it creates, and its status."""

    exit: int
    verdicts: dict[str, dict[str, str]]
    created: dict[str, dict[str, str]]
    statuses: dict[str, str]
    report: dict[str, Any]


def truth() -> Truth:
    document = yaml.safe_load((CONFIGURATION / "truth.yaml").read_text("utf-8"))
    return msgspec.convert(document, Truth)


TRUTH = truth()


class World(msgspec.Struct, frozen=True):
    """A configuration that was planned and applied, and the programs that look at it."""

    folder: Path
    environment: Mapping[str, str]

    def costguard(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        policies = ("--policy", "baseline", "--policy", str(CONFIGURATION / "strict.yaml"))
        done = subprocess.run(
            [sys.executable, "-m", "costguard", *arguments, *policies, "--format", "json", "--show-compliant"],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1, 3), done.stderr
        return done.returncode, json.loads(done.stdout)


def mend(server: AwsServer) -> None:
    """Answers what moto can't, and the provider needs."""
    for operation, output in (
        ("ValidateStateMachineDefinition", {"result": "OK", "diagnostics": []}),
        ("ListStateMachineVersions", {"stateMachineVersions": []}),
    ):
        server.fault(
            Effect(name="mended", answer=lambda call, output=output: wire.render(call, output)),  # type: ignore[misc]
            service="stepfunctions",
            operation=operation,
        )


def made_by_hand(server: AwsServer) -> str:
    """What is there before Terraform takes it over; returns the balancer's ARN."""
    theirs = [{"Key": "Owner", "Value": "somebody"}, {"Key": "expires-on", "Value": "2027-01-01"}]
    subnets = server.client("ec2", "eu-west-1").describe_subnets()["Subnets"]
    made = server.client("elbv2", "eu-west-1").create_load_balancer(
        Name="web", Scheme="internal", Subnets=[subnet["SubnetId"] for subnet in subnets], Tags=theirs
    )
    server.client("rds", "eu-west-1").create_db_instance(
        DBInstanceIdentifier="legacy",
        Engine="mysql",
        EngineVersion="8.0.32",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=10,
        MasterUsername="legacy",
        MasterUserPassword="not-a-secret",
        Tags=theirs,
    )
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


@pytest.fixture(scope="module")
def opinions(
    terraform: Terraform, aws_server: AwsServer, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Opinion]:
    """All that is said, by checkpoint. The plan and the source are judged while Terraform applies."""
    aws_server.reset()
    mend(aws_server)
    balancer = made_by_hand(aws_server)
    folder = tmp_path_factory.mktemp("parity")
    shutil.copytree(CONFIGURATION, folder / "live")
    inherited = {name: value for name, value in terraform.environment.items() if not name.startswith(("AWS_", "TF_"))}
    environment = {**inherited, **aws_server.environment(region="eu-west-1"), "AWS_MAX_ATTEMPTS": "2"}
    world = World(folder, environment)
    program = msgspec.structs.replace(terraform, environment=environment)
    live = folder / "live"
    program.init(live)
    program.run(
        live,
        "plan",
        "-input=false",
        "-no-color",
        "-lock=false",
        "-var=team=edge",
        f"-var=balancer={balancer}",
        "-out=tfplan",
    )
    applying = subprocess.Popen(
        [program.program, "apply", "-input=false", "-no-color", "-parallelism=30", "tfplan"],
        cwd=live,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        (folder / "plan.json").write_text(program.run(live, "show", "-json", "tfplan"), "utf-8")
        said = {
            "check": written(*world.costguard("check", "live")),
            "gate": written(*world.costguard("gate", "plan.json")),
            "gate --source": written(*world.costguard("gate", "plan.json", "--source", "live")),
        }
        _, errors = applying.communicate(timeout=180)
        assert applying.returncode == 0, errors
    finally:
        applying.kill()
    aws_server.explorer.enable(HOME, *REGIONS, aggregator=REGIONS[0])
    aws_server.mirror(*REGIONS)
    allowed = [f"--allow-gap={gap}" for gap in GAPS]
    scan = ("scan", "--cloud", "aws", "--account", "current", "--state", "live/terraform.tfstate")
    said["scan"] = living(*world.costguard(*scan, *allowed))
    return said


def written(exit_: int, report: dict[str, Any]) -> Opinion:
    """A report on the source or on the plan. The source has one finding for all instances of a block."""
    blocks = {one["address"]: one["status"] for one in report["resources"]}
    verdicts: dict[str, dict[str, str]] = {}
    created: dict[str, dict[str, str]] = {}
    for finding in report["findings"]:
        addresses = [finding["resource"]["address"], *finding["also"]]
        assert len(addresses) == finding["instances"]
        for address in addresses:
            group = verdicts if finding["surface"] in ("tags", "tag") else created
            group.setdefault(address, {})[finding["tag"] or finding["key"]] = finding["verdict"]
    return Opinion(exit_, verdicts, created, blocks, report)


def living(exit_: int, report: dict[str, Any]) -> Opinion:
    """A report on what is live, by the addresses that things have in the state."""
    itself: dict[str, str] = {}
    made: dict[str, str] = {}
    statuses: dict[str, str] = {}
    for one in report["resources"]:
        for manager in one["managed_by"]:
            address = LAUNCHED.get(manager["name"], manager["name"])
            if manager["tool"] == "terraform" and without_indexes(address).split(".")[-2] == one["type"]:
                assert address not in statuses, f"{address} is there twice"
                itself[one["address"]] = address
                statuses[address] = one["status"]
            elif address in TRUTH.created and TRUTH.created[address].live == one["type"]:
                made[one["address"]] = address
    verdicts: dict[str, dict[str, str]] = {}
    created: dict[str, dict[str, str]] = {address: {} for address in made.values()}
    for finding in report["findings"]:
        id_ = finding["resource"]["address"]
        for group, names in ((verdicts, itself), (created, made)):
            if id_ in names:
                group.setdefault(names[id_], {})[finding["tag"] or finding["key"]] = finding["verdict"]
    return Opinion(exit_, verdicts, created, statuses, report)


def addresses(checkpoint: str) -> list[str]:
    """The resources that a checkpoint sees."""
    return [one for one in TRUTH.resources if checkpoint != "scan" or one not in TRUTH.not_listed]


def block(address: str) -> str:
    """Its block in the source, which all calls of a module share."""
    return without_indexes(address).replace("module.american.", "module.service.")


def test_the_configuration_is_worth_the_name() -> None:
    types = {without_indexes(address).split(".")[-2] for address in TRUTH.resources}
    assert len(TRUTH.resources) >= 70
    assert len(types) >= 50
    verdicts = {verdict for stated in TRUTH.resources.values() for verdict in stated.values()}
    assert verdicts == {"missing", "empty", "invalid", "misspelled", "forbidden"}


def test_all_that_terraform_manages_is_found_live_under_its_address(opinions: Mapping[str, Opinion]) -> None:
    assert sorted(opinions["scan"].statuses) == sorted(addresses("scan"))


@pytest.mark.parametrize("checkpoint", ["gate", "gate --source"])
def test_the_plan_has_the_resources_of_the_truth(opinions: Mapping[str, Opinion], checkpoint: str) -> None:
    assert sorted(opinions[checkpoint].statuses) == sorted({*TRUTH.resources, *TRUTH.untaggable})


def test_the_source_has_the_blocks_of_the_truth(opinions: Mapping[str, Opinion]) -> None:
    blocks = {block(address) for address in (*TRUTH.resources, *TRUTH.untaggable)}
    assert {block(address) for address in opinions["check"].statuses} == blocks


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_every_verdict_is_true_or_undecided_for_a_reason(opinions: Mapping[str, Opinion], checkpoint: str) -> None:
    said = opinions[checkpoint].verdicts
    seen = [one for one in addresses(checkpoint) if checkpoint != "scan" or one not in TRUTH.moto]
    assert {one: said.get(one, {}) for one in seen} == {one: TRUTH.expected(checkpoint, one) for one in seen}


def test_no_two_checkpoints_contradict_each_other(opinions: Mapping[str, Opinion]) -> None:
    """The promise itself, without the truth: of every resource and tag, those that decide say the same."""
    contradictions = []
    decided = 0
    for address in addresses("scan"):
        said = {name: opinion.verdicts.get(address, {}) for name, opinion in opinions.items()}
        if address in TRUTH.moto:
            del said["scan"]
        for tag in TAGS:
            answers = {name: verdicts.get(tag, "compliant") for name, verdicts in said.items()}
            certain = {name: answer for name, answer in answers.items() if answer != "unknown"}
            decided += len(certain) > 1
            if len(set(certain.values())) > 1:
                contradictions.append(f"{address} {tag}: {certain}")
    assert contradictions == []
    assert decided >= len(TRUTH.resources) * len(TAGS) * 0.95


def test_moto_is_excused_only_where_it_still_is_wrong(opinions: Mapping[str, Opinion]) -> None:
    said = opinions["scan"].verdicts
    assert [one for one in TRUTH.moto if said.get(one, {}) == TRUTH.expected("scan", one)] == []


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_what_a_resource_creates_is_judged_alike(opinions: Mapping[str, Opinion], checkpoint: str) -> None:
    created = opinions[checkpoint].created
    assert {one: created.get(one, {}) for one in {*TRUTH.created, *created}} == {
        one: TRUTH.expected_of_created(one) for one in TRUTH.created
    }
    if checkpoint == "scan":
        assert created.keys() == TRUTH.created.keys()


@pytest.mark.parametrize("checkpoint", ["gate", "gate --source", "scan"])
def test_statuses_agree(opinions: Mapping[str, Opinion], checkpoint: str) -> None:
    seen = [one for one in addresses(checkpoint) if checkpoint != "scan" or one not in TRUTH.moto]
    said = opinions[checkpoint].statuses
    assert {one: said[one] for one in seen} == {one: TRUTH.status(checkpoint, one) for one in seen}


def test_the_status_of_a_block_is_the_worst_of_its_instances(opinions: Mapping[str, Opinion]) -> None:
    worst: dict[str, str] = {}
    for address in sorted(TRUTH.resources):
        status = TRUTH.status("check", address)
        ranks = ("compliant", "exempt", "unknown", "violating")
        worst[block(address)] = max(worst.get(block(address), "compliant"), status, key=ranks.index)
    said = {block(address): status for address, status in opinions["check"].statuses.items()}
    assert said == {**worst, **dict.fromkeys(TRUTH.untaggable, "untaggable")}


def test_nothing_else_is_claimed_and_nothing_unread(opinions: Mapping[str, Opinion]) -> None:
    """What is in the account without Terraform (a default VPC, for one) has no address; every gap is one of moto's."""
    scan = opinions["scan"]
    claimed = {
        manager["name"]
        for one in scan.report["resources"]
        for manager in one["managed_by"]
        if manager["where"] == "live"
    }
    assert claimed == {*addresses("scan")}
    assert scan.report["gaps"] == []
    assert {name: opinion.exit for name, opinion in opinions.items()} == dict.fromkeys(CHECKPOINTS, 1)
