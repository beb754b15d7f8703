# What a state shows of resources differs from type to type: their own ARN, another's, none, or a wrong one.
# state.json and show.json beside this file are what Terraform 1.11 and the provider 5.100 made of it on moto.

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
  max_retries                 = 2
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

data "aws_caller_identity" "me" {}

resource "aws_vpc" "net" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "zone" {
  for_each          = { a = "10.0.1.0/24", "b $${x}\"" = "10.0.2.0/24" }
  vpc_id            = aws_vpc.net.id
  cidr_block        = each.value
  availability_zone = "eu-west-1a"
}

# No ARN in the state.
resource "aws_eip" "out" {
  domain = "vpc"
}

resource "aws_nat_gateway" "out" {
  allocation_id = aws_eip.out.id
  subnet_id     = aws_subnet.zone["a"].id
}

# An ARN without the account.
resource "aws_vpc_dhcp_options" "net" {
  domain_name = "example.com"
}

# An ARN with the name, where AWS has the id.
resource "aws_key_pair" "key" {
  key_name   = "key"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9cfLj2mfSPbmmMBYHzqbRr0lFhWv5oRZJZ8Z5w0pYt nobody"
}

# Volumes that have no resource of their own.
resource "aws_instance" "web" {
  count         = 2
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.zone["a"].id

  root_block_device {
    volume_size = 10
  }
}

resource "aws_s3_bucket" "site" {
  bucket = "costguard-states-site"
}

# Another's ARN, and another's id.
resource "aws_sns_topic" "news" {
  name = "news"
}

resource "aws_sns_topic_policy" "news" {
  arn = aws_sns_topic.news.arn
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "sns:Publish", Resource = aws_sns_topic.news.arn }]
  })
}

resource "aws_secretsmanager_secret" "password" {
  name = "password"
}

resource "aws_secretsmanager_secret_version" "password" {
  secret_id     = aws_secretsmanager_secret.password.id
  secret_string = "hunter2-hunter2"
}

resource "aws_ssm_parameter" "password" {
  name  = "/app/password"
  type  = "SecureString"
  value = "hunter2-hunter2"
}

resource "aws_cloudwatch_log_group" "app" {
  name = "/app/log"
}

# The ARN is the id.
resource "aws_cloudformation_stack" "stack" {
  name          = "stack"
  template_body = jsonencode({ Resources = { Topic = { Type = "AWS::SNS::Topic" } } })
}

module "topic" {
  source   = "./topic"
  for_each = toset(["orders.eu", "mails"])
  name     = replace(each.key, ".", "-")
}
