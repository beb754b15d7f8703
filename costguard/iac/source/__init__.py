"""Terraform configurations, evaluated without Terraform: folders of files → resources with evidence."""
