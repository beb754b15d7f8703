# Defaults that come from the environment of the run (TF_AWS_DEFAULT_TAGS_owner): the configuration in the plan does not
# know of them, they show in tags_all alone (12).

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

  default_tags {
    tags = {
      service = "shop"
    }
  }
}

resource "aws_sns_topic" "shown" {
  name = "shown"
}

# tags_all is unknown for the empty text; the topic above proves that this provider adds an owner.
resource "aws_sns_topic" "hidden" {
  name = "hidden"
  tags = {
    environment = ""
  }
}

# The map is hidden as well; an owner and a service are there whatever it holds.
resource "aws_sns_topic" "hidden_map" {
  name = "hidden-map"
  tags = {
    topic = aws_sns_topic.shown.arn
  }
}
