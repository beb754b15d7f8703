resource "aws_sqs_queue" "jobs" {
  name = "jobs"
  tags = { owner = trimspace("  jobs "), environment = coalesce("", "qa") }
}

resource "aws_sns_topic" "alerts" {
  provider = aws.plain
  name     = "alerts"
  tags     = { owned_by = "platform", service_name = "alerts", stage = "production" }
}

resource "aws_sns_topic" "ignoring" {
  provider = aws.ignoring
  name     = "ignoring"
  tags     = { owner = "platform" }
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_kinesis_stream" "clicks" {
  provider    = aws.us
  name        = "clicks"
  shard_count = 1
  tags        = { service = "clicks", environment = element(["dev", "staging"], 1) }
}

resource "aws_kinesis_firehose_delivery_stream" "clicks" {
  name        = "clicks"
  destination = "extended_s3"
  tags        = { owner = aws_kinesis_stream.clicks.name }
  extended_s3_configuration {
    role_arn   = aws_iam_role.app.arn
    bucket_arn = aws_s3_bucket.media.arn
  }
}

resource "aws_cloudwatch_log_group" "app" {
  for_each = toset(["api", "worker"])
  name     = "app/${each.key}"
  tags     = { owner = each.key == "api" ? "web" : "Worker Bees" }
}

resource "aws_cloudwatch_event_bus" "main" {
  provider = aws.plain
  name     = "main"
  tags     = { for key, value in local.whole : key => value if key != "environment" }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "nightly"
  schedule_expression = "rate(1 day)"
  tags                = { owner = "jobs", service = "" }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  provider            = aws.plain
  alarm_name          = "errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "Errors"
  namespace           = "Shop"
  period              = 60
  statistic           = "Sum"
  threshold           = 1
  tags                = tomap({ owner = "web", service = "shop", environment = "production" })
}

resource "aws_api_gateway_rest_api" "shop" {
  name = "shop"
  tags = { owner = one(["web"]), service = lower("SHOP") }
}

resource "aws_apigatewayv2_api" "shop" {
  name          = "shop"
  protocol_type = "HTTP"
  tags          = { owner = try(local.owners.nobody, "web") }
}
