# An Auto Scaling group never gets the provider's default_tags, and its instances get only what is propagated to them:
# the group, the launch template and what both of them start are tagged from one map.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"

  # Only so that this example can be planned without an account.
  access_key                  = "example"
  secret_key                  = "example"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = {
    owner       = "search"
    service     = "indexer"
    environment = "staging"
  }
}

resource "aws_launch_template" "indexer" {
  name          = "indexer"
  instance_type = "t3.medium"
  image_id      = "ami-0123456789abcdef0"

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])
    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }
}

resource "aws_autoscaling_group" "indexer" {
  name                = "indexer"
  min_size            = 1
  max_size            = 4
  vpc_zone_identifier = ["subnet-0123456789abcdef0"]

  launch_template {
    id      = aws_launch_template.indexer.id
    version = aws_launch_template.indexer.latest_version
  }

  dynamic "tag" {
    for_each = local.tags
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  # Only the group itself needs to know who may scale it.
  tag {
    key                 = "scaled-by"
    value               = "cluster-autoscaler"
    propagate_at_launch = false
  }
}

resource "aws_autoscaling_policy" "indexer" {
  name                   = "indexer"
  autoscaling_group_name = aws_autoscaling_group.indexer.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    target_value = 60
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
