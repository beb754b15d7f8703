# A module that tags what it makes, called in three ways. What reaches its resources depends on the caller.

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

  default_tags {
    tags = {
      environment = "production"
    }
  }
}

# The second region was added in a hurry, without default_tags.
provider "aws" {
  alias  = "frankfurt"
  region = "eu-central-1"

  access_key                  = "example"
  secret_key                  = "example"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

module "orders" {
  source  = "./modules/worker"
  service = "orders"
  tags    = { owner = "fulfilment" }
}

# Nobody is named.
module "returns" {
  source  = "./modules/worker"
  service = "returns"
}

# With the other provider, the default environment is gone.
module "orders_backup" {
  source    = "./modules/worker"
  providers = { aws = aws.frankfurt }
  service   = "orders"
  tags      = { owner = "fulfilment" }
}
