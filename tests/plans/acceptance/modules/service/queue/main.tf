variable "name" {
  type = string
}

variable "tags" {
  type = map(string)
}

resource "aws_sqs_queue" "main" {
  name = var.name
  tags = var.tags
}

# Added later, and nobody passed the tags on.
resource "aws_sqs_queue" "dead_letter" {
  name = "${var.name}-dead-letter"
}

output "arn" {
  value = aws_sqs_queue.main.arn
}
