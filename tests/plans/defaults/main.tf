# What a provider's default_tags give to a resource whose own plan does not show it (2, 3, 5, 12): because one value
# is unknown or empty, tags_all says nothing, and only the configuration and the other resources of the same provider do.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
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
}

# Numbers and truth values: constant_value has them as such, a tag is always text.
provider "aws" {
  alias                       = "numbers"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner   = 42
      service = true
    }
  }
}

# The local holds an owner and nothing else, which an untagged resource proves.
provider "aws" {
  alias                       = "one_local"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.one
  }
}

# A framework resource with a null shows an empty text in tags_all: that is no default.
provider "aws" {
  alias                       = "framework"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.one
  }
}

# A data source that waits for the apply.
provider "aws" {
  alias                       = "deferred"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = data.aws_iam_policy_document.deferred.json
    }
  }
}

# An output of a module, unknown.
provider "aws" {
  alias                       = "output"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = module.topic.arn
    }
  }
}

# A condition that is unknown, over values that are not: the whole map is.
provider "aws" {
  alias                       = "conditional"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = aws_sns_topic.later.arn == "x" ? { owner = "a" } : { owner = "b" }
  }
}

# Known, as far from constant as it is.
provider "aws" {
  alias                       = "workspace"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      environment = terraform.workspace == "default" ? "dev" : "production"
    }
  }
}

locals {
  one = { owner = "platform" }
}

# Makes others unknown.
resource "aws_sns_topic" "later" {
  name = "later"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

module "topic" {
  source = "./modules/topic"
}

data "aws_iam_policy_document" "deferred" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.later.arn]
  }
}

# --- numbers ---------------------------------------------------------------------------------------------

resource "aws_sns_topic" "numbers" {
  provider = aws.numbers
  name     = "numbers"
  tags     = { environment = 1 }
}

resource "aws_sqs_queue" "numbers_hidden" {
  provider = aws.numbers
  name     = "numbers-hidden"
  tags     = { topic = aws_sns_topic.later.arn }
}

resource "aws_sns_topic" "numbers_empty" {
  provider = aws.numbers
  name     = "numbers-empty"
  tags     = { environment = "" }
}

# --- one_local: what one resource shows, another may lean on -------------------------------------------------

# No tags of its own: tags_all is exactly the defaults.
resource "aws_sns_topic" "one_local" {
  provider = aws.one_local
  name     = "one-local"
}

# tags_all equals `tags`, as it would with unknown defaults; the topic above rules that out.
resource "aws_sns_topic" "one_local_overridden" {
  provider = aws.one_local
  name     = "one-local-overridden"
  tags     = { owner = "payments" }
}

resource "aws_sns_topic" "one_local_empty" {
  provider = aws.one_local
  name     = "one-local-empty"
  tags     = { service = "" }
}

resource "aws_sqs_queue" "one_local_hidden" {
  provider = aws.one_local
  name     = "one-local-hidden"
  tags     = { topic = aws_sns_topic.later.arn }
}

# Framework: its keys are known, its tags_all is not.
resource "aws_rekognition_collection" "one_local_unknown" {
  provider      = aws.one_local
  collection_id = "one-local-unknown"
  tags          = { service = aws_sns_topic.later.arn }
}

# --- framework: an empty text that is not a default ----------------------------------------------------------

resource "aws_rekognition_collection" "framework_null" {
  provider      = aws.framework
  collection_id = "framework-null"
  tags          = { service = null, environment = "dev" }
}

resource "aws_sqs_queue" "framework_hidden" {
  provider = aws.framework
  name     = "framework-hidden"
  tags     = { topic = aws_sns_topic.later.arn }
}

# --- unknown, each in its way ------------------------------------------------------------------------------

resource "aws_sns_topic" "deferred" {
  provider = aws.deferred
  name     = "deferred"
  tags     = { environment = "dev" }
}

resource "aws_sns_topic" "output" {
  provider = aws.output
  name     = "output"
  tags     = { environment = "dev" }
}

resource "aws_sns_topic" "conditional" {
  provider = aws.conditional
  name     = "conditional"
  tags     = { environment = "dev" }
}

# --- known -----------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "workspace" {
  provider = aws.workspace
  name     = "workspace"
  tags     = { owner = "payments" }
}

# --- and things beside ---------------------------------------------------------------------------------------

# One tag on something else: a tag resource is not a tag set.
resource "aws_ec2_tag" "single" {
  resource_id = "vpc-00000000000000000"
  key         = "owner"
  value       = "payments"
}
