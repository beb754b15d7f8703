# A root module that hands its tags to a module, and the module adds what only it knows.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"

  # Only so that this example can be planned without an account.
  access_key                  = "example"
  secret_key                  = "example"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

variable "environment" {
  type    = string
  default = "staging"
}

module "buckets" {
  source   = "./modules/bucket"
  for_each = { raw = "ingest", curated = "reports" }

  name    = each.key
  service = each.value
  tags = {
    owner       = "analytics"
    environment = var.environment
  }
}

output "arns" {
  value = { for name, bucket in module.buckets : name => bucket.arn }
}
