# What exists before the plan: applied to an empty cloud, then changed by console.py.

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
      owner = "platform"
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
      owner = "platform"
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

resource "aws_sns_topic" "kept" {
  name = "kept"
  tags = local.rest
}

resource "aws_sns_topic" "debt" {
  name = "debt"
  tags = { environment = "prod" }
}

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

resource "aws_vpc_security_group_ingress_rule" "described" {
  provider          = aws.bare
  security_group_id = aws_security_group.debt.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 80
  to_port           = 80
  tags              = { service = "shop" }
}

resource "aws_vpc_security_group_ingress_rule" "null_owner" {
  security_group_id = aws_security_group.debt.id
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 81
  to_port           = 81
  tags              = { owner = null, service = "shop", environment = "production" }
}

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

resource "aws_sns_topic" "fixed" {
  name = "fixed"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "touched" {
  name = "touched"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "touched_compliant" {
  name = "touched-compliant"
  tags = local.rest
}

resource "aws_sns_topic" "broken" {
  name = "broken"
  tags = local.rest
}

resource "aws_sns_topic" "emptied" {
  name = "emptied"
  tags = local.rest
}

resource "aws_sns_topic" "stripped" {
  provider = aws.bare
  name     = "stripped"
  tags     = local.complete
}

resource "aws_sns_topic" "becomes_unknown" {
  provider = aws.bare
  name     = "becomes-unknown"
  tags     = local.complete
}

resource "aws_cloudwatch_log_group" "replaced" {
  name = "replaced"
  tags = { service = "shop" }
}

resource "aws_cloudwatch_log_group" "replaced_compliant" {
  name = "replaced-compliant"
  tags = local.rest
}

resource "aws_cloudwatch_log_group" "replaced_create_first" {
  name = "replaced-create-first"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "old_name" {
  name = "moved"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "old_name_updated" {
  name = "moved-updated"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "old_place" {
  name = "moved-into-module"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "shrinking" {
  count = 2
  name  = "shrinking-${count.index}"
  tags  = local.rest
}

resource "aws_sns_topic" "forgotten" {
  name = "forgotten"
}

resource "aws_sns_topic" "removed" {
  name = "removed"
}

resource "aws_sns_topic" "deleted" {
  name = "deleted"
  tags = local.rest
}

resource "aws_sns_topic" "ignores_tags" {
  provider = aws.bare
  name     = "ignores-tags"
  tags     = local.complete
}

resource "aws_sns_topic" "ignores_tags_with_defaults" {
  name = "ignores-tags-with-defaults"
  tags = local.rest
}

resource "aws_sns_topic" "ignores_defaults" {
  name = "ignores-defaults"
  tags = local.rest
}

resource "aws_sns_topic" "ignores_owner" {
  provider = aws.bare
  name     = "ignores-owner"
  tags     = local.complete
}

resource "aws_sns_topic" "drifted" {
  name = "drifted"
  tags = local.rest
}

resource "aws_sns_topic" "drifted_extra" {
  provider = aws.bare
  name     = "drifted-extra"
  tags     = { service = "shop", environment = "production" }
}

resource "aws_sns_topic" "vanished" {
  name = "vanished"
  tags = { service = "shop" }
}

resource "aws_sns_topic" "growing" {
  provider = aws.growing
  name     = "growing"
  tags     = { service = "shop" }
}

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
