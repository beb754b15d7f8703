# Create-time plans: every way a tag reaches, or fails to reach, a resource that does not exist yet.
# One configuration, because nearly all of a plan's time is the start of the provider.
# The numbers in the comments are those of the table in tests/plans/README.md.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

# Constant defaults: the plan carries them in provider_config as constant_value (12).
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = "platform"
    }
  }
}

# No defaults at all.
provider "aws" {
  alias                       = "bare"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

# Defaults from a local: the plan only names the local; its value shows in tags_all alone (12).
provider "aws" {
  alias                       = "from_local"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.defaults
  }
}

# Defaults from a variable: the value is in the plan's `variables`, the reference in provider_config (12).
provider "aws" {
  alias                       = "from_variable"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = var.defaults
  }
}

# One default's value is a resource's attribute, so none of the defaults is known at plan time (5).
provider "aws" {
  alias                       = "unknown"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner   = "platform"
      service = aws_sns_topic.directory.arn
    }
  }
}

# The same through a local: the plan names the local and no resource (5, 12).
provider "aws" {
  alias                       = "unknown_local"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.unknown_defaults
  }
}

# Ignored keys and prefixes vanish from tags_all although the tags are sent (6).
provider "aws" {
  alias                       = "ignoring"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = "platform"
    }
  }

  ignore_tags {
    keys         = ["owner"]
    key_prefixes = ["serv"]
  }
}

# Ignored key, and defaults that the plan does not spell out: a default `owner` would be invisible (6).
provider "aws" {
  alias                       = "ignoring_local"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.defaults
  }

  ignore_tags {
    keys = ["owner"]
  }
}

# A default with a sensitive value (7).
provider "aws" {
  alias                       = "secret"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner = var.secret_owner
    }
  }
}

# Which keys are ignored is not constant either: any default that does not show may be hidden (6, 12).
provider "aws" {
  alias                       = "ignoring_variable"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = local.defaults
  }

  ignore_tags {
    keys = [var.ignored]
  }
}

# A dynamic block leaves no trace: this configuration looks as if it had no defaults (12).
provider "aws" {
  alias                       = "dynamic"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  dynamic "default_tags" {
    for_each = [var.defaults]
    content {
      tags = default_tags.value
    }
  }
}

# Careless defaults: a null is no tag, an empty text is one (3, 4).
provider "aws" {
  alias                       = "careless"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = {
      owner       = null
      service     = ""
      environment = "production"
    }
  }
}

# Constants in a function: the plan shows neither a value nor a reference (12).
provider "aws" {
  alias                       = "function"
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true

  default_tags {
    tags = merge({ owner = "platform" }, { service = "shop" })
  }
}

variable "ignored" {
  type    = string
  default = "environment"
}

variable "defaults" {
  type = map(string)
  default = {
    owner       = "platform"
    service     = "shop"
    environment = "dev"
  }
}

variable "secret_owner" {
  type      = string
  sensitive = true
  default   = "hush-hush-team"
}

variable "secret_tags" {
  type      = map(string)
  sensitive = true
  default = {
    service     = "hush-hush-service"
    environment = "hush-hush-environment"
  }
}

locals {
  defaults = {
    owner       = "platform"
    service     = "shop"
    environment = "staging"
  }
  unknown_defaults = {
    owner       = "platform"
    service     = aws_sns_topic.directory.arn
    environment = "staging"
  }
  complete = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
  teams = {
    "plain"               = "payments"
    "with \"quotes\""     = "payments"
    "dotted.key[0]"       = ""
    "grün/日本"             = null
    "back\\slash $${x} %" = "payments"
  }
}
