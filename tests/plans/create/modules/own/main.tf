terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner       = var.owner
      environment = "dev"
    }
  }
}

variable "owner" {
  type = string
}

resource "aws_sns_topic" "this" {
  tags = {
    service = "shop"
  }
}
