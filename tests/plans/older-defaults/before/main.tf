# What exists before the plan, with the defaults of that time.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

locals {
  three = { owner = "platform", service = "shop", environment = "dev" }
  one   = { owner = "platform" }
}

provider "aws" {
  alias                       = "shrinking"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.three
  }
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
    tags = local.one
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
    tags = local.three
  }
}

resource "aws_sns_topic" "shrinking_frozen" {
  provider = aws.shrinking
  name     = "shrinking_frozen"

  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

resource "aws_sns_topic" "growing_frozen" {
  provider = aws.growing
  name     = "growing_frozen"

  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

resource "aws_sns_topic" "turning_frozen" {
  provider = aws.turning
  name     = "turning_frozen"

  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}

resource "aws_sns_topic" "turning_steady" {
  provider = aws.turning
  name     = "turning_steady"
}

resource "aws_sns_topic" "shrinking_steady" {
  provider = aws.shrinking
  name     = "shrinking_steady"
}
