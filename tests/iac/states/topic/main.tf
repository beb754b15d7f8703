variable "name" {
  type = string
}

resource "aws_sns_topic" "work" {
  name = var.name
}
