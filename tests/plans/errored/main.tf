# A plan that stopped half way (17). Terraform writes the file all the same, marked errored: what it holds is judged,
# and what it does not hold may be anything, so the run is incomplete.

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

resource "aws_sns_topic" "before_the_error" {
  name = "before-the-error"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

resource "aws_sns_topic" "before_the_error_untagged" {
  name = "before-the-error-untagged"
}

# Planned, and then refused by its own condition.
resource "aws_sns_topic" "refused" {
  name = "refused"
  tags = { owner = "payments" }
  lifecycle {
    postcondition {
      condition     = contains(keys(self.tags), "service")
      error_message = "Every topic names its service."
    }
  }
}

# Waits for the refused one: the plan says nothing about it, although it has no tags.
resource "aws_sns_topic" "after_the_error" {
  name       = "after-the-error"
  depends_on = [aws_sns_topic.refused]
}

# Refused before it was planned.
resource "aws_sns_topic" "refused_before" {
  name = "refused-before"
  lifecycle {
    precondition {
      condition     = aws_sns_topic.before_the_error.name == "something else"
      error_message = "Not under this name."
    }
  }
}
