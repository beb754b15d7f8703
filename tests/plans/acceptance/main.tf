# An estate as an average platform team would write it: a shared network, two services from one module, a static
# site that somebody moved to a provider without default_tags, compute, and data. About 40 resources, with the
# mistakes that such code really has; truth.yaml counts them.

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

  default_tags {
    tags = {
      owner       = "platform"
      environment = "production"
      managed-by  = "terraform"
    }
  }
}

# For what must live in us-east-1. Nobody copied the default_tags.
provider "aws" {
  alias                       = "bare"
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variable "services" {
  type = map(object({
    retention = optional(number, 30)
    tags      = optional(map(string), {})
  }))
}

locals {
  tags = {
    owner       = "platform"
    service     = "shop"
    environment = "production"
  }
}

module "network" {
  source = "./modules/network"
  zones  = ["eu-west-1a", "eu-west-1b"]
  tags   = { service = "network" }
}

module "service" {
  source   = "./modules/service"
  for_each = var.services

  name      = each.key
  retention = each.value.retention
  tags      = each.value.tags
}

module "site" {
  source    = "./modules/site"
  providers = { aws = aws.bare }
  name      = "shop-site"
}
