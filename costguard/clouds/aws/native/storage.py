"""Where data lies: buckets, file systems, backups."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from costguard.clouds.aws import api
from costguard.clouds.aws.native.listing import Each, Item, Kind, Listing, Reading, To, Walk, gone, items
from costguard.clouds.sighting import GLOBAL, Sighting

_BUCKET_TAGS = Each(
    operation="GetBucketTagging", asks={"Bucket": "{Name}"}, tags="TagSet", none=frozenset({"NoSuchTagSet"})
)
_BUCKET = Kind("aws_s3_bucket")


def _buckets(reading: Reading) -> Iterator[Sequence[Sighting]]:
    """All buckets of the account, each asked for its tags where it lies."""
    # S3 says where a bucket lies only if it is asked for pages (API reference of ListBuckets, BucketRegion).
    for page in reading.pages("ListBuckets", page=1000):
        found = []
        for bucket in items("Buckets", page):
            seen = _bucket(reading, bucket)
            if seen is not None:
                found.append(seen)
        yield found


def _bucket(reading: Reading, bucket: Item) -> Sighting | None:
    from botocore.exceptions import BotoCoreError, ClientError

    id_ = reading.fill("arn:{partition}:s3:::{Name}", bucket)
    region = bucket.get("BucketRegion")
    try:
        if not region:
            # An empty constraint is the oldest region, and "EU" what its second was called (GetBucketLocation).
            said = reading.client().get_bucket_location(Bucket=bucket["Name"]).get("LocationConstraint")
            region = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(said, said)
        if reading.access.only is not None and region not in reading.access.only:
            return None
        if not reading.asked(id_, _BUCKET):
            return reading.sighting(id_, _BUCKET, None, region=region)
        reading.client(region)
    except ClientError as error:
        return None if gone(error) else reading.sighting(id_, _BUCKET, api.explain(error), region=region or GLOBAL)
    except (BotoCoreError, ValueError) as error:  # No region that there could be.
        return reading.sighting(id_, _BUCKET, api.explain(error), region=GLOBAL)
    tags = reading.tags(_BUCKET_TAGS, bucket, region=region)
    return None if tags is None else reading.sighting(id_, _BUCKET, tags, region=region)


def _ours(type_: str) -> Callable[[Reading, Item], Kind | None]:
    """The kind of what belongs to the account; file systems are shown where they are shared."""

    def kind(reading: Reading, item: Item) -> Kind | None:
        return Kind(type_) if item.get("OwnerId", reading.account) == reading.account else None

    return kind


_VAULTS: Mapping[str, str] = MappingProxyType(
    {"LOGICALLY_AIR_GAPPED_BACKUP_VAULT": "aws_backup_logically_air_gapped_vault"}
)


def _vault(_: Reading, item: Item) -> Kind:
    ours = item.get("BackupVaultName") in ("Default", "aws/efs/automatic-backup-vault")
    return Kind(
        _VAULTS.get(str(item.get("VaultType")), "aws_backup_vault"),
        default="AWS Backup makes this vault by itself" if ours else "",
    )


_SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "LUSTRE": "aws_fsx_lustre_file_system",
        "ONTAP": "aws_fsx_ontap_file_system",
        "OPENZFS": "aws_fsx_openzfs_file_system",
        "WINDOWS": "aws_fsx_windows_file_system",
    }
)


def _fsx(reading: Reading, item: Item) -> Kind | None:
    if item.get("OwnerId", reading.account) != reading.account:
        return None
    # A file system of a kind that is newer than this has no Terraform type that we know.
    return Kind(_SYSTEMS.get(str(item.get("FileSystemType")), "fsx:file-system"))


ROWS = (
    Listing(
        service="efs",
        operation="DescribeFileSystems",
        items="FileSystems",
        id="{FileSystemArn}",
        type="aws_efs_file_system",
        kind=_ours("aws_efs_file_system"),
        page=100,
    ),
    Listing(
        service="efs",
        operation="DescribeAccessPoints",
        items="AccessPoints",
        id="{AccessPointArn}",
        type="aws_efs_access_point",
        kind=_ours("aws_efs_access_point"),
        related=(
            To("parent", "FileSystemId", "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{value}"),
        ),
        page=100,
    ),
    Listing(
        service="fsx",
        operation="DescribeFileSystems",
        items="FileSystems",
        id="{ResourceARN}",
        kind=_fsx,
        among=tuple(_SYSTEMS.values()),
        related=(To("network", "[VpcId, SubnetIds]"),),
        page=100,
    ),
    Listing(
        service="backup",
        operation="ListBackupVaults",
        items="BackupVaultList",
        id="{BackupVaultArn}",
        kind=_vault,
        among=("aws_backup_logically_air_gapped_vault", "aws_backup_vault"),
        page=1000,
        tags=Each(operation="ListTags", asks={"ResourceArn": "{BackupVaultArn}"}),
    ),
    Listing(
        service="backup",
        operation="ListBackupPlans",
        items="BackupPlansList",
        id="{BackupPlanArn}",
        type="aws_backup_plan",
        page=1000,
        tags=Each(operation="ListTags", asks={"ResourceArn": "{BackupPlanArn}"}),
    ),
    Walk(
        service="s3",
        types=("aws_s3_bucket",),
        operations=("ListBuckets", "GetBucketLocation", "GetBucketTagging", "HeadBucket"),
        walk=_buckets,
        scope="global",
    ),
)
