# One of each mistake that a review tends to miss.

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
}

locals {
  tags = {
    owner       = "payments"
    service     = "checkout"
    environment = "production"
  }
}

resource "aws_s3_bucket" "good" {
  bucket = "example-good"
  tags   = local.tags
}

# No tags at all.
resource "aws_s3_bucket" "forgotten" {
  bucket = "example-forgotten"
}

# The tag is there and says nothing.
resource "aws_sqs_queue" "blank" {
  name = "blank"
  tags = merge(local.tags, { owner = "" })
}

# AWS tag keys are case-sensitive: cost reports by `owner` do not see `Owner`.
resource "aws_sns_topic" "wrong_case" {
  name = "wrong-case"
  tags = {
    Owner       = "payments"
    service     = "checkout"
    environment = "production"
  }
}

# `team` is what this company used to call the owner, `prod` what it used to call production.
resource "aws_kms_key" "old_words" {
  description = "old words"
  tags = {
    team        = "payments"
    service     = "checkout"
    environment = "prod"
  }
}

# Written as null, this tag does not exist.
resource "aws_cloudwatch_log_group" "null_service" {
  name = "null-service"
  tags = merge(local.tags, { service = null })
}

# The environment is not one of those the policy knows.
resource "aws_ebs_volume" "qa" {
  availability_zone = "eu-west-1a"
  size              = 10
  tags              = merge(local.tags, { environment = "qa" })
}
