# Some tags cannot be known before the apply. costguard says `unknown` there: neither an accusation nor an all-clear.

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
    tags = {
      owner       = "data-platform"
      environment = "dev"
    }
  }
}

resource "aws_kms_key" "lake" {
  description = "lake"
  tags        = { service = "lake" }
}

# One unknown value, and the plan no longer shows any of the keys in this map; only the defaults are certain to arrive,
# and even of those the environment may be replaced by what the map holds.
resource "aws_s3_bucket" "lake" {
  bucket = "example-lake"
  tags = {
    service = "lake"
    key     = aws_kms_key.lake.arn
  }
}

# Known to be wrong, whatever else is unknown: this one fails the check.
resource "aws_glue_catalog_database" "lake" {
  name = "lake"
  tags = {
    service     = ""
    environment = "development"
  }
}

# Of some resource types the plan shows the keys even then.
resource "aws_batch_job_queue" "lake" {
  name     = "lake"
  state    = "ENABLED"
  priority = 1
  compute_environment_order {
    order               = 1
    compute_environment = "arn:aws:batch:eu-west-1:123456789012:compute-environment/lake"
  }
  tags = {
    service = "lake"
    key     = aws_kms_key.lake.arn
  }
}
