# Blank: an owner that a form field left behind.
resource "aws_kms_key" "data" {
  description = "data"
  tags = {
    service = "data"
    owner   = "  "
  }
}

# The key's ARN is unknown until apply, and with it the whole map.
resource "aws_db_instance" "orders" {
  identifier                  = "orders"
  engine                      = "postgres"
  instance_class              = "db.t4g.medium"
  allocated_storage           = 50
  username                    = "orders"
  manage_master_user_password = true
  skip_final_snapshot         = true
  kms_key_id                  = aws_kms_key.data.arn
  storage_encrypted           = true
  tags = {
    service        = "orders"
    encryption-key = aws_kms_key.data.arn
  }
}

resource "aws_dynamodb_table" "carts" {
  name         = "carts"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  tags = { service = "" }
}

resource "aws_sns_topic" "alerts" {
  name = "alerts"
  tags = { service = null }
}

# Without defaults and with an unknown value: nothing about it can be said yet.
resource "aws_sqs_queue" "audit" {
  provider = aws.bare
  name     = "audit"
  tags     = merge(local.tags, { source-topic = aws_sns_topic.alerts.arn })
}

# Of this type (plugin framework) the plan keeps the keys, so the unknown value hides nothing.
resource "aws_opensearchserverless_collection" "search" {
  name = "search"
  type = "SEARCH"
  tags = {
    service        = "search"
    encryption-key = aws_kms_key.data.arn
  }
}

# Tags in its rules are a filter over the bill; its own are complete.
resource "aws_ce_cost_category" "services" {
  provider     = aws.bare
  name         = "services"
  rule_version = "CostCategoryExpression.v1"
  tags         = local.tags
  rule {
    value = "shop"
    rule {
      tags {
        key           = "Service"
        values        = ["shop"]
        match_options = ["EQUALS"]
      }
    }
  }
}

# Read at apply, as the key does not exist yet: data sources are never judged.
data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]
  }
}

resource "aws_iam_policy" "key" {
  name   = "use-data-key"
  policy = data.aws_iam_policy_document.key.json
  tags   = { service = "data" }
}
