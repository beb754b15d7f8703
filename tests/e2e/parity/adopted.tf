# What somebody made by hand, with tags of their own, and Terraform takes over: theirs go, and those here come.

variable "balancer" {
  description = "The ARN of the balancer that is there."
  type        = string
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

import {
  to = aws_lb.web
  id = var.balancer
}

resource "aws_lb" "web" {
  name     = "web"
  internal = true
  subnets  = data.aws_subnets.default.ids
  tags     = { owner = var.stage == "production" ? "web" : null }
}

resource "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  tags              = { owner = "web", cost-center = "CC-1000" }
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}

import {
  to = aws_db_instance.legacy
  id = "legacy"
}

resource "aws_db_instance" "legacy" {
  identifier          = "legacy"
  engine              = "mysql"
  engine_version      = "8.0.32"
  instance_class      = "db.t3.micro"
  allocated_storage   = 10
  username            = "legacy"
  skip_final_snapshot = true
  tags                = { team = "orders", environment = "dev" }
  lifecycle {
    ignore_changes = [password, copy_tags_to_snapshot, publicly_accessible, backup_window, maintenance_window]
  }
}
