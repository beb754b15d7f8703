"""An organisation in the cloud of the tests: three accounts, two regions, and in each something that was never tagged.

Small enough to be made once and scanned a hundred times, and so laid out that each source alone shows something: the
services (queues, whose tags are asked for one by one), the tagging API, Resource Explorer (repositories, which no
native listing asks for). And each has pages: of secrets there are more than two hundred, of repositories 1,200.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from costguard.cli.main import outcome
from tests.servers.aws import HOME, Account, AwsServer, Role
from tests.servers.indexed import Item

MAIN: Final = HOME
SHOP: Final = "111122223333"
LABS: Final = "444455556666"
ACCOUNTS: Final = (MAIN, SHOP, LABS)
EAST, WEST = "us-east-1", "eu-west-1"
OTHER_REGION: Final = "ap-east-1"  # No account has enabled it.
EXTERNAL_ID: Final = "tag-audit-7"
ROLE: Final = "CostguardReader"
OWNER: Final = {"owner": "payments"}
SECRETS: Final = 230
REPOSITORIES: Final = 1_200

TYPES: Final = (
    "aws_instance",
    "aws_sqs_queue",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_codecommit_repository",
)


class Made(msgspec.Struct, frozen=True):
    """A resource of the organisation, and whether it has the one tag that the policy asks for."""

    arn: str
    type: str
    account: str
    region: str
    tagged: bool


class Organisation:
    """What was made, and the cloud that it is in."""

    def __init__(self, aws: AwsServer) -> None:
        self.aws = aws
        self.made: list[Made] = []
        aws.reset()
        for account in ACCOUNTS:
            for region in (EAST, WEST):
                self._instances(account, region)
                self._queues(account, region)
            self._buckets(account)
        self._secrets(SHOP, EAST)
        aws.mirror(EAST, WEST, account=SHOP)
        self._repositories(SHOP)
        self._indexed = list(aws.explorer.items)
        self.calm()

    def calm(self) -> None:
        """Takes back all that a test may have set, but for the resources."""
        aws = self.aws
        aws.requests.clear()
        aws.refused.clear()
        aws.faults.clear()
        aws.allow = None
        aws.quotas = ()
        aws.regions = {EAST: "opt-in-not-required", WEST: "opt-in-not-required", OTHER_REGION: "not-opted-in"}
        aws.regions_of = {}
        aws.accounts = [Account(MAIN, "main"), Account(SHOP, "shop"), Account(LABS, "labs")]
        aws.roles = {role_arn(account): Role(EXTERNAL_ID) for account in (SHOP, LABS)}
        aws.explorer.items[:] = self._indexed
        aws.explorer.indexes.clear()
        aws.explorer.views.clear()
        aws.explorer.defaults.clear()
        aws.explorer.enable(SHOP, WEST, aggregator=EAST)

    def pick(
        self,
        *,
        account: str | None = None,
        region: str | None = None,
        type: str = "",  # noqa: A002 - the word of the reports.
        tagged: bool | None = None,
    ) -> frozenset[str]:
        """The ids of what fits."""
        return frozenset(
            made.arn
            for made in self.made
            if account in (None, made.account)
            and region in (None, made.region)
            and type in ("", made.type)
            and tagged in (None, made.tagged)
        )

    def environment(self) -> dict[str, str]:
        """The caller's: the management account's, with one retry."""
        return {**self.aws.environment(MAIN), "AWS_MAX_ATTEMPTS": "2"}

    def _keep(self, type_: str, account: str, region: str, pairs: Iterable[tuple[str, bool]]) -> None:
        self.made += [Made(arn, type_, account, region, tagged) for arn, tagged in pairs]

    def _instances(self, account: str, region: str) -> None:
        ec2 = self.aws.client("ec2", region, account)
        made = []
        for tagged in (False, True):
            tags = [{"ResourceType": "instance", "Tags": _pairs(OWNER)}] if tagged else []
            answer = ec2.run_instances(
                ImageId="ami-12c6146b", InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=tags
            )
            id_ = answer["Instances"][0]["InstanceId"]
            made.append((f"arn:aws:ec2:{region}:{account}:instance/{id_}", tagged))
        self._keep("aws_instance", account, region, made)

    def _queues(self, account: str, region: str) -> None:
        sqs = self.aws.client("sqs", region, account)
        sqs.create_queue(QueueName="bare")
        sqs.create_queue(QueueName="kept", tags=OWNER)
        arn = f"arn:aws:sqs:{region}:{account}:"
        self._keep("aws_sqs_queue", account, region, [(f"{arn}bare", False), (f"{arn}kept", True)])

    def _buckets(self, account: str) -> None:
        s3 = self.aws.client("s3", EAST, account)
        s3.create_bucket(Bucket=f"bare-{account}", CreateBucketConfiguration={"LocationConstraint": WEST})
        s3.create_bucket(Bucket=f"kept-{account}")
        s3.put_bucket_tagging(Bucket=f"kept-{account}", Tagging={"TagSet": _pairs(OWNER)})
        self._keep("aws_s3_bucket", account, WEST, [(f"arn:aws:s3:::bare-{account}", False)])
        self._keep("aws_s3_bucket", account, EAST, [(f"arn:aws:s3:::kept-{account}", True)])

    def _secrets(self, account: str, region: str) -> None:
        manager = self.aws.client("secretsmanager", region, account)
        for number in range(SECRETS):
            answer = manager.create_secret(Name=f"secret-{number:03d}", SecretString="-", Tags=_pairs(OWNER))
            self._keep("aws_secretsmanager_secret", account, region, [(answer["ARN"], True)])

    def _repositories(self, account: str) -> None:
        """Half of them here, half of them there; every tenth without a tag."""
        for number in range(REPOSITORIES):
            region, tagged = (EAST, WEST)[number % 2], number % 10 > 0
            arn = f"arn:aws:codecommit:{region}:{account}:repository-{number:04d}"
            self.aws.seed(
                Item(
                    arn=arn,
                    type="codecommit:repository",
                    account=account,
                    region=region,
                    tags=OWNER if tagged else {},
                )
            )
            self._keep("aws_codecommit_repository", account, region, [(arn, tagged)])


def role_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:role/{ROLE}"


def policy() -> str:
    """One that asks for an owner and nothing else."""
    return "version: 1\nname: owners\ntags:\n  owner: {}\n"


def config(**aws: object) -> str:
    """A costguard.yaml for the organisation, with more or other settings for AWS."""
    settings = {"accounts": "organization", "role": ROLE, "external-id": EXTERNAL_ID, **aws}
    document = {"version": 1, "policies": ["policy.yaml"], "inventory": {"aws": settings}}
    return json.dumps(document)


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class Scanned(msgspec.Struct, frozen=True):
    """How a scan ended."""

    code: int
    report: Mapping[str, Any]

    @property
    def gaps(self) -> dict[str, str]:
        return {gap["where"]: gap["why"] for gap in self.report["gaps"]}

    @property
    def statuses(self) -> dict[str, str]:
        return {resource["address"]: resource["status"] for resource in self.report["resources"]}

    @property
    def verdicts(self) -> dict[str, str]:
        return {finding["resource"]["address"]: finding["verdict"] for finding in self.report["findings"]}

    def cell(self, where: str) -> tuple[str, int]:
        """What the ledger says of a place: the outcome and the count."""
        (found,) = (
            (cell["outcome"], cell["count"])
            for cell in self.report["coverage"]
            if "/".join((cell["cloud"], cell["account"], cell["region"], cell["type"], cell["source"])) == where
        )
        return found


class Scan:
    """Scans the organisation in this process, as the command does it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *arguments: str, types: tuple[str, ...] = TYPES, **aws: object) -> Scanned:
        (self._folder / "policy.yaml").write_text(policy())
        (self._folder / "costguard.yaml").write_text(config(**aws))
        named = [argument for name in types for argument in ("--type", name)]
        code = outcome(["scan", "--format", "json", "--output", "report.json", "--show-compliant", *named, *arguments])
        return Scanned(code, json.loads((self._folder / "report.json").read_text()))
