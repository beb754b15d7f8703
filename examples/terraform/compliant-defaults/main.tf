# Everything is tagged: what all resources share comes from the provider's default_tags, the service from each resource.

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
      owner       = "payments"
      environment = "production"
    }
  }
}

resource "aws_s3_bucket" "invoices" {
  bucket = "example-invoices"
  tags   = { service = "invoicing" }
}

# Belongs to the bucket and has no tags of its own.
resource "aws_s3_bucket_versioning" "invoices" {
  bucket = aws_s3_bucket.invoices.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_sqs_queue" "payments" {
  name = "payments"
  tags = { service = "checkout" }
}

# One value from the shared set is replaced here.
resource "aws_dynamodb_table" "sandbox" {
  name         = "sandbox"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  tags = {
    service     = "checkout"
    environment = "dev"
  }
}
