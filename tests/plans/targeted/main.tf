# Only one module is planned (17): the rest of the configuration is not in the plan, which is therefore not complete.

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
}

resource "aws_sns_topic" "targeted" {
  name = "targeted"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

# The target depends on it, so it is planned as well.
resource "aws_kms_key" "dependency" {
  description = "dependency"
  tags = {
    owner       = "payments"
    environment = "production"
  }
}

resource "aws_sqs_queue" "targeted" {
  name              = "targeted"
  kms_master_key_id = aws_kms_key.dependency.id
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

# Not planned, although it has no tags at all.
resource "aws_sns_topic" "left_out" {
  name = "left-out"
}
