resource "aws_launch_template" "this" {
  name          = "in-module"
  image_id      = "ami-00000000000000000"
  instance_type = "t3.micro"

  tags = {
    owner       = "payments"
    service     = "shop"
    environment = "dev"
  }

  tag_specifications {
    resource_type = "instance"
    tags = {
      owner       = "payments"
      service     = "shop"
      environment = "dev"
    }
  }
}

output "id" {
  value = aws_launch_template.this.id
}
