"""The policies that come with costguard: their own examples, and what must never be a false alarm."""

import base64
import re
import uuid
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard import catalog
from costguard.document import read_yaml
from costguard.examples import failures
from costguard.policy.document import RuleDoc
from costguard.policy.load import load, shipped, shipped_folder
from costguard.policy.validate import fits
from tests.policy.build import TODAY, findings, resource, verdicts

BASELINE = {
    "owner": ["team", "owned-by", "owned_by"],
    "service": ["app", "application", "service-name", "service_name"],
    "environment": ["env", "stage"],
}


def document(name: str) -> dict[str, object]:
    loaded: dict[str, object] = read_yaml(shipped_folder() / f"{name}.yaml").data
    return loaded


@pytest.mark.parametrize("name", shipped())
def test_the_examples_of_a_shipped_policy_hold(name: str) -> None:
    policy = load([name])
    own = tuple(example for example in policy.examples if example.origin.file == policy.files[-1])
    assert [str(problem) for problem in failures(policy, own, TODAY)] == []
    expected = {example.doc.expect == "compliant" for example in own}
    assert expected == {True, False}, "valid and invalid examples"
    assert len({example.doc.name for example in own}) == len(own)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_policy_says_what_it_is_and_warns_of_nothing(name: str) -> None:
    assert document(name)["name"] == name
    assert document(name)["description"]
    assert load([name]).warnings == ()


def test_all_shipped_policies_can_be_in_force_together() -> None:
    assert len(load(shipped()).files) == len(shipped())


@pytest.mark.parametrize("name", shipped())
def test_every_type_that_a_shipped_policy_names_exists_and_can_be_tagged(name: str) -> None:
    rules = document(name).get("rules", [])
    assert isinstance(rules, list)
    for raw in rules:
        rule = fits(raw, RuleDoc)
        assert rule is not None
        types = [rule.when.type] if isinstance(rule.when.type, str) else rule.when.type or []
        for kind in types:
            known = catalog.lookup(kind.replace("*", "lustre"))
            assert known is not None, kind
            assert known.own is not None, kind


def test_the_baseline_keeps_its_names_aliases_and_synonyms() -> None:
    tags = document("baseline")["tags"]
    assert isinstance(tags, dict)
    assert {name: tag["aliases"] for name, tag in tags.items()} == BASELINE
    assert all("keys" not in tag for tag in tags.values())
    assert tags["environment"]["synonyms"] == {
        "prod": "production",
        "prd": "production",
        "stg": "staging",
        "stage": "staging",
        "development": "dev",
        "develop": "dev",
    }


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1).filter(str.strip))
def test_the_baseline_takes_any_text_for_owner_and_service(text: str) -> None:
    policy = load(["baseline"])
    assert verdicts(policy, resource({"owner": text, "service": text, "environment": "dev"})) == {}


# --- finops


@pytest.mark.parametrize(
    "value",
    [
        *("TBD", "tba", "TODO", "n/a", "NA", "None", "null", "unknown", "xxx", "?", "--", " tbc "),
        *("To Do", "to-do", "changeme", "Change-Me", "PLACEHOLDER", "fixme", "n.a.", "N.A", "nil", "undefined"),
        *("CC-XXXX", "cc-xxxx", "CC_XXX", "<cost-center>", "<Cost Center>"),
    ],
)
def test_a_placeholder_is_no_cost_center(value: str) -> None:
    assert verdicts(load(["finops"]), resource({"cost-center": value}, type="aws_instance"))["cost-center"] == "invalid"


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "4711",
        "CC-1234",
        "Nanotech",
        "NA-1",
        "Unknown Pleasures",
        "R&D",
        "消費",
        "todo-app",
        "nilpotent",
        "CC-XXL",
        "Manila",
        "<4711",
    ],
)
def test_any_other_text_is_a_cost_center(value: str) -> None:
    assert "cost-center" not in verdicts(load(["finops"]), resource({"cost-center": value}, type="aws_instance"))


# --- google-labels


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=70))
def test_google_labels_are_judged_as_the_catalogue_says(text: str) -> None:
    limits = catalog.LIMITS["google"]
    said = verdicts(load(["google-labels"]), resource({"k": text}, cloud="google"))
    legal = regex.fullmatch(limits.value_pattern, text) is not None and len(text) <= limits.value_length
    assert (said == {}) is legal


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=70).filter(lambda key: not key.casefold().startswith("goog-")))
def test_google_label_keys_are_judged_as_the_catalogue_says(text: str) -> None:
    limits = catalog.LIMITS["google"]
    said = verdicts(load(["google-labels"]), resource({text: "v"}, cloud="google"))
    legal = regex.fullmatch(limits.key_pattern, text) is not None and len(text) <= limits.key_length
    assert (said == {}) is legal


def test_google_takes_64_labels() -> None:
    policy = load(["google-labels"])
    for count, expected in ((64, {}), (65, {"google-label-count": "invalid"})):
        labels: dict[str, str | None] = {f"k{number}": "v" for number in range(count)}
        assert verdicts(policy, resource(labels, cloud="google", provider="google-beta")) == expected
        assert verdicts(policy, resource(labels, cloud="azure")) == {}


# --- no-secrets. Tokens are put together here, so that no scanner of this repository takes them for real ones.


def letters(count: int) -> str:
    return "".join(chr(ord("a") + (number * 7) % 26) for number in range(count))


def mixed(count: int) -> str:
    return "".join("aB3dE6gH9j"[number % 10] for number in range(count))


def hexadecimal(count: int) -> str:
    return "".join("0123456789abcdef"[(number * 5) % 16] for number in range(count))


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


SECRETS = {
    "AWS": "AKIA" + "ABCDEFGH2345" + "WXYZ",
    "AWS, temporary": "ASIA" + "ABCDEFGH2345" + "WXYZ",
    "PKCS 1": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "PKCS 8": "-----BEGIN " + "PRIVATE KEY-----",
    "PGP": "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
    "JWT": ".".join((encoded('{"alg":"HS256","typ":"JWT"}'), encoded('{"sub":"1234567890"}'), mixed(43))),
    "GitHub": "ghp" + "_" + mixed(36),
    "GitHub, fine-grained": "github" + "_pat_" + mixed(22) + "_" + mixed(59),
    "GitLab": "glpat" + "-" + mixed(20),
    "Google API key": "AIza" + mixed(35),
    "Google OAuth token": "ya29" + ".a0" + mixed(60),
    "Azure storage": "DefaultEndpointsProtocol=https;Account" + "Key=" + mixed(86) + "==",
    "Azure SAS": "https://x.blob.core.windows.net/c?sv=2022-11-02&sig=" + mixed(43) + "%3D",
    "Azure client secret": "abc" + "8Q~" + mixed(34),
    "Slack": "xoxb" + "-123456789012-1234567890123-" + mixed(24),
    "Slack hook": "https://hooks.slack.com" + "/services/T0000AAAA/B0000AAAA/" + mixed(24),
    "Stripe": "sk" + "_live_" + mixed(24),
    "SendGrid": "SG" + "." + mixed(22) + "." + mixed(43),
    "npm": "npm" + "_" + mixed(36),
    "PyPI": "pypi" + "-AgEIcHlwaS5vcmc" + mixed(60),
    "Vault": "hvs" + "." + mixed(24),
    "Terraform": mixed(14) + ".atlasv1." + mixed(60),
    "Databricks": "dapi" + hexadecimal(32),
    "DigitalOcean": "dop" + "_v1_" + hexadecimal(64),
    "Hugging Face": "hf" + "_" + letters(34),
    "Twilio": "SK" + hexadecimal(32),
    "Discord hook": "https://discord.com" + "/api/webhooks/" + "123456789012345678/" + mixed(68),
    "Teams hook": "https://example.webhook.office.com"
    f"/webhookb2/{uuid.UUID(int=1)}@{uuid.UUID(int=2)}/IncomingWebhook/{hexadecimal(32)}/{uuid.UUID(int=3)}",
    "Telegram": "123456789" + ":AA" + mixed(33),
    "Telegram, in a URL": "https://api.telegram.org/bot" + "123456789" + ":AA" + mixed(33) + "/getMe",
    "Linear": "lin" + "_api_" + mixed(40),
    "Shopify": "shpat" + "_" + hexadecimal(32),
    "Shopify, shared": "shpss" + "_" + hexadecimal(32),
    "Square": "sq0atp" + "-" + mixed(22),
    "Square, OAuth": "sq0csp" + "-" + mixed(43),
    "bearer": "Bearer " + mixed(40),
    "a password in a URL": "amqp://" + "user" + ":" + "hunter2" + "@broker.example.com:5672",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["{}", "key={}", '"{}"', "see {} there"])
def test_a_secret_is_forbidden_and_not_shown(kind: str, around: str) -> None:
    if around.startswith("key=") and kind == "Azure client secret":
        pytest.skip("a sign that may be part of it stands before it")
    [finding] = findings(load(["no-secrets"]), resource({"note": around.format(SECRETS[kind])}))
    assert (finding.rule, finding.verdict, finding.level) == ("no-credentials", "forbidden", "error")
    assert SECRETS[kind] not in repr(finding)


INNOCENT = [
    "123456789012",
    "arn:aws:iam::123456789012:user/jane",
    "arn:aws:s3:::my-bucket/AKIA",
    "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    "AIDA" + "ABCDEFGHIJKLMNOP",
    "AROA" + "ABCDEFGHIJKLMNOP:i-0123456789abcdef0",
    "AKIA",
    "MAKIA" + "ABCDEFGHIJKLMNOP",
    "i-0123456789abcdef0",
    "vpc-0a1b2c3d4e5f67890",
    "/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/rg",
    "projects/example/locations/eu/keyRings/r/cryptoKeys/k",
    "4111-1111-1111",
    "41111111111111111",
    "4111.1111.1111.1111",
    "1700000000000",
    "1700000000000000",
    "2027-03-31T10:00:00Z",
    "4242424242424241",
    "+49 30 1234567",
    "10.0.0.0/16",
    "2001:db8::4111:1111:1111:1111",
    "git@github.com:example/repo.git",
    "ssh://git@github.com/example/repo",
    "https://user@dev.azure.com/example/_git/repo",
    "https://example.com:8443/@scope/package",
    "postgres://db.example.com:5432/checkout",
    "jdbc:postgresql://db:5432/x?user=a",
    "vault:secret/data/checkout#password",
    "ssm:/checkout/db-password",
    "{{resolve:secretsmanager:checkout:SecretString:password}}",
    "actions/checkout@v4",
    "registry.example.com/app@sha256:" + "0" * 64,
    "terraform@cluster.local",
    "deploy@example-project.iam.gserviceaccount.com",
    "node@10.0.0.1",
    "getty@tty1.service",
    "user@1000.service",
    "app@blue.socket",
    "backup@daily.timer",
    "Bearer",
    "Bearer token of the checkout service",
    "Bearer authentication-by-the-identity-provider-v2",
    "SKU-0123456789",
    "10:AAA",
    "https://discord.com/channels/123456789012345678",
    "lin_api_key",
    "shpat_checkout",
    "sq0atp-",
    "eyJhbGciOiJIUzI1NiJ9",
    "sk-checkout-service",
    "hf_experiment",
    "npm_config_registry",
    "glpat-rotation",
    "xoxb",
    "SG.checkout.internal",
    "pul-1234",
    "key-0123456789abcdef0123456789abcdef",
    "sha1:" + "0123456789abcdef" * 2 + "01234567",
]


@pytest.mark.parametrize("value", INNOCENT)
def test_no_false_alarm_on(value: str) -> None:
    assert verdicts(load(["no-secrets"]), resource({"note": value})) == {}


INNOCENT_KEYS = [
    "owner",
    "secret",
    "secret-name",
    "secrets-manager",
    "kubernetes.io/secret-name",
    "password-policy",
    "token-ttl",
    "api-keys-enabled",
    "email",
    "phone",
    "class",
    "session",
    "mission",
    "passport",
    "kms-key",
    "key",
    "public-key",
    "ssh-key-name",
    "manage-master-user-password",
    "rotate-password",
    "reset-password",
    "has-api-key",
    "enable_api_key",
    "requires-access-token",
    "uses-client-secret",
    "auto-rotate-secret-key",
    "has-private-key",
    "needs_connection_string",
    "credentials",
    "tokens",
]

CREDENTIAL_KEYS = [
    "password",
    "DB_Password",
    "db-password",
    "MasterPassword",
    "admin.password",
    "passwd",
    "pwd",
    "token",
    "api-key",
    "ApiKey",
    "stripe_api_key",
    "private-key",
    "ssh-private-key",
    "secret_key",
    "AWS_SECRET_ACCESS_KEY",
    "SecretAccessKey",
    "client-secret",
    "github-token",
    "access_token",
    "auth-token",
    "connection-string",
    "ConnectionString",
    "db-connection-string",
    "passphrase",
]


@pytest.mark.parametrize("key", CREDENTIAL_KEYS)
def test_a_key_that_asks_for_a_credential(key: str) -> None:
    [finding] = findings(load(["no-secrets"]), resource({key: "x"}))
    assert (finding.rule, finding.level) == ("no-credential-keys", "warning")


@pytest.mark.parametrize("key", INNOCENT_KEYS)
def test_no_false_alarm_on_the_key(key: str) -> None:
    assert verdicts(load(["no-secrets"]), resource({key: "x"})) == {}


@settings(max_examples=300, deadline=None)
@given(
    st.uuids().map(str)
    | st.uuids().map(lambda one: one.hex)
    | st.integers(0, 10**12 - 1).map(lambda number: f"{number:012}")
    | st.binary(min_size=20, max_size=20).map(bytes.hex)
    | st.binary(min_size=32, max_size=32).map(bytes.hex)
    | st.datetimes().map(str)
    | st.builds(lambda number: f"arn:aws:iam::{number:012}:role/x", st.integers(0, 10**12 - 1))
)
def test_no_false_alarm_on_ids_and_hashes(value: str) -> None:
    assert verdicts(load(["no-secrets"]), resource({"id": value})) == {}


def test_uuids_of_digits_alone_are_no_cards() -> None:
    value = str(uuid.UUID("41111111-1111-1111-4111-111111111111"))
    assert verdicts(load(["no-secrets"]), resource({"id": value, "ids": f"{value},{value}"})) == {}


@pytest.mark.parametrize(
    ("number", "forbidden"),
    [
        ("4111111111111111", True),
        ("4111 1111 1111 1111", True),
        ("4111-1111-1111-1111", True),
        ("card: 4111-1111-1111-1111", True),
        ("5555555555554444", True),
        ("2223003122003222", True),
        ("6011111111111117", True),
        ("378282246310005", True),
        ("3782-822463-10005", True),
        ("4111 1111-1111 1111", False),
        ("4111111111111112", False),
        ("411111111111111", False),
        ("9111111111111111", False),
        ("0000000000000000", False),
        ("build-4111111111111111", False),
        ("4111111111111111.log", False),
        ("/4111111111111111/", False),
    ],
)
def test_payment_cards(number: str, forbidden: bool) -> None:
    said = findings(load(["no-secrets"]), resource({"note": number}))
    assert [(f.rule, f.level) for f in said] == ([("no-personal-data", "warning")] if forbidden else [])


@pytest.mark.parametrize(
    ("value", "forbidden"),
    [
        ("jane.doe@example.com", True),
        ("Jane Doe <jane@example.co.uk>", True),
        ("a@example.com, b@example.com", True),
        ("mailto=jane@example.com", True),
        ("mailto:jane@example.com", True),
        ("arn:aws:sts::123456789012:assumed-role/Admin/jane@example.com", True),
        ("jane at example.com", False),
        ("@example/team", False),
        ("jane@example", False),
        ("git@example.com", False),
        ("noreply@example.com", False),
    ],
)
def test_email_addresses(value: str, forbidden: bool) -> None:
    said = findings(load(["no-secrets"]), resource({"note": value}))
    assert [(f.rule, f.level) for f in said] == ([("no-email-addresses", "warning")] if forbidden else [])


def test_the_files_hold_nothing_that_a_scanner_takes_for_a_live_token() -> None:
    text = (shipped_folder() / "no-secrets.yaml").read_text("utf-8")
    examples = text[text.index("\nexamples:") :]
    assert re.findall(r"AKIA[A-Z0-9]{16}", examples) == ["AKIAIOSFODNN7EXAMPLE"]


def test_policies_lie_beside_the_package() -> None:
    assert {path.name for path in Path(shipped_folder()).glob("*.yaml")} == {f"{name}.yaml" for name in shipped()}
