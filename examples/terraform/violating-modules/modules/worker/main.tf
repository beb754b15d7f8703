terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "service" {
  type = string
}

variable "tags" {
  type    = map(string)
  default = {}
}

locals {
  tags = merge(var.tags, { service = var.service })
}

resource "aws_sqs_queue" "jobs" {
  for_each = toset(["fast", "slow"])
  name     = "${var.service}-${each.key}"
  tags     = local.tags
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/worker/${var.service}"
  retention_in_days = 30
  tags              = local.tags
}
