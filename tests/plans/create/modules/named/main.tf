# The provider under a name of the module's own: the key is `module.named:cloud` and does not say `aws`.
terraform {
  required_providers {
    cloud = {
      source = "hashicorp/aws"
    }
  }
}

provider "cloud" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner   = "payments"
      service = "shop"
    }
  }
}

resource "aws_sns_topic" "this" {
  provider = cloud
  name     = "cloud"
}

resource "aws_sqs_queue" "unknown" {
  provider = cloud
  name     = "cloud-unknown"
  tags     = { topic = aws_sns_topic.this.arn }
}
