"""Who may do what, and the keys and secrets that it takes: IAM, Cognito, KMS, Secrets Manager, certificates."""

from collections.abc import Iterator, Sequence
from typing import Any

from costguard.clouds.aws import api
from costguard.clouds.aws.native.listing import Each, Item, Kind, Listing, Reading, To, Walk, gone, items, legible
from costguard.clouds.sighting import Sighting
from costguard.model.resource import Manager


def _iam(operation: str, items: str, tags: str, parameter: str, field: str, type_: str, **more: Any) -> Listing:
    return Listing(
        service="iam",
        operation=operation,
        items=items,
        id="{Arn}",
        type=type_,
        scope="global",
        tags=Each(operation=tags, asks={parameter: f"{{{field}}}"}),
        **more,
    )


def _role(_: Reading, item: Item) -> Kind:
    """A role. Those that IAM Identity Center makes are "only modifiable by AWS"; a service-linked one belongs to its
    service, comes with its first use, and takes tags like any other (Terraform's aws_iam_service_linked_role)."""
    path = str(item.get("Path"))
    if path.startswith("/aws-reserved/"):
        return Kind("aws_iam_role", untaggable="AWS keeps this role for itself, and nobody else can change it")
    if path.startswith("/aws-service-role/"):
        service = legible(path.removeprefix("/aws-service-role/").strip("/"))
        maker = Manager(tool="aws", name=service or "an AWS service")
        return Kind("aws_iam_service_linked_role", default=f"{maker.name} makes its own role", managers=(maker,))
    return Kind("aws_iam_role")


def _secret(_: Reading, item: Item) -> Kind:
    """A secret; another service may keep it ("managed secrets"). Its tags are the account's to set."""
    owner = item.get("OwningService")
    return Kind("aws_secretsmanager_secret", managers=(Manager(tool="aws", name=legible(str(owner))),) if owner else ())


_KEY_TAGS = Each(operation="ListResourceTags", asks={"KeyId": "{KeyArn}"})


def _keys(reading: Reading) -> Iterator[Sequence[Sighting]]:
    """All keys. Who manages one has to be asked for each; its own policy may refuse that, whatever IAM allows."""
    for page in reading.pages("ListKeys", page=1000):
        yield [seen for key in items("Keys", page) if (seen := _key(reading, key)) is not None]


def _key(reading: Reading, key: Item) -> Sighting | None:
    from botocore.exceptions import BotoCoreError, ClientError

    id_ = reading.fill("{KeyArn}", key)
    try:
        described = next(reading.pages("DescribeKey", {"KeyId": id_})).get("KeyMetadata") or {}
    except ClientError as error:
        return None if gone(error) else reading.sighting(id_, Kind("aws_kms_key"), api.explain(error))
    except BotoCoreError as error:
        return reading.sighting(id_, Kind("aws_kms_key"), api.explain(error))
    kind = _key_kind(described)
    if not reading.asked(id_, kind):
        return reading.sighting(id_, kind, None)
    tags = reading.tags(_KEY_TAGS, key)
    return None if tags is None else reading.sighting(id_, kind, tags)


def _key_kind(key: Item) -> Kind:
    """``TagResource`` works neither on AWS managed keys (its reference) nor on keys that wait to be deleted (Developer
    Guide, "Key states of AWS KMS keys")."""
    type_ = "aws_kms_external_key" if key.get("Origin") == "EXTERNAL" else "aws_kms_key"
    if (key.get("MultiRegionConfiguration") or {}).get("MultiRegionKeyType") == "REPLICA":
        type_ = "aws_kms_replica_external_key" if key.get("Origin") == "EXTERNAL" else "aws_kms_replica_key"
    if key.get("KeyManager") == "AWS":
        return Kind(type_, untaggable="AWS manages this key")
    if key.get("KeyState") in ("PendingDeletion", "PendingReplicaDeletion"):
        return Kind(type_, untaggable="the key waits to be deleted, and KMS takes no tags for it")
    return Kind(type_)


def _certificate(_: Reading, item: Item) -> Kind:
    manager = item.get("ManagedBy")
    return Kind("aws_acm_certificate", managers=(Manager(tool="aws", name=legible(str(manager))),) if manager else ())


_POOL = "arn:{partition}:cognito-idp:{region}:{account}:userpool/{Id}"

ROWS = (
    _iam(
        "ListRoles",
        "Roles",
        "ListRoleTags",
        "RoleName",
        "RoleName",
        "",
        kind=_role,
        among=("aws_iam_role", "aws_iam_service_linked_role"),
        page=1000,
    ),
    _iam("ListUsers", "Users", "ListUserTags", "UserName", "UserName", "aws_iam_user", page=1000),
    _iam(
        "ListPolicies",
        "Policies",
        "ListPolicyTags",
        "PolicyArn",
        "Arn",
        "aws_iam_policy",
        asks={"Scope": "Local"},
        page=1000,
    ),
    _iam(
        "ListInstanceProfiles",
        "InstanceProfiles",
        "ListInstanceProfileTags",
        "InstanceProfileName",
        "InstanceProfileName",
        "aws_iam_instance_profile",
        related=(To("parent", "Roles[].Arn"),),
        page=1000,
    ),
    _iam(
        "ListOpenIDConnectProviders",
        "OpenIDConnectProviderList",
        "ListOpenIDConnectProviderTags",
        "OpenIDConnectProviderArn",
        "Arn",
        "aws_iam_openid_connect_provider",
    ),
    _iam(
        "ListSAMLProviders",
        "SAMLProviderList",
        "ListSAMLProviderTags",
        "SAMLProviderArn",
        "Arn",
        "aws_iam_saml_provider",
    ),
    Listing(
        service="cognito-idp",
        operation="ListUserPools",
        items="UserPools",
        id=_POOL,
        type="aws_cognito_user_pool",
        page=60,
        tags=Each(operation="ListTagsForResource", asks={"ResourceArn": _POOL}),
    ),
    Walk(
        service="kms",
        types=("aws_kms_external_key", "aws_kms_key", "aws_kms_replica_external_key", "aws_kms_replica_key"),
        operations=("ListKeys", "DescribeKey", "ListResourceTags"),
        walk=_keys,
    ),
    Listing(
        service="secretsmanager",
        operation="ListSecrets",
        items="SecretList",
        id="{ARN}",
        type="aws_secretsmanager_secret",
        kind=_secret,
        page=100,
    ),
    Listing(
        service="acm",
        operation="ListCertificates",
        # Without this it lists those of RSA 1024 and 2048 alone (API reference, "Filters": keyTypes).
        asks={
            "Includes": {
                "keyTypes": [
                    "RSA_1024",
                    "RSA_2048",
                    "RSA_3072",
                    "RSA_4096",
                    "EC_prime256v1",
                    "EC_secp384r1",
                    "EC_secp521r1",
                ]
            }
        },
        items="CertificateSummaryList",
        id="{CertificateArn}",
        type="aws_acm_certificate",
        kind=_certificate,
        page=1000,
        tags=Each(operation="ListTagsForCertificate", asks={"CertificateArn": "{CertificateArn}"}),
    ),
)
