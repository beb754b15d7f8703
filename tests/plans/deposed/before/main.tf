# What exists before the plan.

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

resource "aws_sns_topic" "half_replaced" {
  name = "half-replaced"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sns_topic" "tainted" {
  name = "tainted"
  tags = { owner = "payments" }
}
