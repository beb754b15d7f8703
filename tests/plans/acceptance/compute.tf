resource "aws_launch_template" "web" {
  name          = "web"
  image_id      = "ami-0123456789abcdef0"
  instance_type = "t3.medium"
  tags          = { service = "shop" }

  tag_specifications {
    resource_type = "instance"
    tags          = local.tags
  }

  # The default_tags do not reach what a template launches.
  tag_specifications {
    resource_type = "volume"
    tags          = { service = "shop" }
  }
}

# default_tags do not reach a group either: its author believed they did.
resource "aws_autoscaling_group" "web" {
  name                = "web"
  min_size            = 2
  max_size            = 6
  vpc_zone_identifier = module.network.private_subnets

  launch_template {
    id      = aws_launch_template.web.id
    version = "$Latest"
  }

  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = true
  }
  tag {
    key                 = "environment"
    value               = "production"
    propagate_at_launch = true
  }
}

resource "aws_autoscaling_group" "workers" {
  name                = "workers"
  min_size            = 0
  max_size            = 20
  vpc_zone_identifier = module.network.private_subnets

  launch_template {
    id      = aws_launch_template.web.id
    version = "$Latest"
  }

  dynamic "tag" {
    for_each = merge(local.tags, { service = "workers" })
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

resource "aws_instance" "bastion" {
  ami           = "ami-0123456789abcdef0"
  instance_type = "t3.micro"
  subnet_id     = module.network.public_subnets["eu-west-1a"]
  tags          = { service = "bastion" }

  root_block_device {
    volume_size = 20
    tags        = { service = "bastion" }
  }
}
