# Tags that are not an attribute `tags` of the resource itself, and attributes `tags` that are not tags.

# --- 8: Auto Scaling -------------------------------------------------------------------------------

resource "aws_autoscaling_group" "ok" {
  name               = "ok"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = true
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

# The provider's default owner never reaches a group; the alias is kept from the instances.
resource "aws_autoscaling_group" "static" {
  name               = "static"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  tag {
    key                 = "team"
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
    value               = "prod"
    propagate_at_launch = true
  }
}

# A dynamic block arrives expanded.
resource "aws_autoscaling_group" "dynamic" {
  name               = "dynamic"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  dynamic "tag" {
    for_each = local.complete
    content {
      key                 = tag.key
      value               = tag.key == "owner" ? "" : tag.value
      propagate_at_launch = tag.key != "service"
    }
  }
}

resource "aws_autoscaling_group" "untagged" {
  name               = "untagged"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
}

# Unknown values: the keys stay, after_unknown is aligned with the list.
resource "aws_autoscaling_group" "unknown_value" {
  name               = "unknown-value"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  tag {
    key                 = "service"
    value               = aws_sns_topic.directory.arn
    propagate_at_launch = true
  }
  tag {
    key                 = "environment"
    value               = aws_sns_topic.directory.id
    propagate_at_launch = true
  }
}

# One key is unknown: any key may be it.
resource "aws_autoscaling_group" "unknown_key" {
  name               = "unknown-key"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  tag {
    key                 = aws_sns_topic.directory.arn
    value               = "x"
    propagate_at_launch = true
  }
  tag {
    key                 = "environment"
    value               = "production"
    propagate_at_launch = true
  }
}

# Whether the owner reaches the instances is not known.
resource "aws_autoscaling_group" "unknown_propagation" {
  name               = "unknown-propagation"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  tag {
    key                 = "owner"
    value               = "payments"
    propagate_at_launch = aws_sns_topic.directory.arn == "x"
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

# for_each over a map that is not known yet: the whole list is unknown. (An untagged topic's tags_all is such a map.)
resource "aws_autoscaling_group" "unknown_dynamic" {
  name               = "unknown-dynamic"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  dynamic "tag" {
    for_each = aws_sns_topic.no_tags_bare.tags_all
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

# for_each over a set of known length with an unknown member: expanded, with an unknown key.
resource "aws_autoscaling_group" "unknown_dynamic_key" {
  name               = "unknown-dynamic-key"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  dynamic "tag" {
    for_each = toset([aws_sns_topic.directory.arn])
    content {
      key                 = tag.value
      value               = "x"
      propagate_at_launch = true
    }
  }
}

# A set cannot mark one of its members: the whole list is marked sensitive (7).
resource "aws_autoscaling_group" "sensitive_value" {
  name               = "sensitive-value"
  min_size           = 0
  max_size           = 1
  availability_zones = ["eu-west-1a"]
  launch_template {
    name = "some-template"
  }
  tag {
    key                 = "owner"
    value               = sensitive("hush-hush-owner")
    propagate_at_launch = true
  }
  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = true
  }
  tag {
    key                 = "environment"
    value               = sensitive("hush-hush-environment")
    propagate_at_launch = true
  }
}

# One tag beside a group: not a tag set, nothing to judge.
resource "aws_autoscaling_group_tag" "single" {
  autoscaling_group_name = "some-group"
  tag {
    key                 = "colour"
    value               = "blue"
    propagate_at_launch = true
  }
}

# --- 9: what an instance or a launch template creates ----------------------------------------------

# The defaults reach the template itself and nothing that it launches.
resource "aws_launch_template" "partial" {
  name = "partial"
  tags = {
    service     = "shop"
    environment = "production"
  }
  tag_specifications {
    resource_type = "instance"
    tags = {
      service     = "shop"
      environment = "production"
    }
  }
  tag_specifications {
    resource_type = "volume"
    tags = {
      Owner       = "payments"
      service     = "shop"
      environment = "prd"
    }
  }
}

resource "aws_launch_template" "complete" {
  name = "complete"
  tags = local.complete
  tag_specifications {
    resource_type = "instance"
    tags          = local.complete
  }
}

# Nothing written about what it launches: nothing to judge there.
resource "aws_launch_template" "unauthored" {
  name = "unauthored"
  tags = local.complete
}

# A specification without tags is not authored either.
resource "aws_launch_template" "specification_without_tags" {
  name = "specification-without-tags"
  tags = local.complete
  tag_specifications {
    resource_type = "instance"
  }
}

resource "aws_launch_template" "sensitive_specification" {
  name = "sensitive-specification"
  tags = local.complete
  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.complete, { environment = sensitive("hush-hush-environment") })
  }
}

resource "aws_launch_template" "unknown_specification" {
  name = "unknown-specification"
  tags = local.complete
  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.complete, { service = aws_sns_topic.directory.arn })
  }
}

resource "aws_instance" "unauthored" {
  ami           = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags = {
    service     = "shop"
    environment = "production"
  }
}

# A root device is written, its tags are not.
resource "aws_instance" "devices_untagged" {
  ami           = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags          = local.complete
  root_block_device {
    volume_size = 10
  }
  ebs_block_device {
    device_name = "/dev/sdf"
    volume_size = 10
  }
}

resource "aws_instance" "devices_tagged" {
  provider      = aws.bare
  ami           = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags          = local.complete
  root_block_device {
    volume_size = 10
    tags = {
      owner   = "payments"
      service = ""
    }
  }
  ebs_block_device {
    device_name = "/dev/sdf"
    volume_size = 10
    tags        = local.complete
  }
}

# The default owner does reach the devices of an instance: the provider sends defaults for its volumes.
resource "aws_instance" "devices_tagged_with_defaults" {
  ami           = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags          = local.complete
  root_block_device {
    tags = {
      service     = "shop"
      environment = "production"
    }
  }
}

resource "aws_instance" "volume_tags" {
  ami           = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags          = local.complete
  volume_tags = {
    service     = "shop"
    environment = "stg"
  }
}

resource "aws_instance" "volume_tags_unknown" {
  provider      = aws.bare
  ami           = "ami-00000000000000000"
  instance_type = "t3.micro"
  tags          = local.complete
  volume_tags   = merge(local.complete, { service = aws_sns_topic.directory.arn })
}

# The object refuses the defaults (an empty map is all that the provider accepts there): only its own tags arrive.
resource "aws_s3_object" "defaults_refused" {
  bucket  = "some-bucket"
  key     = "defaults-refused"
  content = "x"
  tags = {
    service     = "shop"
    environment = "production"
  }
  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_s3_object" "defaults_refused_untagged" {
  bucket  = "some-bucket"
  key     = "defaults-refused-untagged"
  content = "x"
  override_provider {
    default_tags {
      tags = {}
    }
  }
}

resource "aws_s3_object" "defaults_kept" {
  bucket  = "some-bucket"
  key     = "defaults-kept"
  content = "x"
  tags = {
    service     = "shop"
    environment = "production"
  }
}

# --- 10: selectors that look like tags -------------------------------------------------------------

resource "aws_s3_bucket_lifecycle_configuration" "selector" {
  bucket = "some-bucket"
  rule {
    id     = "x"
    status = "Enabled"
    filter {
      tag {
        key   = "Owner"
        value = "payments"
      }
    }
    expiration {
      days = 1
    }
  }
}

# Taggable itself; the tags inside its rules are selectors.
resource "aws_ce_cost_category" "selector" {
  provider     = aws.bare
  name         = "selector"
  rule_version = "CostCategoryExpression.v1"
  tags         = local.complete
  rule {
    value = "shop"
    rule {
      tags {
        key           = "Owner"
        values        = ["payments"]
        match_options = ["EQUALS"]
      }
    }
  }
}

resource "aws_backup_framework" "selector" {
  provider = aws.bare
  name     = "selector"
  tags     = local.complete
  control {
    name = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN"
    scope {
      tags = {
        Owner = "payments"
      }
    }
  }
}

# Its `tags` select what to inspect; the schema has no tags_all.
resource "aws_inspector_resource_group" "selector" {
  tags = {
    Owner = "payments"
  }
}

# --- more framework types, nested and with other shapes ----------------------------------------------

resource "aws_vpc_security_group_ingress_rule" "framework" {
  security_group_id = "sg-00000000000000000"
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "-1"
}

resource "aws_resourceexplorer2_index" "framework" {
  provider = aws.bare
  type     = "LOCAL"
}

resource "aws_appfabric_app_bundle" "framework" {
  provider = aws.bare
  tags     = local.complete
}

resource "aws_bedrock_guardrail" "framework" {
  name                      = "framework"
  blocked_input_messaging   = "no"
  blocked_outputs_messaging = "no"
  tags = {
    service     = "shop"
    environment = "development"
  }
  word_policy_config {
    words_config {
      text = "x"
    }
  }
}
