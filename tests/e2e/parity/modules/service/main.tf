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

variable "tags" {
  type    = map(string)
  default = {}
}

variable "zip" {
  type = object({ bucket = string, key = string })
}

variable "role" {
  type = string
}

resource "aws_lambda_function" "main" {
  function_name = var.name
  role          = var.role
  s3_bucket     = var.zip.bucket
  s3_key        = var.zip.key
  handler       = "main.handle"
  runtime       = "python3.12"
  tags          = merge(var.tags, { Name = var.name })
}

resource "aws_cloudwatch_log_group" "main" {
  name = "/aws/lambda/${aws_lambda_function.main.function_name}"
  tags = var.tags
}

resource "aws_sfn_activity" "main" {
  name = var.name
  tags = lookup(var.tags, "owner", "") == "" ? { app = var.name } : var.tags
}

output "function" {
  value = aws_lambda_function.main.arn
}
