resource "aws_sns_topic" "this" {
  name = "moved-into-module"
  tags = { service = "shop" }
}
