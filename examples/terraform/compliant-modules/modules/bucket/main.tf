terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "name" {
  type = string
}

variable "service" {
  type = string
}

variable "tags" {
  type = map(string)
}

resource "aws_s3_bucket" "this" {
  bucket = "example-analytics-${var.name}"
  tags   = merge(var.tags, { service = var.service })
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# The tag in this filter selects objects; it is not a tag of anything.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    id     = "expire-temporary"
    status = "Enabled"
    filter {
      tag {
        key   = "Environment"
        value = "temporary"
      }
    }
    expiration {
      days = 7
    }
  }
}

output "arn" {
  value = aws_s3_bucket.this.arn
}
