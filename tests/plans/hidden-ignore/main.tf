# ignore_tags that the configuration in the plan doesn't show: as a dynamic block here, as TF_AWS_IGNORE_TAGS_KEYS in the
# environment elsewhere. The provider leaves the keys out of tags_all, and sends them all the same (seen in the request).

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
  alias                       = "constant"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = { owner = "platform", service = "shop" }
  }

  dynamic "ignore_tags" {
    for_each = ["owner"]
    content {
      keys = [ignore_tags.value]
    }
  }
}

provider "aws" {
  alias                       = "computed"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.three
  }

  dynamic "ignore_tags" {
    for_each = ["owner"]
    content {
      keys = [ignore_tags.value]
    }
  }
}

# The constant owner is not in tags_all: nothing but ignore_tags hides it, so it is there.
resource "aws_sns_topic" "constant" {
  provider = aws.constant
  name     = "constant"
  tags     = { environment = "dev" }
}

# Its own owner is not in tags_all either; it is sent.
resource "aws_sns_topic" "own" {
  provider = aws.computed
  name     = "own"
  tags     = { owner = "checkout" }
}

# That of "own" gives away that keys are ignored here. Which ones can't be told, so the owner may be there.
resource "aws_sns_topic" "computed" {
  provider = aws.computed
  name     = "computed"
}
