# Which launch template a group uses, and so which tags its instances get beside what the group propagates.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

locals {
  complete = { owner = "payments", service = "shop", environment = "dev" }
}

resource "aws_launch_template" "by_key" {
  for_each      = { tagged = local.complete, plain = { Name = "x" } }
  name          = each.key
  image_id      = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags          = local.complete

  tag_specifications {
    resource_type = "instance"
    tags          = each.value
  }
}

# The instances get the tags of this very instance of the template.
resource "aws_autoscaling_group" "tagged" {
  name               = "tagged"
  min_size           = 0
  max_size           = 1
  availability_zones = ["us-east-1a"]

  launch_template {
    id = aws_launch_template.by_key["tagged"].id
  }

  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = false
  }

  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = false
  }

  tag {
    key                 = "environment"
    value               = "dev"
    propagate_at_launch = false
  }
}

resource "aws_autoscaling_group" "plain" {
  name               = "plain"
  min_size           = 0
  max_size           = 1
  availability_zones = ["us-east-1a"]

  launch_template {
    id = aws_launch_template.by_key["plain"].id
  }

  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = false
  }

  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = false
  }

  tag {
    key                 = "environment"
    value               = "dev"
    propagate_at_launch = false
  }
}

# Either of the two: what one of them lacks can't be told.
variable "small" {
  type    = bool
  default = true
}

resource "aws_autoscaling_group" "either" {
  name               = "either"
  min_size           = 0
  max_size           = 1
  availability_zones = ["us-east-1a"]

  launch_template {
    id = (var.small ? aws_launch_template.by_key["plain"].id : aws_launch_template.by_key["tagged"].id)
  }

  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = false
  }

  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = false
  }

  tag {
    key                 = "environment"
    value               = "dev"
    propagate_at_launch = false
  }
}

# Through the output of a module.
module "template" {
  source = "./modules/template"
}

resource "aws_autoscaling_group" "through_output" {
  name               = "through-output"
  min_size           = 0
  max_size           = 1
  availability_zones = ["us-east-1a"]

  launch_template {
    id = module.template.id
  }

  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = false
  }

  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = false
  }

  tag {
    key                 = "environment"
    value               = "dev"
    propagate_at_launch = false
  }
}
