terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.main]
    }
  }
}

resource "aws_sns_topic" "bare" {
  name = "bare"
}

resource "aws_sns_topic" "main" {
  provider = aws.main
  name     = "main"
}

module "inner" {
  source    = "./inner"
  providers = { aws = aws.main }
}
