resource "aws_s3_bucket" "logs" {
  provider = aws.plain
  bucket   = "parity-logs"
}

resource "aws_s3_bucket" "media" {
  bucket = "parity-media"
  tags   = { owner = "media", data-classification = "Internal" }
}

resource "aws_s3_bucket" "american" {
  provider = aws.us
  bucket   = "parity-american"
  tags     = { service = "media", data-classification = "internal", env = "production" }
}

# The smallest zip there is, for the functions.
resource "aws_s3_object" "zip" {
  bucket         = aws_s3_bucket.media.id
  key            = "function.zip"
  content_base64 = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="
}

resource "aws_s3_object" "american_zip" {
  provider       = aws.us
  bucket         = aws_s3_bucket.american.id
  key            = "function.zip"
  content_base64 = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="
}

resource "aws_ebs_volume" "data" {
  availability_zone = "eu-west-1a"
  size              = 1
  tags              = var.storage_tags
}

resource "aws_ebs_snapshot" "data" {
  volume_id = aws_ebs_volume.data.id
  tags      = { for key, value in aws_ebs_volume.data.tags_all : key => value if key != "service" }
}

resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  hash_key     = "id"
  billing_mode = "PAY_PER_REQUEST"
  tags         = { owner = "orders", data-classification = "confidential" }
  attribute {
    name = "id"
    type = "S"
  }
}

# The alias of the environment is there as a default, and so is the real one: the alias doesn't matter.
resource "aws_dynamodb_table" "carts" {
  provider     = aws.us
  name         = "carts"
  hash_key     = "id"
  billing_mode = "PAY_PER_REQUEST"
  tags         = { service = "shop", environment = var.stage, classification = "public" }
  attribute {
    name = "id"
    type = "S"
  }
}

# Changes to them are ignored; that they are there when it is made isn't.
resource "aws_rds_cluster" "orders" {
  cluster_identifier  = "orders"
  engine              = "aurora-mysql"
  master_username     = "orders"
  master_password     = "not-a-secret"
  skip_final_snapshot = true
  tags                = { owner = "orders", data-classification = "confidential" }
  lifecycle {
    ignore_changes = [tags]
  }
}

resource "aws_db_subnet_group" "orders" {
  name       = "orders"
  subnet_ids = [for subnet in aws_subnet.zone : subnet.id]
  tags       = { owner = join("-", ["orders", "team"]), cost-center = replace("cc/1234", "/", "-") }
}

resource "aws_db_parameter_group" "orders" {
  provider = aws.us
  name     = "orders"
  family   = "mysql8.0"
  tags     = { owner = "Orders", Service = "shop", environment = "development" }
}

resource "aws_efs_file_system" "shared" {
  creation_token = "shared"
  tags           = { owner = "media" }
}

resource "aws_kms_key" "main" {
  provider    = aws.us
  description = "main"
  tags        = { service = "vault", environment = "staging" }
}

resource "aws_secretsmanager_secret" "orders" {
  name = "orders"
  tags = { owner = "orders", db-password = "hush" }
}

resource "aws_backup_vault" "main" {
  name = "main"
  tags = length(var.storage_tags) > 5 ? {} : { owner = "storage", environment = "dev", expires-on = "2027-03-31" }
}

resource "aws_glue_catalog_database" "reports" {
  provider = aws.us
  name     = "reports"
  tags     = null
}

resource "aws_athena_workgroup" "reports" {
  name = "reports"
  tags = { owner = "reports", OWNER = "Somebody Else" }
}
