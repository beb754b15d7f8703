resource "aws_sns_topic" "this" {
  name = "in-module"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

output "arn" {
  value = aws_sns_topic.this.arn
}
