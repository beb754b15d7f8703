resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
  tags       = { owner = "platform", Name = "Öl und Co: a/b=c+d@e" }
}

# A null value is no value, so here nobody owns the third.
resource "aws_subnet" "zone" {
  for_each          = { a = "payments", b = "Payments Team", c = null }
  vpc_id            = aws_vpc.main.id
  availability_zone = "eu-west-1${each.key}"
  cidr_block        = { a = "10.0.1.0/24", b = "10.0.2.0/24", c = "10.0.3.0/24" }[each.key]
  tags              = { owner = each.value }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
  tags   = merge(local.whole, { Name = "main" })
}

resource "aws_network_acl" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { Owner = "platform" }
}

resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.main.id
  tags   = { team = "platform" }
}

resource "aws_security_group" "plain" {
  provider = aws.plain
  name     = "plain"
  vpc_id   = aws_vpc.main.id
  tags     = { ENVIRONMENT = "production", owner = "platform", app = "shop" }
}

resource "aws_eip" "nat" {
  domain = "vpc"
  tags   = { owner = "" }
}

# An id happens to be a good name, an ARN isn't one; both are known only after apply.
resource "aws_nat_gateway" "main" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.zone["a"].id
  tags          = { owner = aws_eip.nat.id }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.eu-west-1.s3"
  tags         = { owner = aws_vpc.main.arn }
}

# What the resource says replaces the default, and a staging environment isn't asked who pays.
resource "aws_network_interface" "spare" {
  subnet_id = aws_subnet.zone["a"].id
  tags      = { owner = "platform", environment = "staging", cost-center = "none" }
}

resource "aws_vpc_dhcp_options" "main" {
  domain_name = "example.com"
  tags        = { owner = local.owners.network }
}

resource "aws_lb_target_group" "web" {
  name     = "web"
  port     = 80
  protocol = "HTTP"
  vpc_id   = aws_vpc.main.id
  tags     = { owner = var.stage == "production" ? null : "web" }
}

resource "aws_route53_zone" "main" {
  name = "example.com"
  tags = { owner = "  " }
}

resource "aws_cloudfront_distribution" "web" {
  provider            = aws.us
  enabled             = true
  wait_for_deployment = false
  tags                = { service = "shop", environment = "dev", expires-on = "2027-02-30" }
  origin {
    domain_name = "web.example.com"
    origin_id   = "web"
    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }
  default_cache_behavior {
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "web"
    viewer_protocol_policy = "https-only"
    forwarded_values {
      query_string = false
      cookies {
        forward = "none"
      }
    }
  }
  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }
  viewer_certificate {
    cloudfront_default_certificate = true
  }
}

resource "aws_acm_certificate" "web" {
  domain_name       = "web.example.com"
  validation_method = "DNS"
  tags              = aws_vpc.main.tags
}
