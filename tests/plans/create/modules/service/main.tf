terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

module "topic" {
  source = "./topic"
}
