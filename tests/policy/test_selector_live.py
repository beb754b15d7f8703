"""Selecting what is live by what Terraform calls it: the address that a state has for it, where states were read."""

import pytest

from costguard.model.resource import Resource, TagSet, module_of
from costguard.policy.selector import Selector

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:orders"
UNDECIDED = "no state was read that says which address it has in Terraform"


def live(declared: tuple[str, ...] | None) -> Resource:
    return Resource(address=QUEUE, type="aws_sqs_queue", provider="aws", cloud="aws", id=QUEUE, declared=declared)


@pytest.mark.parametrize(
    ("selector", "declared", "selected"),
    [
        (Selector(address=("module.legacy.*",)), ("module.legacy.aws_sqs_queue.q",), True),
        (Selector(address=("module.legacy.aws_sqs_queue.q",)), ("module.legacy.aws_sqs_queue.q[0]",), True),
        (Selector(address=("module.legacy.*",)), ("module.new.aws_sqs_queue.q",), False),
        (Selector(address=("module.legacy.*",)), (), False),
        (Selector(address=("module.legacy.*",)), None, UNDECIDED),
        (Selector(address=("arn:aws:sqs:*",)), None, True),
        (Selector(address=("arn:aws:sns:*",)), None, False),
        (Selector(module=("module.legacy",)), ('module.legacy["a"].aws_sqs_queue.q',), True),
        (Selector(module=("module.legacy",)), ("aws_sqs_queue.q",), False),
        (Selector(module=("module.legacy",)), None, UNDECIDED),
        # What is certainly false stays so, whatever can't be told beside it.
        (Selector(module=("module.legacy",), account=("444455556666",)), None, UNDECIDED),
        (Selector(module=("module.legacy",), address=("arn:aws:sns:*",)), None, False),
    ],
)
def test_an_address_or_a_module_selects_by_what_the_states_declare(
    selector: Selector, declared: tuple[str, ...] | None, selected: bool | str
) -> None:
    assert selector.selects(live(declared), TagSet({})) == selected


@pytest.mark.parametrize(
    ("address", "module"),
    [
        ("aws_s3_bucket.b", ""),
        ("module.a.aws_s3_bucket.b", "module.a"),
        ('module.a["x.y"].module.b[0].aws_s3_bucket.b["module.c."]', 'module.a["x.y"].module.b[0]'),
        ("module.a.data.aws_ami.i", "module.a"),
        ("", ""),
    ],
)
def test_the_module_of_an_address_is_what_stands_before_the_resource(address: str, module: str) -> None:
    assert module_of(address) == module
