# State that the plan leaves alone shows the defaults of an older configuration, and proves nothing about the present
# ones. Every provider here names its defaults through a local, so that the configuration doesn't show them.

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

# Unknown until the first plan with it is applied.
resource "aws_sns_topic" "later" {
  provider = aws.shrinking
  name     = "later"
  tags     = local.three
}

# It had three defaults and has one.
provider "aws" {
  alias                       = "shrinking"
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

# It had one default and has three.
provider "aws" {
  alias                       = "growing"
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

# It had three; now one of them is known only after apply, and so none is shown.
provider "aws" {
  alias                       = "turning"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = merge(local.one, { run = aws_sns_topic.later.arn })
  }
}

# Frozen: what the cloud has is what stays.
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

# The present defaults replace the older ones.
resource "aws_sns_topic" "shrinking_steady" {
  provider = aws.shrinking
  name     = "shrinking_steady"
}

# The update seems to remove all defaults; what is there after apply can't be told.
resource "aws_sns_topic" "turning_steady" {
  provider = aws.turning
  name     = "turning_steady"
}

# tags_all is unknown for the empty text. Nothing in the plan shows the defaults that "growing" has now; that one resource
# kept a single owner says nothing.
resource "aws_sns_topic" "growing_hidden" {
  provider = aws.growing
  name     = "growing_hidden"
  tags     = { note = "" }
}

# "later" shows what "shrinking" adds: nothing that it doesn't set itself, so nothing can be told of the three keys.
resource "aws_sns_topic" "shrinking_hidden" {
  provider = aws.shrinking
  name     = "shrinking_hidden"
  tags     = { note = "" }
}
