resource "aws_iam_role" "app" {
  name = "app"
  tags = { owner = "platform" }
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["lambda.amazonaws.com", "eks.amazonaws.com"] }
    }]
  })
}

resource "aws_iam_role_policy" "app" {
  role   = aws_iam_role.app.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })
}

resource "aws_iam_user" "robot" {
  provider = aws.us
  name     = "robot"
  tags     = { owner = "platform", environment = "prd" }
}

resource "aws_iam_policy" "app" {
  name   = "app"
  tags   = { owner = "unknown team" }
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] })
}

resource "aws_iam_instance_profile" "app" {
  provider = aws.plain
  name     = "app"
  role     = aws_iam_role.app.name
}

# This type is of the provider's newer kind, which sends a null as an empty text, over a default too.
resource "aws_batch_job_queue" "nightly" {
  name     = "nightly"
  state    = "ENABLED"
  priority = 1
  tags     = { owner = "jobs", service = null }
  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.nightly.arn
  }
}

resource "aws_batch_compute_environment" "nightly" {
  compute_environment_name = "nightly"
  type                     = "UNMANAGED"
  service_role             = aws_iam_role.app.arn
  tags                     = { owner = "jobs", environment = "Production" }
}
