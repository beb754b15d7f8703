"""Writes Terraform estates of any size, as people write them, for `costguard check` to be measured on.

``estate``: one root module and its local modules. A service to a file: its own tags are built with ``merge()`` from
locals, variables and literals in the proportions of real code, next to two provider configurations with different
``default_tags``, ``for_each`` over a variable, ``count``, ``dynamic`` blocks and modules that are called several times,
with providers passed to them. Real Terraform plans it without an error and without credentials, and `terraform fmt`
has nothing to mend in it. A third of the resources lack a tag of ``policy.yaml``.

``tree``: a monorepository of many small root modules that share their local modules.

The same arguments write the same bytes.
"""

import argparse
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

Lines = list[str]
"""The lines of a file or of a part of it, without their ends; :func:`_write` aligns what `terraform fmt` aligns."""
Forms = Sequence[tuple[int, Lines]]
"""The values that `tags` has, each with how often it comes; without lines where there is no `tags`."""

VERSIONS = """\
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}
"""
PROVIDERS = """\
provider "aws" {
  region = "eu-west-2"
  access_key = "none"
  secret_key = "none"
  skip_credentials_validation = true
  skip_metadata_api_check = true
  skip_requesting_account_id = true

  default_tags {
    tags = local.default_tags
  }
}

# What is kept for a disaster carries less than the rest.
provider "aws" {
  alias = "replica"
  region = "eu-west-1"
  access_key = "none"
  secret_key = "none"
  skip_credentials_validation = true
  skip_metadata_api_check = true
  skip_requesting_account_id = true

  default_tags {
    tags = { managed-by = "terraform" }
  }
}
"""
VARIABLES = """\
variable "environment" {
  description = "Where this runs."
  type = string
  default = "dev"

  validation {
    condition = contains(["production", "staging", "dev"], var.environment)
    error_message = "One of production, staging and dev."
  }
}

variable "owner" {
  description = "The team that answers for it."
  type = string
}

variable "extra_tags" {
  type = map(string)
  default = {}
}

variable "network" {
  type = object({
    vpc_id = string
    subnets = list(string)
  })
}

variable "stores" {
  description = "The stores of each service."
  type = map(object({
    size = number
    tags = optional(map(string), {})
  }))
  default = {}
}

variable "password" {
  type = string
  sensitive = true
}
"""
VALUES = """\
environment = "production"
owner = "{owner}"
password = "correct-horse-battery"

extra_tags = {{
  cost-centre = "cc-{number}"
}}

network = {{
  vpc_id = "vpc-0a1b2c3d4e5f60718"
  subnets = ["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"]
}}

stores = {{
  orders = {{
    size = 20
    tags = {{ data-classification = "confidential" }}
  }}
  events = {{
    size = 40
    tags = {{ owner = "team-data" }}
  }}
  cache = {{
    size = 10
  }}
}}
"""
LOCALS = """\
locals {{
  name = "{name}-${{var.environment}}"
  is_production = var.environment == "production"

  default_tags = {{
    environment = var.environment
    managed-by = "terraform"
    repository = "estate"
  }}

  tags = merge(local.default_tags, var.extra_tags, {{
    owner = lower(var.owner)
    service = "{name}"
    criticality = local.is_production ? "high" : "low"
  }})
}}
"""
MODULE_VARIABLES = """\
variable "name" {
  type = string
}

variable "tags" {
  type = map(string)
  default = {}
}

variable "network" {
  type = object({
    vpc_id = string
    subnets = list(string)
  })
}

variable "stores" {
  type = map(object({
    size = number
    tags = optional(map(string), {})
  }))
  default = {}
}

variable "copies" {
  type = number
  default = 1
}
"""

# Resources as they come in an estate: how often, the type, the body. «name» is the resource's name in its cloud, «ref»
# the label of the block, «tags» the map that its tags are built from.
TAGGED = """\
6 aws_s3_bucket
  bucket = "«name»"
  force_destroy = false
5 aws_cloudwatch_log_group
  name = "/estate/«name»"
  retention_in_days = 30
5 aws_iam_role
  name = "«name»"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action = "sts:AssumeRole"
      Effect = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
4 aws_sqs_queue
  name = "«name»"
  message_retention_seconds = 86400
  visibility_timeout_seconds = 30
3 aws_sns_topic
  name = "«name»"
4 aws_security_group
  name = "«name»"
  description = "What may reach «name»"
  vpc_id = var.network.vpc_id

  dynamic "ingress" {
    for_each = toset(["80", "443"])

    content {
      from_port = ingress.value
      to_port = ingress.value
      protocol = "tcp"
      cidr_blocks = ["10.0.0.0/8"]
    }
  }
3 aws_dynamodb_table
  name = "«name»"
  billing_mode = "PAY_PER_REQUEST"
  hash_key = "id"

  attribute {
    name = "id"
    type = "S"
  }
3 aws_kms_key
  description = "Encrypts «name»"
  enable_key_rotation = true
  deletion_window_in_days = 30
3 aws_lambda_function
  function_name = "«name»"
  role = "arn:aws:iam::123456789012:role/«name»"
  handler = "app.handler"
  runtime = "python3.12"
  s3_bucket = "artefacts"
  s3_key = "«name».zip"

  environment {
    variables = {
      LOG_LEVEL = "info"
      NAME = "«name»"
    }
  }
2 aws_instance
  ami = "ami-0abcdef1234567890"
  instance_type = "t3.micro"
  subnet_id = element(var.network.subnets, 0)

  root_block_device {
    encrypted = true
    volume_size = 20
  }
2 aws_lb_target_group
  name = substr("«ref»", 0, 32)
  port = 8080
  protocol = "HTTP"
  vpc_id = var.network.vpc_id

  health_check {
    path = "/health"
    matcher = "200-299"
  }
2 aws_cloudwatch_metric_alarm
  alarm_name = "«name»"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods = 3
  metric_name = "Errors"
  namespace = "AWS/Lambda"
  period = 60
  statistic = "Sum"
  threshold = 5
  dimensions = {
    FunctionName = "«name»"
  }
1 aws_launch_template
  name = "«name»"
  image_id = "ami-0abcdef1234567890"
  instance_type = "t3.micro"

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.value
      tags = «tags»
    }
  }
1 aws_ecr_repository
  name = "«name»"
  image_tag_mutability = "IMMUTABLE"
1 aws_ssm_parameter
  name = "/estate/«name»"
  type = "String"
  value = "on"
"""
# These have no `tags`.
PLAIN = """\
3 aws_iam_role_policy
  name = "«name»"
  role = "«name»"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Action = ["s3:GetObject", "s3:PutObject"]
      Effect = "Allow"
      Resource = "*"
    }]
  })
2 aws_s3_bucket_versioning
  bucket = "«name»"

  versioning_configuration {
    status = "Enabled"
  }
2 aws_route53_record
  zone_id = "Z0123456789ABCDEFGHIJ"
  name = "«ref».example.com"
  type = "CNAME"
  ttl = 300
  records = ["«ref».internal.example.com"]
1 aws_lambda_permission
  action = "lambda:InvokeFunction"
  function_name = "«name»"
  principal = "events.amazonaws.com"
1 aws_autoscaling_group
  name = "«name»"
  min_size = 1
  max_size = 3
  vpc_zone_identifier = var.network.subnets

  launch_template {
    id = "lt-0abcdef1234567890"
    version = "$Latest"
  }

  dynamic "tag" {
    for_each = «tags»

    content {
      key = tag.key
      value = tag.value
      propagate_at_launch = true
    }
  }
"""
SERVICES = ("checkout", "catalogue", "search", "ledger", "mail", "stock", "reports", "identity", "pricing", "returns")
MODULES = ("queue", "store", "worker", "site", "stream", "cache", "archive", "gateway", "batch", "audit")


def write_estate(folder: Path, resources: int, files: int, seed: int = 1) -> None:
    """One root module and its local modules: together exactly so many resource blocks in so many ``.tf`` files."""
    rng = random.Random(f"estate {resources} {files} {seed}")
    modules = files // 10
    services = files - 6 - 3 * modules
    assert services > 0, "an estate has at least 8 files"
    share = _shares(resources, [1] * modules + [2] * services)
    for number in range(modules):
        _write_module(rng, folder / "modules" / _numbered(MODULES, number), share[number])
    calls = [(_numbered(MODULES, number), "./modules") for number in range(modules)]
    _write_root(rng, folder, "estate", share[modules:], calls)


def write_tree(folder: Path, files: int, seed: int = 1) -> None:
    """Many root modules, ``live/TEAM/SERVICE``, with the few modules that they share."""
    rng = random.Random(f"tree {files} {seed}")
    modules = max(1, files // 300)
    for number in range(modules):
        _write_module(rng, folder / "modules" / _numbered(MODULES, number), rng.randint(2, 8))
    left, root = files - 3 * modules, 0
    while left >= 7:
        services = min(rng.choice((1, 1, 2, 2, 3, 5)), left - 6)
        left -= 6 + services
        if left < 7:  # The last root takes the rest.
            services, left = services + left, 0
        team, service = f"team-{root // 40:02}", _numbered(SERVICES, root % 40)
        calls = [(_numbered(MODULES, rng.randrange(modules)), "../../../modules") for _ in range(rng.randint(0, 2))]
        shares = [rng.randint(2, 12) for _ in range(services)]
        _write_root(rng, folder / "live" / team / service, f"{team}-{service}", shares, calls)
        root += 1


def _write_root(
    rng: random.Random, folder: Path, name: str, services: Sequence[int], calls: Sequence[tuple[str, str]]
) -> None:
    team = f"Team-{rng.randrange(40)}"
    _write(folder / "versions.tf", VERSIONS.splitlines())
    _write(folder / "providers.tf", PROVIDERS.splitlines())
    _write(folder / "variables.tf", VARIABLES.splitlines())
    _write(folder / "terraform.tfvars", VALUES.format(owner=team, number=rng.randint(1000, 9999)).splitlines())
    _write(folder / "locals.tf", LOCALS.format(name=name).splitlines())
    outputs: Lines = []
    for number, count in enumerate(services):
        service = _numbered(SERVICES, number)
        lines = _service(rng, service, count)
        _write(folder / f"{service}.tf", lines)
        outputs += [f'output "{service}_tags" {{', f"  value = local.{_word(service)}_tags", "}", ""]
    _write(folder / "outputs.tf", outputs)
    _write(folder / "modules.tf", [line for number, call in enumerate(calls) for line in _calls(rng, number, *call)])


def _service(rng: random.Random, service: str, count: int) -> Lines:
    """A file with ``count`` resources of one service."""
    word = _word(service)
    lines = [
        "locals {",
        f"  {word}_tags = merge(local.tags, {{",
        f'    service = "{service}"',
        "  })",
        "}",
        "",
    ]
    tags: Forms = (
        (30, [f'merge(local.{word}_tags, {{ Name = "«name»" }})']),
        (12, [f"merge(local.{word}_tags, {{", '  Name = "«name»"', '  tier = "backend"', "})"]),
        (8, ["merge(local.tags, var.extra_tags, {", '  Name = "«name»"', f'  service = "{service}"', "})"]),
        (14, [f"local.{word}_tags"]),
        (10, ["{", '  Name = "«name»"', f'  service = "{service}"', '  owner = "team-a"', "}"]),
        (6, ["{", '  Name = "«name»"', '  team = "team-a"', f'  service = "{service}"', "}"]),
        (2, ['{ Name = "«name»" }']),
        (12, []),
    )
    for left in range(count, 0, -1):
        name = f"${{local.name}}-{service}-{left}"
        replica = ["provider = aws.replica", ""] if rng.random() < 0.05 else []
        lines += _resource(rng, f"{word}_{left}", name, tags, f"local.{word}_tags", "2", replica)
    return lines


def _write_module(rng: random.Random, folder: Path, count: int) -> None:
    tags: Forms = (
        (30, ['merge(var.tags, { Name = "«name»" })']),
        (20, ["var.tags"]),
        (6, ["merge(var.tags, {", '  Name = "«name»"', f'  service = "{folder.name}"', "})"]),
        (8, []),
    )
    lines: Lines = []
    for left in range(count, 0, -1):
        lines += _resource(rng, f"this_{left}", f"${{var.name}}-{left}", tags, "var.tags", "var.copies", [])
    _write(folder / "main.tf", lines)
    _write(folder / "variables.tf", MODULE_VARIABLES.splitlines())
    _write(folder / "outputs.tf", ['output "name" {', "  value = var.name", "}"])


def _calls(rng: random.Random, number: int, module: str, where: str) -> Iterator[str]:
    """Two calls of a module: one of them once for each of several names, or through the other provider."""
    for call in (f"{_word(module)}_{number}", f"{_word(module)}_{number}_second"):
        yield f'module "{call}" {{'
        yield f'  source = "{where}/{module}"'
        form = rng.randrange(4)
        if form == 0:
            yield '  for_each = toset(["blue", "green"])'
        yield ""
        suffix = "-${each.key}" if form == 0 else ""
        yield f'  name = "${{local.name}}-{call.replace("_", "-")}{suffix}"'
        yield "  network = var.network"
        yield "  stores = var.stores"
        yield f"  copies = {rng.randint(1, 3)}"
        yield f'  tags = merge(local.tags, {{ service = "{module}" }})' if form else "  tags = local.tags"
        if form == 1:
            yield ""
            yield "  providers = {"
            yield "    aws = aws.replica"
            yield "  }"
        yield "}"
        yield ""


def _resource(
    rng: random.Random, ref: str, name: str, tags: Forms, all_tags: str, copies: str, provider: Lines
) -> Lines:
    """One resource block, with an empty line behind it."""
    held: Lines = []
    if rng.random() < 0.25:
        type_, body = _choice(rng, _bodies(PLAIN))
    else:
        type_, body = _choice(rng, _bodies(TAGGED))
        held = _choice(rng, tags)
    form = rng.random()
    head: Lines = []
    if form < 0.05 and held:
        head, name = ["for_each = var.stores", ""], f"{name}-${{each.key}}"
        held = [f"merge({held[0] if len(held) == 1 else all_tags}, each.value.tags)"]
    elif form < 0.09:
        head, name = [f"count = {copies}", ""], f"{name}-${{count.index}}"
    lines = [*head, *provider, *body]
    if held:
        lines += ["", f"tags = {held[0]}", *held[1:]]
    if form > 0.97:
        lines += ["", "lifecycle {", "  prevent_destroy = false", "}"]
    inside = [f"  {line}".rstrip() for line in lines]
    return [
        line.replace("«name»", name).replace("«ref»", ref.replace("_", "-")).replace("«tags»", all_tags)
        for line in (f'resource "{type_}" "{ref}" {{', *inside, "}", "")
    ]


@cache
def _bodies(text: str) -> list[tuple[int, tuple[str, Lines]]]:
    """Each type and its body, by how often it comes."""
    bodies: list[tuple[int, tuple[str, Lines]]] = []
    for line in text.splitlines():
        if line and not line.startswith(" "):
            weight, type_ = line.split()
            bodies.append((int(weight), (type_, [])))
        else:
            bodies[-1][1][1].append(line.removeprefix("  "))
    return bodies


T = TypeVar("T")


def _choice(rng: random.Random, weighted: Sequence[tuple[int, T]]) -> T:
    return rng.choices([one for _, one in weighted], [weight for weight, _ in weighted])[0]


def _shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` in whole parts in proportion to the weights."""
    bounds = [0]
    for weight in weights:
        bounds.append(bounds[-1] + weight)
    edges = [total * bound // bounds[-1] for bound in bounds]
    return [end - begin for begin, end in pairwise(edges)]


def _numbered(names: Sequence[str], number: int) -> str:
    round_, name = divmod(number, len(names))
    return f"{names[name]}-{round_}" if round_ else names[name]


def _word(name: str) -> str:
    return name.replace("-", "_")


_ASSIGNMENT = re.compile(r"(\s*)([\w-]+) = (?!.*[\[{(]$)")


def _write(path: Path, lines: Sequence[str]) -> None:
    """The file, with the equals signs of neighbouring lines aligned as `terraform fmt` aligns them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out: Lines = []
    run: list[re.Match[str]] = []

    def flush() -> None:
        width = max((len(found[2]) for found in run), default=0)
        out.extend(f"{found[1]}{found[2]:{width}} = {found.string[found.end() :]}" for found in run)
        run.clear()

    for line in lines:
        if found := _ASSIGNMENT.match(line):
            run.append(found)
        else:
            flush()
            out.append(line)
    flush()
    path.write_text("\n".join(out).rstrip("\n") + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=("estate", "tree"))
    parser.add_argument("folder", type=Path, help="where to write it; made if it isn't there")
    parser.add_argument("--files", type=int, default=100, help="how many .tf files (default 100)")
    parser.add_argument("--resources", type=int, default=2_000, help="how many resource blocks an estate has")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    if wanted.shape == "estate":
        write_estate(wanted.folder, wanted.resources, wanted.files, wanted.seed)
    else:
        write_tree(wanted.folder, wanted.files, wanted.seed)


if __name__ == "__main__":
    main()
