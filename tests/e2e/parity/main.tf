# What is applied to a cloud on loopback. Every resource is there for a way in which tags come about; what is true of
# each of them is in truth.yaml.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

# Ireland: all but an owner.
provider "aws" {
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  default_tags {
    tags = local.defaults
  }
}

# Virginia: an owner, and an alias of the environment.
provider "aws" {
  alias                       = "us"
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  default_tags {
    tags = { owner = "analytics", env = "prod" }
  }
}

# No defaults.
provider "aws" {
  alias                       = "plain"
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
}

# Ignored keys are sent all the same.
provider "aws" {
  alias                       = "ignoring"
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  default_tags {
    tags = local.defaults
  }
  ignore_tags {
    keys = ["owner"]
  }
}

variable "stage" {
  type    = string
  default = "dev"
}

variable "team" {
  description = "Given to Terraform on the command line, and to nobody else."
  type        = string
}

variable "storage_tags" {
  type = map(string)
}

variable "secret_team" {
  type      = string
  sensitive = true
}

locals {
  defaults = { service = "shop", environment = "production", cost-center = "cc-1000" }
  whole    = merge(local.defaults, { owner = "platform" })
  owners   = yamldecode(file("${path.module}/owners.yaml"))
}
