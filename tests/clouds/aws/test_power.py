"""Stopping and terminating on AWS, against moto: what is done, once, and all that is left as it is."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from costguard.clouds.aws.api import Access, Aws
from costguard.clouds.aws.calls import permitted, permitted_to_write
from costguard.clouds.aws.power import READS, TOKEN, WRITES, AwsPower, power_policy_document
from costguard.clouds.pace import Pacer, sending_while
from costguard.clouds.writing import Answer, Power, Target
from costguard.config.ladder import STOPPED, TERMINATED
from tests.servers import faults, wire
from tests.servers.aws import HOME, AwsServer
from tests.servers.http1 import Response
from tests.servers.wire import Call

EAST = "us-east-1"
CHANGES = {call.operation for call in WRITES}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def opened(*, writes: bool = False, powers: bool = False) -> Callable[[str], Access]:
    """The way into any account, as whoever the environment says."""
    clock = Clock()
    return Aws(Pacer(clock, clock.sleep), writes=writes, powers=powers).own


@pytest.fixture
def aws(aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    """The cloud without faults and records. What tests made before is still there: to forget it takes moto longer than
    all else here, and each test asks of its own."""
    for name, value in aws_server.environment().items():
        monkeypatch.setenv(name, value)
    aws_server.faults.clear()
    aws_server.requests.clear()
    aws_server.refused.clear()
    aws_server.allow = None
    return aws_server


@pytest.fixture(scope="module")
def way_in(aws_server: AwsServer) -> Callable[[str], Access]:
    """One session with powers for all tests, for its clients take longer to make than a test to run."""
    # What the tests before it ordered is still in force.
    aws_server.reset()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in aws_server.environment().items():
            environment.setenv(name, value)
        access = opened(powers=True)(HOME)
        access.identify()
    return lambda _: access


@pytest.fixture
def power(aws: AwsServer, way_in: Callable[[str], Access]) -> AwsPower:  # noqa: ARG001 - it is emptied.
    clock = Clock()
    return AwsPower(way_in, clock=clock, sleep=clock.sleep)


def target(type_: str, resource: str, service: str = "ec2", region: str = EAST, account: str = HOME) -> Target:
    return Target(f"arn:aws:{service}:{region}:{account}:{resource}", type_, "aws", account, region)


class World:
    """What the tests make at moto, and how it stands there now."""

    def __init__(self, aws: AwsServer) -> None:
        self.ec2: Any = aws.client("ec2")
        self.rds: Any = aws.client("rds")

    def instance(self, *, stopped: bool = False, **more: Any) -> Target:
        image = "ami-12c6146b"  # moto's own
        # The type that moto gives otherwise has an instance store.
        given = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **more}
        made = self.ec2.run_instances(**given)["Instances"][0]["InstanceId"]
        if stopped:
            self.ec2.stop_instances(InstanceIds=[made])
        return target("aws_instance", f"instance/{made}")

    def volume(self, **more: Any) -> Target:
        made = self.ec2.create_volume(AvailabilityZone=f"{EAST}a", Size=1, **more)["VolumeId"]
        return target("aws_ebs_volume", f"volume/{made}")

    def address(self) -> Target:
        made = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        return target("aws_eip", f"elastic-ip/{made}")

    def database(self, **more: Any) -> Target:
        name = f"orders-{len(self.rds.describe_db_instances()['DBInstances'])}"
        given = {"DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20, **more}
        self.rds.create_db_instance(
            DBInstanceIdentifier=name, MasterUsername="root", MasterUserPassword="not-a-secret", **given
        )
        return target("aws_db_instance", f"db:{name}", "rds")

    def attach(self, volume: Target, instance: Target) -> None:
        self.ec2.attach_volume(VolumeId=_id(volume), InstanceId=_id(instance), Device="/dev/sdf")

    def word(self, one: Target) -> str:
        """What AWS calls the state of an instance."""
        [found] = self.ec2.describe_instances(InstanceIds=[_id(one)])["Reservations"][0]["Instances"]
        return str(found["State"]["Name"])

    def volumes(self, *of: Target) -> set[str]:
        """The volumes that are there; of these instances, where some are given."""
        attached = [{"Name": "attachment.instance-id", "Values": [_id(one) for one in of]}] if of else []
        return {one["VolumeId"] for one in self.ec2.describe_volumes(Filters=attached)["Volumes"]}

    def snapshots(self, of: Target) -> list[dict[str, Any]]:
        """The snapshots that were taken for it."""
        mark = {"Name": "tag:costguard:snapshot-of", "Values": [of.id]}
        found: list[dict[str, Any]] = self.ec2.describe_snapshots(OwnerIds=["self"], Filters=[mark])["Snapshots"]
        return found


@pytest.fixture(scope="module")
def hands(aws_server: AwsServer) -> Iterator[World]:
    aws_server.reset()
    yield World(aws_server)
    aws_server.reset()


@pytest.fixture
def world(aws: AwsServer, hands: World) -> World:  # noqa: ARG001 - it is emptied.
    return hands


def _id(one: Target) -> str:
    return one.id.rpartition("/")[2] if "/" in one.id else one.id.rpartition(":")[2]


def token(one: Target) -> str:
    """One that no other test uses."""
    return f"run-1-{_id(one)}"


def sent(aws: AwsServer, *operations: str) -> list[str]:
    """The changing calls that costguard sent, of the operations or all; the test's own hands make none of these."""
    return [one.operation for one in aws.calls() if one.operation in (operations or CHANGES)]


# ------------------------------------------------------------------ looking


def test_it_is_a_power_for_the_types_of_the_list_alone(power: AwsPower) -> None:
    protocol: Power = power
    assert protocol.types == {"aws_instance", "aws_ebs_volume", "aws_eip", "aws_db_instance"}
    assert protocol.types == STOPPED | TERMINATED


def test_what_is_there_is_there(power: AwsPower, world: World) -> None:
    for one in (world.instance(), world.volume(), world.address(), world.database()):
        assert power.state(one) == "there", one.type


@pytest.mark.parametrize(
    ("type_", "resource", "service"),
    [
        ("aws_instance", "instance/i-0123456789abcdef0", "ec2"),
        ("aws_ebs_volume", "volume/vol-0123456789abcdef0", "ec2"),
        ("aws_eip", "elastic-ip/eipalloc-0123456789abcdef0", "ec2"),
        ("aws_db_instance", "db:nothing", "rds"),
    ],
)
def test_what_is_not_there_is_gone_and_nothing_is_sent(
    aws: AwsServer, power: AwsPower, type_: str, resource: str, service: str
) -> None:
    one = target(type_, resource, service)
    assert power.state(one) == "gone"
    if type_ in STOPPED:
        assert power.stop(one).how == "gone"
    if type_ in TERMINATED:
        assert power.terminate(one).how == "done"
    assert sent(aws) == []


def test_what_is_stopped_or_attached_says_so(power: AwsPower, world: World) -> None:
    stopped, running = world.instance(stopped=True), world.instance()
    volume, address = world.volume(), world.address()
    world.attach(volume, running)
    world.ec2.associate_address(AllocationId=_id(address), InstanceId=_id(running))
    assert [power.state(one) for one in (stopped, volume, address)] == ["stopped", "busy", "busy"]


@pytest.mark.parametrize(
    "one",
    [
        target("aws_instance", "volume/vol-0123456789abcdef0"),
        target("aws_instance", "instance/i-1 or 1=1"),
        target("aws_s3_bucket", "instance/i-0123456789abcdef0"),
        target("aws_db_instance", "cluster:orders", "rds"),
        Target("i-0123456789abcdef0", "aws_instance", "aws", HOME, EAST),
        Target(f"arn:aws:ec2:eu-west-1:{HOME}:instance/i-1", "aws_instance", "aws", HOME, EAST),
        Target(f"arn:aws:ec2:{EAST}:999999999999:instance/i-1", "aws_instance", "aws", HOME, EAST),
        Target("//compute.googleapis.com/projects/p/zones/z/instances/i", "aws_instance", "google", "p", "z"),
    ],
)
def test_what_is_not_exactly_what_it_says_is_not_asked_for(aws: AwsServer, power: AwsPower, one: Target) -> None:
    assert power.state(one) not in ("there", "stopped", "gone", "busy")
    assert [power.stop(one).how, power.terminate(one).how, power.snapshot(one, "t").how] == ["refused"] * 3
    assert aws.calls("ec2") + aws.calls("rds") == []


def test_credentials_of_another_account_touch_nothing(aws: AwsServer, world: World) -> None:
    one = world.instance()
    made = Aws(Pacer(), powers=True)
    power = AwsPower(lambda _: made.own(HOME))
    other = target("aws_instance", f"instance/{_id(one)}", account="999999999999")
    assert power.state(other) == (
        f"it can't be read, so nothing is done: the credentials for 999999999999 are those of {HOME}"
    )
    assert power.stop(other).how == "again"
    assert sent(aws) == []


# ------------------------------------------------------------------ stopping


def test_an_instance_is_stopped_once(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.instance()
    first, second = power.stop(one), power.stop(one)
    assert (first.how, first.by) == ("done", "ec2:StopInstances")
    assert (second.how, second.why) == ("done", "it was stopped already")
    assert world.word(one) == "stopped"
    assert sent(aws) == ["StopInstances"]
    assert power.state(one) == "stopped"


def test_a_database_is_stopped_once_and_never_terminated(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.database()
    assert [power.stop(one).how, power.stop(one).how] == ["done", "done"]
    [found] = world.rds.describe_db_instances(DBInstanceIdentifier=_id(one))["DBInstances"]
    assert found["DBInstanceStatus"] == "stopped"
    assert power.terminate(one).how == "refused"
    assert power.snapshot(one, "t").how == "refused"
    assert sent(aws) == ["StopDBInstance"]


def test_what_cannot_be_stopped_is_not(aws: AwsServer, power: AwsPower, world: World) -> None:
    assert [power.stop(one).how for one in (world.volume(), world.address())] == ["refused", "refused"]
    assert sent(aws) == []


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"DisableApiStop": True}, "stop protection is switched on"),
        ({}, "termination protection is switched on"),
        ({"InstanceMarketOptions": {"MarketType": "spot"}}, "it is a spot instance"),
    ],
)
def test_a_protected_instance_is_left_alone(
    aws: AwsServer, power: AwsPower, world: World, given: dict[str, Any], what: str
) -> None:
    one = world.instance(**given)
    if not given:  # moto takes this one only afterwards.
        world.ec2.modify_instance_attribute(InstanceId=_id(one), DisableApiTermination={"Value": True})
    for answer in (power.stop(one), power.terminate(one), power.snapshot(one, "t")):
        assert (answer.how, what in answer.why) == ("refused", True)
    assert world.word(one) == "running"
    assert sent(aws) == []


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"DeletionProtection": True}, "deletion protection"),
        ({"Engine": "sqlserver-se", "MultiAZ": True, "LicenseModel": "license-included"}, "SQL Server"),
    ],
)
def test_a_database_that_somebody_wants_to_keep_is_left_alone(
    aws: AwsServer, power: AwsPower, world: World, given: dict[str, Any], what: str
) -> None:
    answer = power.stop(world.database(**given))
    assert (answer.how, what in answer.why) == ("refused", True)
    assert sent(aws) == []


def test_a_database_with_a_replica_and_the_replica_are_left_alone(
    aws: AwsServer, power: AwsPower, world: World
) -> None:
    one = world.database()
    world.rds.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier=_id(one))
    for each in (one, target("aws_db_instance", "db:copy", "rds")):
        answer = power.stop(each)
        assert (answer.how, "replica" in answer.why) == ("refused", True)
    assert sent(aws) == []


@pytest.mark.parametrize(
    "key",
    [
        "aws:autoscaling:groupName",
        "aws:ec2:fleet-id",
        "aws:ec2spot:fleet-request-id",
        "aws:cloudformation:stack-name",
        "eks:nodegroup-name",
    ],
)
def test_what_a_group_a_fleet_or_a_stack_keeps_is_busy(aws: AwsServer, power: AwsPower, world: World, key: str) -> None:
    one = world.instance()
    described = world.ec2.describe_instances(InstanceIds=[_id(one)])
    described["Reservations"][0]["Instances"][0]["Tags"] = [{"Key": key, "Value": "web"}]
    shown(aws, "DescribeInstances", {"Reservations": described["Reservations"]})
    assert power.state(one) == "busy"
    answer = power.stop(one)
    assert (answer.how, "manages it (" in answer.why) == ("conflict", True)
    assert power.terminate(one).how == "conflict"
    assert sent(aws) == []


def shown(aws: AwsServer, operation: str, answer: dict[str, Any]) -> None:
    """The service answers with this."""
    aws.fault(
        faults.Effect(name="shown", answer=lambda call: wire.render(call, answer)), service="*", operation=operation
    )


def an_instance(**more: Any) -> dict[str, Any]:
    item = {
        "InstanceId": "i-0123456789abcdef0",
        "InstanceType": "t3.micro",
        "State": {"Name": "running"},
        "RootDeviceType": "ebs",
        **more,
    }
    return {"Reservations": [{"OwnerId": HOME, "Instances": [item]}]}


@pytest.mark.parametrize(
    ("answer", "state", "how"),
    [
        (an_instance(State={"Name": "pending"}), "busy", "conflict"),
        (an_instance(State={"Name": "stopping"}), "stopped", "done"),
        (an_instance(State={"Name": "shutting-down"}), "gone", "gone"),
        (an_instance(State={"Name": "something new"}), "busy", "conflict"),
        (an_instance(Operator={"Managed": True, "Principal": "eks"}), "busy", "conflict"),
        ({"Reservations": []}, "gone", "gone"),
        (an_instance(State={}), "it can't be read", "again"),
        ({"Reservations": [{"OwnerId": "999999999999", "Instances": []}]}, "it can't be read", "again"),
        ({"Reservations": an_instance()["Reservations"] * 2}, "it can't be read", "again"),
    ],
)
def test_an_instance_in_any_state_is_read_with_care(
    aws: AwsServer, power: AwsPower, answer: dict[str, Any], state: str, how: str
) -> None:
    shown(aws, "DescribeInstances", answer)
    shown(
        aws,
        "DescribeInstanceAttribute",
        {"InstanceId": "i-0", "DisableApiStop": {"Value": False}, "DisableApiTermination": {"Value": False}},
    )
    one = target("aws_instance", "instance/i-0123456789abcdef0")
    assert power.state(one).startswith(state)
    assert power.stop(one).how == how
    assert sent(aws) == []


def test_an_instance_without_a_disk_of_its_own_can_neither_be_stopped_nor_kept(aws: AwsServer, power: AwsPower) -> None:
    shown(aws, "DescribeInstances", an_instance(RootDeviceType="instance-store"))
    one = target("aws_instance", "instance/i-0123456789abcdef0")
    assert (power.stop(one).how, power.terminate(one).how, power.snapshot(one, "t").how) == ("refused",) * 3
    assert sent(aws) == []


def test_an_instance_whose_type_has_disks_that_lose_all_when_it_stops_is_left(
    aws: AwsServer, power: AwsPower, world: World
) -> None:
    one = world.instance(InstanceType="m5d.large")
    aws.requests.clear()
    answers = [power.stop(one), power.terminate(one), power.snapshot(one, "t")]
    assert [answer.how for answer in answers] == ["refused"] * 3
    assert "m5d.large, has disks of its own" in answers[0].why
    assert sent(aws) == []


@pytest.mark.parametrize("told", [[], [{"InstanceType": "t3.micro"}]], ids=["of no type", "of no disks"])
def test_whether_a_type_has_such_disks_has_to_be_said(
    aws: AwsServer, power: AwsPower, world: World, told: list[dict[str, Any]]
) -> None:
    one = world.instance()
    shown(aws, "DescribeInstanceTypes", {"InstanceTypes": told})
    assert power.stop(one).how == "refused"


@pytest.mark.parametrize("field", ["AssociationId", "InstanceId", "NetworkInterfaceId", "PrivateIpAddress"])
def test_an_address_that_anything_has_is_busy(aws: AwsServer, power: AwsPower, field: str) -> None:
    shown(aws, "DescribeAddresses", {"Addresses": [{"AllocationId": "eipalloc-1", field: "x"}]})
    one = target("aws_eip", "elastic-ip/eipalloc-1")
    assert power.state(one) == "busy"
    assert power.terminate(one).how == "conflict"


def test_an_address_of_a_service_is_busy(aws: AwsServer, power: AwsPower) -> None:
    shown(aws, "DescribeAddresses", {"Addresses": [{"AllocationId": "eipalloc-1", "ServiceManaged": "alb"}]})
    assert power.state(target("aws_eip", "elastic-ip/eipalloc-1")) == "busy"


@pytest.mark.parametrize("state", ["creating", "in-use", "error", "new"])
def test_a_volume_that_is_not_available_is_busy(aws: AwsServer, power: AwsPower, state: str) -> None:
    shown(aws, "DescribeVolumes", {"Volumes": [{"VolumeId": "vol-1", "State": state, "Attachments": []}]})
    one = target("aws_ebs_volume", "volume/vol-1")
    assert power.state(one) == "busy"
    assert (power.terminate(one).how, power.snapshot(one, "t").how) == ("conflict", "conflict")
    assert sent(aws) == []


# ------------------------------------------------------------------ terminating


def test_an_unattached_volume_is_deleted_once(aws: AwsServer, power: AwsPower, world: World) -> None:
    one, other = world.volume(), world.volume()
    first, second = power.terminate(one), power.terminate(one)
    assert (first.how, first.by, second.how) == ("done", "ec2:DeleteVolume", "done")
    assert world.volumes() & {_id(one), _id(other)} == {_id(other)}
    assert sent(aws) == ["DeleteVolume"]


def test_an_unassociated_address_is_released_once(aws: AwsServer, power: AwsPower, world: World) -> None:
    one, other = world.address(), world.address()
    assert [power.terminate(one).how, power.terminate(one).how] == ["done", "done"]
    left = {found["AllocationId"] for found in world.ec2.describe_addresses()["Addresses"]}
    assert left & {_id(one), _id(other)} == {_id(other)}
    assert sent(aws) == ["ReleaseAddress"]


def test_a_stopped_instance_is_terminated_once(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.instance(stopped=True)
    aws.requests.clear()
    assert [power.terminate(one).how, power.terminate(one).how] == ["done", "done"]
    assert world.word(one) == "terminated"
    assert power.state(one) == "gone"
    assert sent(aws) == ["TerminateInstances"]


def test_whoever_started_it_again_keeps_it(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.instance()
    for answer in (power.snapshot(one, "t"), power.terminate(one)):
        assert (answer.how, answer.why) == ("refused", "it is running and not stopped: somebody uses it again")
    assert sent(aws) == []


def test_what_is_attached_is_not_deleted(aws: AwsServer, power: AwsPower, world: World) -> None:
    instance, one = world.instance(), world.volume()
    world.attach(one, instance)
    assert (power.terminate(one).how, power.snapshot(one, "t").how) == ("conflict", "conflict")
    assert sent(aws) == []


def test_a_volume_that_is_attached_between_reading_and_writing_stays(
    aws: AwsServer, power: AwsPower, world: World
) -> None:
    """AWS itself refuses what has changed since it was read."""
    instance, one = world.instance(), world.volume()
    available = {"Volumes": [{"VolumeId": _id(one), "State": "available", "Attachments": []}]}
    world.attach(one, instance)
    shown(aws, "DescribeVolumes", available)
    answer = power.terminate(one)
    assert (answer.how, answer.by) == ("conflict", "ec2:DeleteVolume")
    aws.faults.clear()
    assert _id(one) in world.volumes()


@pytest.mark.parametrize(
    ("type_", "operation", "code", "how"),
    [
        ("aws_eip", "ReleaseAddress", "InvalidIPAddress.InUse", "conflict"),
        ("aws_eip", "ReleaseAddress", "InvalidAllocationID.NotFound", "gone"),
        ("aws_ebs_volume", "DeleteVolume", "InvalidVolume.NotFound", "gone"),
        ("aws_ebs_volume", "DeleteVolume", "IncorrectState", "conflict"),
        ("aws_instance", "StopInstances", "IncorrectInstanceState", "conflict"),
        ("aws_instance", "StopInstances", "OperationNotPermitted", "refused"),
        ("aws_instance", "StopInstances", "UnsupportedOperation", "refused"),
        ("aws_instance", "StopInstances", "AuthFailure", "refused"),
        ("aws_instance", "StopInstances", "RequestExpired", "again"),
        ("aws_db_instance", "StopDBInstance", "InvalidDBInstanceState", "conflict"),
        ("aws_db_instance", "StopDBInstance", "DBInstanceNotFound", "gone"),
        ("aws_db_instance", "StopDBInstance", "InvalidDBClusterStateFault", "conflict"),
    ],
)
def test_what_the_service_says_is_what_became_of_it(
    aws: AwsServer, power: AwsPower, world: World, type_: str, operation: str, code: str, how: str
) -> None:
    make = {"aws_eip": world.address, "aws_ebs_volume": world.volume, "aws_instance": world.instance}
    one = make.get(type_, world.database)()
    aws.fault(faults.refused(code), operation=operation)
    answer = (power.terminate if type_ in ("aws_eip", "aws_ebs_volume") else power.stop)(one)
    assert (answer.how, code in answer.why) == (how, True)
    assert len(sent(aws)) == 1


# ------------------------------------------------------------------ faults of every call


class Act(msgspec.Struct, frozen=True):
    """A changing call: what it is made to, how, and its operation."""

    make: Callable[[World], Target]
    do: Callable[[AwsPower, Target], Answer]
    operation: str


def _stopped(world: World) -> Target:
    return world.instance(stopped=True)


def _keep(power: AwsPower, one: Target) -> Answer:
    return power.snapshot(one, token(one))


ACTS = [
    Act(World.instance, AwsPower.stop, "StopInstances"),
    Act(World.database, AwsPower.stop, "StopDBInstance"),
    Act(_stopped, AwsPower.terminate, "TerminateInstances"),
    Act(World.volume, AwsPower.terminate, "DeleteVolume"),
    Act(World.address, AwsPower.terminate, "ReleaseAddress"),
    Act(World.volume, _keep, "CreateSnapshot"),
    Act(_stopped, _keep, "CreateSnapshots"),
]
each_act = pytest.mark.parametrize("act", ACTS, ids=lambda act: act.operation)


@each_act
@pytest.mark.parametrize(
    ("effect", "how"),
    [
        (faults.denied(), "refused"),
        (faults.denied_by_scp(), "refused"),
        (faults.throttled(), "again"),
        (faults.failing(500), "unknown"),
        (faults.failing(503), "unknown"),
        (faults.reset(), "unknown"),
        (faults.malformed(), "unknown"),
        (faults.expired(), "again"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_call_that_fails_is_sent_once(
    aws: AwsServer, power: AwsPower, world: World, act: Act, effect: faults.Effect, how: str
) -> None:
    one = act.make(world)
    aws.requests.clear()
    aws.fault(effect, operation=act.operation)
    assert act.do(power, one).how == how
    assert sent(aws) == [act.operation]


@each_act
@pytest.mark.parametrize("effect", [faults.lost(), faults.cut()], ids=lambda effect: effect.name)
def test_an_answer_that_is_lost_after_the_effect_does_nothing_twice(
    aws: AwsServer, power: AwsPower, world: World, act: Act, effect: faults.Effect
) -> None:
    one = act.make(world)
    aws.requests.clear()
    aws.fault(effect, operation=act.operation, times=1)
    assert act.do(power, one).how == "unknown"
    assert act.do(power, one).how == "done"
    assert sent(aws) == [act.operation]


@each_act
def test_what_cannot_be_read_is_not_touched(aws: AwsServer, power: AwsPower, world: World, act: Act) -> None:
    one = act.make(world)
    aws.requests.clear()
    aws.fault(faults.denied(), operation="Describe*")
    answer = act.do(power, one)
    assert answer.how == "again"
    assert "access denied to Describe" in answer.why
    assert sent(aws) == []


@pytest.mark.parametrize("operation", ["DescribeInstanceAttribute", "DescribeInstanceTypes"])
def test_protection_that_cannot_be_read_is_protection(
    aws: AwsServer, power: AwsPower, world: World, operation: str
) -> None:
    one = world.instance()
    aws.fault(faults.denied(), operation=operation)
    assert power.stop(one).how == "again"
    assert sent(aws) == []


def test_nothing_is_sent_after_the_run_was_stopped(aws: AwsServer, world: World) -> None:
    one = world.instance()
    pacer = Pacer()
    made = Aws(pacer, powers=True)
    power = AwsPower(made.own)
    assert power.state(one) == "there"
    pacer.stop()
    assert [power.stop(one).how, power.terminate(one).how, power.snapshot(one, "t").how] == ["again"] * 3
    assert sent(aws) == []


@each_act
def test_a_place_that_is_lost_between_any_two_requests_is_asked_for_nothing_more(
    aws: AwsServer, power: AwsPower, world: World, act: Act
) -> None:
    one = act.make(world)
    for allowed in range(12):
        aws.requests.clear()
        with sending_while(lambda most=allowed: len(aws.requests) < most):  # type: ignore[misc]
            answer = act.do(power, one)
        assert len(aws.requests) <= allowed
        if sent(aws):
            break
        assert answer.how == "again"
    assert sent(aws) == [act.operation]


@pytest.mark.parametrize("then", ["the place is lost", "it can't be read"])
def test_a_snapshot_that_is_being_made_is_told_of_whatever_comes_then(
    aws: AwsServer, power: AwsPower, world: World, then: str
) -> None:
    one = world.volume()
    aws.requests.clear()
    aws.fault(unfinished(), operation="CreateSnapshot")
    if then == "it can't be read":
        aws.fault(faults.denied(), operation="DescribeSnapshots", where=pending(1000))
    lost = then == "the place is lost"
    with sending_while(lambda: not (lost and sent(aws))):
        answer = power.snapshot(one, token(one))
    (made,) = world.snapshots(one)
    assert (answer.how, answer.by) == ("again", made["SnapshotId"])
    assert "isn't usable yet" in answer.why


# ------------------------------------------------------------------ snapshots


def test_a_volume_is_kept_once_for_each_token(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.volume()
    first, second = power.snapshot(one, token(one)), power.snapshot(one, token(one))
    other = power.snapshot(one, f"{token(one)}-2")
    assert [first.how, second.how, other.how] == ["done"] * 3
    assert first.by == second.by != other.by
    assert {snap["SnapshotId"] for snap in world.snapshots(one)} == {first.by, other.by}
    assert {snap["VolumeId"] for snap in world.snapshots(one)} == {_id(one)}
    assert sent(aws) == ["CreateSnapshot"] * 2
    tags = [{tag["Key"]: tag["Value"] for tag in snap["Tags"]} for snap in world.snapshots(one)]
    assert sorted(each[TOKEN] for each in tags) == [token(one), f"{token(one)}-2"]


def test_an_instance_is_kept_with_all_of_its_volumes(aws: AwsServer, power: AwsPower, world: World) -> None:
    one, more = world.instance(stopped=True), world.volume()
    world.attach(more, one)
    aws.requests.clear()
    first, second = power.snapshot(one, token(one)), power.snapshot(one, token(one))
    assert (first.how, second) == ("done", first)
    kept = {snap["VolumeId"] for snap in world.snapshots(one)}
    assert kept == world.volumes(one)
    assert len(kept) == 2
    assert sent(aws) == ["CreateSnapshots"]


def test_a_volume_that_came_later_is_not_in_the_snapshot(aws: AwsServer, power: AwsPower, world: World) -> None:
    one, more = world.instance(stopped=True), world.volume()
    assert power.snapshot(one, token(one)).how == "done"
    world.attach(more, one)
    answer = power.snapshot(one, token(one))
    assert (answer.how, _id(more) in answer.why) == ("refused", True)
    assert sent(aws, "CreateSnapshots") == ["CreateSnapshots"]


def test_a_new_process_finds_what_the_old_one_took(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.volume()
    aws.fault(faults.lost(), operation="CreateSnapshot", times=1)
    assert power.snapshot(one, token(one)).how == "unknown"
    fresh = AwsPower(opened(powers=True))
    assert fresh.snapshot(one, token(one)).how == "done"
    assert sent(aws) == ["CreateSnapshot"]


def pending(times: int) -> Callable[[Call], bool]:
    """The first so many looks at a snapshot that was asked for by its id."""
    looks = 0

    def look(call: Call) -> bool:
        nonlocal looks
        names = [one["Name"] for one in call.parameters.get("Filters") or ()]
        looks += names == ["snapshot-id"]
        return names == ["snapshot-id"] and looks <= times

    return look


def still(one: Target, state: str) -> faults.Effect:
    def answer(call: Call) -> Response:
        ids = [value for asked in call.parameters["Filters"] for value in asked["Values"]]
        found = [{"SnapshotId": id_, "VolumeId": _id(one), "State": state} for id_ in ids]
        return wire.render(call, {"Snapshots": found})

    return faults.Effect(name=state, answer=answer)


def unfinished() -> faults.Effect:
    """A snapshot is being made, where moto has it at once."""

    def change(response: Response) -> Response:
        return msgspec.structs.replace(response, body=response.body.replace(b">completed<", b">pending<"))

    return faults.Effect(name="unfinished", change=change)


@pytest.mark.parametrize(("looks", "how"), [(3, "done"), (1000, "again")])
def test_a_snapshot_is_waited_for_within_bounds(aws: AwsServer, world: World, looks: int, how: str) -> None:
    clock = Clock()
    power = AwsPower(opened(powers=True), patience=30, clock=clock, sleep=clock.sleep)
    one = world.volume()
    aws.fault(unfinished(), operation="CreateSnapshot")
    aws.fault(still(one, "pending"), operation="DescribeSnapshots", where=pending(looks))
    answer = power.snapshot(one, token(one))
    assert answer.how == how
    assert clock.now <= 30 + 3
    aws.faults.clear()
    assert power.snapshot(one, token(one)).by == answer.by
    assert sent(aws) == ["CreateSnapshot"]


def test_a_snapshot_that_fails_keeps_the_volume(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.volume()
    aws.fault(unfinished(), operation="CreateSnapshot")
    aws.fault(still(one, "error"), operation="DescribeSnapshots", where=pending(1000))
    answer = power.snapshot(one, token(one))
    assert (answer.how, "could not be made" in answer.why) == ("refused", True)


def test_what_shows_up_late_is_waited_for_before_another_is_taken(aws: AwsServer, world: World) -> None:
    """EC2's listings follow its writes after a while."""
    clock = Clock()
    power = AwsPower(opened(powers=True), patience=30, clock=clock, sleep=clock.sleep)
    one = world.volume()
    aws.fault(faults.lost(), operation="CreateSnapshot", times=1)
    empty = faults.Effect(name="late", answer=lambda call: wire.render(call, {"Snapshots": []}))
    aws.fault(empty, operation="DescribeSnapshots", times=4)
    assert power.snapshot(one, token(one)).how == "unknown"
    assert power.snapshot(one, token(one)).how == "done"
    assert clock.now == 3 * 3
    assert sent(aws) == ["CreateSnapshot"]


def test_what_never_shows_up_was_not_taken(aws: AwsServer, power: AwsPower, world: World) -> None:
    one = world.volume()
    aws.fault(faults.reset(), operation="CreateSnapshot", times=1)
    assert power.snapshot(one, token(one)).how == "unknown"
    assert power.snapshot(one, token(one)).how == "done"
    assert sent(aws) == ["CreateSnapshot"] * 2
    assert len(world.snapshots(one)) == 1


@pytest.mark.parametrize("text", ["", "*", "a b", "x" * 129, "run-?"])
def test_a_token_is_no_pattern(aws: AwsServer, power: AwsPower, world: World, text: str) -> None:
    assert power.snapshot(world.volume(), text).how == "refused"
    assert sent(aws) == []


@pytest.mark.parametrize(
    "code", ["SnapshotCreationPerVolumeRateExceeded", "ConcurrentSnapshotLimitExceeded", "RequestLimitExceeded"]
)
def test_a_limit_of_the_moment_is_for_later(aws: AwsServer, power: AwsPower, world: World, code: str) -> None:
    aws.fault(faults.refused(code), operation="CreateSnapshot")
    assert power.snapshot(world.volume(), "limited").how == "again"
    assert sent(aws) == ["CreateSnapshot"]


# ------------------------------------------------------------------ the door and the permissions


@pytest.mark.parametrize("writes", [False, True])
def test_no_other_session_is_let_through(aws: AwsServer, world: World, writes: bool) -> None:
    one = world.instance()
    power = AwsPower(opened(writes=writes))
    with pytest.raises(AssertionError, match="is not in the table of calls"):
        power.stop(one)
    assert sent(aws) == []


def test_powers_let_no_tag_be_written(aws: AwsServer) -> None:
    access = opened(powers=True)(HOME)
    with pytest.raises(AssertionError, match="ec2:CreateTags is not in the table of calls"):
        access.writing("ec2", EAST).create_tags(Resources=["i-1"], Tags=[{"Key": "a", "Value": "b"}])
    assert aws.calls() == []


def test_the_table_is_nobody_elses() -> None:
    own = {(call.service, call.operation) for call in WRITES}
    assert not own & permitted()
    assert not own & permitted_to_write()


def test_the_policy_holds_what_is_asked_for_and_no_more(aws: AwsServer, world: World) -> None:
    """Served by a cloud that refuses all that the policy doesn't name."""
    stopped, running, volume = world.instance(stopped=True), world.instance(), world.volume()
    address, database = world.address(), world.database()
    asked = {action for one in statements() for action in actions_of(one)} - {"ec2:CreateTags"}
    aws.allow = {
        *((action.partition(":")[0], action.partition(":")[2]) for action in asked),
        ("sts", "GetCallerIdentity"),
    }
    aws.requests.clear()
    power = AwsPower(opened(powers=True))
    answers = [
        power.stop(running),
        power.stop(database),
        power.snapshot(volume, token(volume)),
        power.terminate(volume),
        power.terminate(address),
        power.snapshot(stopped, token(stopped)),
        power.terminate(stopped),
    ]
    assert [answer.how for answer in answers] == ["done"] * 7
    assert aws.refused == []
    used = {f"{one.service}:{one.operation}" for one in aws.calls()} - {"sts:GetCallerIdentity"}
    assert used == asked == {call.name for call in (*READS, *WRITES)}


def test_the_policy_lets_only_what_is_in_quarantine_be_harmed() -> None:
    by_action = {action: one.get("Condition") for one in statements("in-quarantine") for action in actions_of(one)}
    quarantined = {"Null": {"aws:ResourceTag/in-quarantine": "false"}}
    harmful = ("StopInstances", "TerminateInstances", "DeleteVolume", "ReleaseAddress")
    assert {f"ec2:{name}": quarantined for name in harmful}.items() <= by_action.items()
    assert by_action["rds:StopDBInstance"] == quarantined
    assert by_action["ec2:CreateTags"] == {"StringEquals": {"ec2:CreateAction": ["CreateSnapshot", "CreateSnapshots"]}}


def statements(*key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(power_policy_document(*key))["Statement"]
    return found


def actions_of(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action
