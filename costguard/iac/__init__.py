"""Readers of infrastructure as code: what Terraform and OpenTofu wrote, as resources with evidence."""
