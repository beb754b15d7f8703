resource "aws_instance" "web" {
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.zone["a"].id
  tags          = { owner = "web" }
  root_block_device {
    volume_size = 8
    tags        = { team = "web" }
  }
}

resource "aws_instance" "worker" {
  count         = 3
  ami           = "ami-12c6146b"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.zone["a"].id
  tags          = { owner = "worker-${count.index}" }
  volume_tags   = { owner = count.index == 0 ? "worker" : "Worker" }
}

resource "aws_ami" "base" {
  name             = "base"
  root_device_name = "/dev/xvda"
  tags             = { owner = "platform", service = null }
  ebs_block_device {
    device_name = "/dev/xvda"
    snapshot_id = aws_ebs_snapshot.data.id
    volume_size = 1
  }
}

resource "aws_launch_template" "web" {
  name          = "web"
  image_id      = "ami-12c6146b"
  instance_type = "t3.micro"
  tags          = { owner = "web" }
}

# No defaults reach a group, and of its own tags only one reaches what it launches.
resource "aws_autoscaling_group" "web" {
  name                      = "web"
  min_size                  = 1
  max_size                  = 1
  wait_for_capacity_timeout = "0"
  availability_zones        = ["eu-west-1a"]
  launch_template {
    id = aws_launch_template.web.id
  }
  tag {
    key                 = "owner"
    value               = "web"
    propagate_at_launch = true
  }
  dynamic "tag" {
    for_each = local.defaults
    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = tag.key != "service"
    }
  }
}

resource "aws_autoscaling_group" "idle" {
  name                      = "idle"
  min_size                  = 0
  max_size                  = 0
  wait_for_capacity_timeout = "0"
  availability_zones        = ["eu-west-1a"]
  launch_template {
    id = aws_launch_template.web.id
  }
}

resource "aws_ecs_cluster" "main" {
  name = "main"
  tags = { owner = "containers", environment = "" }
}

resource "aws_ecs_task_definition" "web" {
  family                = "web"
  container_definitions = jsonencode([{ name = "web", image = "web", memory = 128, essential = true }])
  tags                  = { for key, value in { OWNER = "containers" } : lower(key) => value }
}

resource "aws_ecs_service" "web" {
  name            = "web"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 0
  launch_type     = "FARGATE"
  tags            = { owner = format("%s-%s", "containers", "web") }
  network_configuration {
    subnets = [aws_subnet.zone["a"].id]
  }
}

resource "aws_eks_cluster" "main" {
  name     = "main"
  role_arn = aws_iam_role.app.arn
  tags     = { owner = var.team }
  vpc_config {
    subnet_ids = [aws_subnet.zone["a"].id, aws_subnet.zone["b"].id]
  }
}

resource "aws_ecr_repository" "web" {
  name = "web"
  tags = { owner = local.owners.registry }
}

resource "aws_batch_job_definition" "nightly" {
  provider = aws.us
  name     = "nightly"
  type     = "container"
  tags     = { service = "reports", environment = "production", cost-center = upper("cc-2000") }
  container_properties = jsonencode({
    image                = "nightly"
    resourceRequirements = [{ type = "VCPU", value = "1" }, { type = "MEMORY", value = "512" }]
  })
}

resource "aws_codebuild_project" "web" {
  name         = "web"
  service_role = aws_iam_role.app.arn
  tags         = { owner = var.secret_team }
  artifacts {
    type = "NO_ARTIFACTS"
  }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "build"
    type         = "LINUX_CONTAINER"
  }
  source {
    type     = "S3"
    location = "b/x.zip"
  }
}

resource "aws_sfn_state_machine" "orders" {
  name     = "orders"
  role_arn = aws_iam_role.app.arn
  tags     = zipmap(["owner", "service"], ["orders", "Orders"])
  definition = jsonencode({
    StartAt = "all"
    States  = { all = { Type = "Task", Resource = module.service["api"].function, End = true } }
  })
}

module "service" {
  source   = "./modules/service"
  for_each = { api = { owner = "api" }, batch = {} }
  name     = each.key
  tags     = each.value
  zip      = aws_s3_object.zip
  role     = aws_iam_role.app.arn
}

# The same module with the other provider, and so with its defaults.
module "american" {
  source    = "./modules/service"
  name      = "american"
  tags      = { service = "shop", environment = "staging" }
  zip       = aws_s3_object.american_zip
  role      = aws_iam_role.app.arn
  providers = { aws = aws.us }
}
