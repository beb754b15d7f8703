terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

# These tags were right before the policy had one word for each.
resource "aws_db_instance" "payments" {
  identifier        = "payments"
  instance_class    = "db.m5.large"
  engine            = "postgres"
  allocated_storage = 20

  tags = {
    team        = "payments"
    app         = "payments"
    environment = "production"
  }
}
