# The second configuration of a life: `before` was applied, console.py changed the cloud, and this is planned.
# Every action that a plan can hold, and which of them make a violation new.
# The numbers in the comments are those of the table in tests/plans/README.md.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  default_tags {
    tags = {
      owner = "platform"
    }
  }
}

provider "aws" {
  alias                       = "bare"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
}

provider "aws" {
  alias                       = "growing"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner       = "platform"
      environment = "dev"
    }
  }
}

provider "aws" {
  alias                       = "ignoring"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = "platform"
    }
  }

  ignore_tags {
    keys = ["owner", "service"]
  }
}

# Defaults that name a resource, but one that exists already: they are known (5).
provider "aws" {
  alias                       = "from_resource"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = aws_sns_topic.registry.name
    }
  }
}

# … and defaults that name a data source that the plan has read (5, 16).
provider "aws" {
  alias                       = "from_data"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = data.aws_sns_topic.registry.name
    }
  }
}

# Defaults that were known and are no longer: the plan seems to take them away from what exists (5).
provider "aws" {
  alias                       = "turning"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner   = "platform"
      service = aws_sns_topic.derived.arn
    }
  }
}

locals {
  rest = {
    service     = "shop"
    environment = "production"
  }
  complete = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

# --- 13: no-op: nothing here is new -------------------------------------------------------------------

resource "aws_sns_topic" "kept" {
  name = "kept"
  tags = local.rest
}

# Old debt: it warns and does not block.
resource "aws_sns_topic" "debt" {
  name = "debt"
  tags = { environment = "prod" }
}

# Existing and untagged: `tags` and tags_all are known and empty.
resource "aws_sns_topic" "debt_untagged" {
  provider = aws.bare
  name     = "debt-untagged"
}

resource "aws_sns_topic" "debt_defaults_only" {
  name = "debt-defaults-only"
}

resource "aws_vpc" "debt" {
  provider   = aws.bare
  cidr_block = "10.0.0.0/16"
  tags       = local.complete
}

resource "aws_subnet" "debt" {
  vpc_id            = aws_vpc.debt.id
  cidr_block        = "10.0.0.0/24"
  availability_zone = "us-east-1a"
  tags              = local.rest
}

resource "aws_security_group" "debt" {
  name   = "debt"
  vpc_id = aws_vpc.debt.id
  tags   = local.rest
}

resource "aws_vpc_security_group_ingress_rule" "debt" {
  provider          = aws.bare
  security_group_id = aws_security_group.debt.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Framework: an update of something else.
resource "aws_vpc_security_group_ingress_rule" "described" {
  description       = "described"
  provider          = aws.bare
  security_group_id = aws_security_group.debt.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  tags              = { service = "shop" }
}

# Framework with a null over a default: applied as an empty text (4).
resource "aws_vpc_security_group_ingress_rule" "null_owner" {
  security_group_id = aws_security_group.debt.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 81
  to_port           = 81
  tags              = { owner = null, service = "shop", environment = "production" }
}

# Nobody wrote a root device, yet of an existing instance the plan shows one, and its tags (9).
resource "aws_instance" "unauthored" {
  private_ip    = "10.0.0.10"
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.debt.id
  tags          = local.rest
}

resource "aws_instance" "authored" {
  private_ip    = "10.0.0.11"
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.debt.id
  tags          = local.rest
  root_block_device {
    volume_size = 8
    tags        = { service = "shop" }
  }
}

resource "aws_instance" "volume_tags" {
  private_ip    = "10.0.0.12"
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.debt.id
  tags          = local.rest
  volume_tags   = { service = "shop" }
}

resource "aws_launch_template" "debt" {
  provider      = aws.bare
  name          = "debt"
  image_id      = "ami-12c6146b"
  instance_type = "t3.micro"
  tag_specifications {
    resource_type = "instance"
    tags          = { service = "shop" }
  }
}

resource "aws_autoscaling_group" "debt" {
  name               = "debt"
  min_size           = 0
  max_size           = 1
  availability_zones = ["us-east-1a"]
  launch_template {
    id = aws_launch_template.debt.id
  }
  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = false
  }
  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = true
  }
}

# --- 13: update ------------------------------------------------------------------------------------------

# The change pays the debt.
resource "aws_sns_topic" "fixed" {
  name = "fixed"
  tags = local.rest
}

# Something else changes; whoever touches it pays.
resource "aws_sns_topic" "touched" {
  display_name = "touched"
  name         = "touched"
  tags         = { service = "shop" }
}

resource "aws_sns_topic" "touched_compliant" {
  display_name = "touched"
  name         = "touched-compliant"
  tags         = local.rest
}

# The change takes a tag away.
resource "aws_sns_topic" "broken" {
  name = "broken"
  tags = { environment = "production" }
}

resource "aws_sns_topic" "emptied" {
  name = "emptied"
  tags = merge(local.rest, { service = "" })
}

# Every tag goes: `tags` is null in the plan.
resource "aws_sns_topic" "stripped" {
  provider = aws.bare
  name     = "stripped"
}

# An unknown value in an existing resource: the whole map is unknown, the old one is only in `before` (2).
resource "aws_sns_topic" "becomes_unknown" {
  provider = aws.bare
  name     = "becomes-unknown"
  tags     = merge(local.complete, { topic = aws_sns_topic.derived.arn })
}

# --- 13: replace -----------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "replaced" {
  name = "again-replaced"
  tags = { service = "shop" }
}

resource "aws_cloudwatch_log_group" "replaced_compliant" {
  name = "again-replaced-compliant"
  tags = local.rest
}

resource "aws_cloudwatch_log_group" "replaced_create_first" {
  name = "again-replaced-create-first"
  tags = { service = "shop" }
  lifecycle {
    create_before_destroy = true
  }
}

# --- 13: moved -------------------------------------------------------------------------------------------

moved {
  from = aws_sns_topic.old_name
  to   = aws_sns_topic.new_name
}

resource "aws_sns_topic" "new_name" {
  name = "moved"
  tags = { service = "shop" }
}

moved {
  from = aws_sns_topic.old_name_updated
  to   = aws_sns_topic.new_name_updated
}

resource "aws_sns_topic" "new_name_updated" {
  name         = "moved-updated"
  display_name = "updated"
  tags         = { service = "shop" }
}

moved {
  from = aws_sns_topic.old_place
  to   = module.topic.aws_sns_topic.this
}

module "topic" {
  source = "./modules/topic"
}

# --- 13: import, forget, delete: what goes away is not judged ----------------------------------------------

# Made by hand, imported as it is: nothing changes in the cloud, but it is new to this configuration.
import {
  to = aws_sns_topic.imported
  id = "arn:aws:sns:us-east-1:123456789012:imported"
}

resource "aws_sns_topic" "imported" {
  provider = aws.bare
  name     = "imported"
  tags     = { service = "shop" }
}

import {
  to = aws_sns_topic.imported_compliant
  id = "arn:aws:sns:us-east-1:123456789012:imported-compliant"
}

resource "aws_sns_topic" "imported_compliant" {
  provider = aws.bare
  name     = "imported-compliant"
  tags     = local.complete
}

# Imported and tagged in the same step: an update.
import {
  to = aws_sns_topic.imported_and_tagged
  id = "arn:aws:sns:us-east-1:123456789012:imported-and-tagged"
}

resource "aws_sns_topic" "imported_and_tagged" {
  name = "imported-and-tagged"
  tags = local.rest
}

# Its hand-made tag `Owner` would go; nothing takes its place.
import {
  to = aws_s3_bucket.imported
  id = "imported-bucket"
}

resource "aws_s3_bucket" "imported" {
  provider = aws.bare
  bucket   = "imported-bucket"
}

# Out of the state, still in the cloud.
removed {
  from = aws_sns_topic.forgotten
  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_sns_topic.removed
  lifecycle {
    destroy = true
  }
}

# One of two goes.
resource "aws_sns_topic" "shrinking" {
  count = 1
  name  = "shrinking-${count.index}"
  tags  = local.rest
}

# --- 14: ignored changes ---------------------------------------------------------------------------------

# The configuration has all three tags; the cloud has lost one, and that is what stays.
resource "aws_sns_topic" "ignores_tags" {
  provider = aws.bare
  name     = "ignores-tags"
  tags     = local.complete
  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

# Only `tags` is ignored: tags_all is worked out from the tags that stay.
resource "aws_sns_topic" "ignores_tags_with_defaults" {
  name = "ignores-tags-with-defaults"
  tags = local.rest
  lifecycle {
    ignore_changes = [tags]
  }
}

# tags_all is ignored too, and the console took the default owner away: it does not come back.
resource "aws_sns_topic" "ignores_defaults" {
  name = "ignores-defaults"
  tags = local.rest
  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

# One key is ignored: the edited environment is mended, the emptied owner stays.
resource "aws_sns_topic" "ignores_owner" {
  provider = aws.bare
  name     = "ignores-owner"
  tags     = local.complete
  lifecycle {
    ignore_changes = [tags["owner"]]
  }
}

# --- 15: drift -------------------------------------------------------------------------------------------

# The console changed one tag and took a default away; the plan puts both back.
resource "aws_sns_topic" "drifted" {
  name = "drifted"
  tags = local.rest
}

# The console gave it an owner; the plan takes that away again.
resource "aws_sns_topic" "drifted_extra" {
  provider = aws.bare
  name     = "drifted-extra"
  tags     = { service = "shop", environment = "production" }
}

# Deleted by hand: created again, so all of it is new.
resource "aws_sns_topic" "vanished" {
  name = "vanished"
  tags = { service = "shop" }
}

# --- defaults --------------------------------------------------------------------------------------------

# The provider has a new default: an update, although the resource is written as before.
resource "aws_sns_topic" "growing" {
  provider = aws.growing
  name     = "growing"
  tags     = { service = "shop" }
}

# Explicit and default tags that the provider ignores (6).
resource "aws_sns_topic" "ignored" {
  provider = aws.ignoring
  name     = "ignored"
  tags     = { environment = "production" }
}

resource "aws_sns_topic" "registry" {
  provider = aws.bare
  name     = "registry"
  tags     = local.complete
}

# The owner is the name of an existing topic: known, so the missing service is certain (5).
resource "aws_sns_topic" "derived" {
  provider = aws.from_resource
  name     = "derived"
  tags     = { environment = "production" }
}

resource "aws_sns_topic" "derived_from_data" {
  provider = aws.from_data
  name     = "derived-from-data"
  tags     = { environment = "production" }
}

# Its owner goes, says the plan; the apply would bring it back, or break.
resource "aws_sns_topic" "turning" {
  provider = aws.turning
  name     = "turning"
  tags     = { environment = "production" }
}

resource "aws_sns_topic" "turning_complete" {
  provider = aws.turning
  name     = "turning-complete"
  tags     = local.complete
}

# --- 16: data sources are never judged -------------------------------------------------------------------

# Known before the plan: read already, not among the changes.
data "aws_sns_topic" "registry" {
  provider = aws.bare
  name     = "registry"
}

# Waits for a change: `read`.
data "aws_sns_topic" "touched" {
  name       = "touched"
  depends_on = [aws_sns_topic.touched]
}

data "aws_iam_policy_document" "derived" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.derived.arn]
  }
}
