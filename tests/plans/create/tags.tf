# The resource's own tags, on SDKv2 types (sns, sqs, s3, ec2 …) and on framework types (rekognition, ingress rule …).

# Its attributes are unknown until apply; it makes other tags unknown. Fully tagged itself.
resource "aws_sns_topic" "directory" {
  provider = aws.bare
  name     = "directory"
  tags     = local.complete
}

# --- 1: null, absent and unknown -------------------------------------------------------------------

# `tags` is null, tags_all holds the default owner.
resource "aws_sns_topic" "no_tags" {
  name = "no-tags"
}

# SDKv2 without tags and without defaults: `tags` is null and tags_all is *unknown*, yet nothing can arrive.
resource "aws_sns_topic" "no_tags_bare" {
  provider = aws.bare
  name     = "no-tags-bare"
}

resource "aws_sns_topic" "null_tags" {
  name = "null-tags"
  tags = null
}

resource "aws_sns_topic" "empty_map" {
  name = "empty-map"
  tags = {}
}

resource "aws_sns_topic" "empty_map_bare" {
  provider = aws.bare
  name     = "empty-map-bare"
  tags     = {}
}

# The default owner and the rest on the resource.
resource "aws_sns_topic" "ok" {
  name = "ok"
  tags = {
    service     = "shop"
    environment = "production"
  }
}

# None of it exists, so none of it is in the plan's changes.
resource "aws_sns_topic" "none" {
  count = 0
  name  = "none"
}

# Types without tags: the key is absent, which alone means nothing.
resource "aws_iam_role_policy" "untaggable" {
  name   = "untaggable"
  role   = "some-role"
  policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_s3_bucket_public_access_block" "untaggable" {
  bucket = "some-bucket"
}

resource "aws_route" "untaggable" {
  route_table_id         = "rtb-00000000000000000"
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = "igw-00000000000000000"
}

# Built into Terraform, no provider's tags.
resource "terraform_data" "untaggable" {
  input = "x"
}

# --- 2: one unknown value --------------------------------------------------------------------------

# SDKv2: the whole map is unknown. The constant default proves the key owner; service and environment are
# in the text of the configuration, but the plan shows no keys.
resource "aws_sqs_queue" "one_unknown" {
  name = "one-unknown"
  tags = merge({ environment = "production" }, { service = aws_sns_topic.directory.arn })
}

# The same without defaults: nothing is proven.
resource "aws_sqs_queue" "one_unknown_bare" {
  provider = aws.bare
  name     = "one-unknown-bare"
  tags     = merge(local.complete, { service = aws_sns_topic.directory.arn })
}

# Not even merge: an object constructor with one unknown value. All keys are literal in the text.
resource "aws_sqs_queue" "one_unknown_constructor" {
  provider = aws.bare
  name     = "one-unknown-constructor"
  tags = {
    owner       = "payments"
    service     = aws_sns_topic.directory.arn
    environment = "production"
  }
}

# Framework: the keys survive, only the value is unknown.
resource "aws_rekognition_collection" "one_unknown" {
  collection_id = "one-unknown"
  tags = {
    service     = aws_sns_topic.directory.arn
    environment = "production"
  }
}

# Framework: an unknown environment is present, yet its value is constrained.
resource "aws_rekognition_collection" "unknown_environment" {
  collection_id = "unknown-environment"
  tags = {
    service     = "shop"
    environment = aws_sns_topic.directory.arn
  }
}

# Framework with known keys: a key that is not among them is missing although tags_all is unknown.
resource "aws_rekognition_collection" "unknown_and_missing" {
  provider      = aws.bare
  collection_id = "unknown-and-missing"
  tags = {
    service = aws_sns_topic.directory.arn
  }
}

# Framework: here the keys themselves are unknown.
resource "aws_rekognition_collection" "unknown_map" {
  provider      = aws.bare
  collection_id = "unknown-map"
  tags          = { (aws_sns_topic.directory.arn) = "x" }
}

# SDKv2 with unknown keys, under constant defaults.
resource "aws_sqs_queue" "unknown_keys" {
  name = "unknown-keys"
  tags = { (aws_sns_topic.directory.arn) = "x" }
}

# --- 3: empty and blank values ---------------------------------------------------------------------

# SDKv2: `tags` is known and tags_all is not; the default owner still arrives.
resource "aws_sns_topic" "empty_service" {
  name = "empty-service"
  tags = {
    service     = ""
    environment = "production"
  }
}

resource "aws_sns_topic" "blank_service" {
  name = "blank-service"
  tags = {
    service     = "   "
    environment = "production"
  }
}

# An empty value on top of a default: the default is overridden.
resource "aws_sns_topic" "empty_owner" {
  name = "empty-owner"
  tags = {
    owner       = ""
    service     = "shop"
    environment = "production"
  }
}

# An empty value for a tag with an enumeration is `empty`, not `invalid`.
resource "aws_sns_topic" "empty_environment" {
  provider = aws.bare
  name     = "empty-environment"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = ""
  }
}

# Framework: both `tags` and tags_all stay known.
resource "aws_rekognition_collection" "empty_service" {
  collection_id = "empty-service"
  tags = {
    service     = ""
    environment = "production"
  }
}

# --- 4: null values --------------------------------------------------------------------------------

# SDKv2 drops the key; where it was the only one, `tags` becomes null.
resource "aws_sns_topic" "null_service" {
  name = "null-service"
  tags = {
    service = null
  }
}

resource "aws_sns_topic" "null_service_among_others" {
  name = "null-service-among-others"
  tags = {
    service     = null
    environment = "production"
  }
}

# Null over a default, SDKv2: the default stays.
resource "aws_sns_topic" "null_owner" {
  name = "null-owner"
  tags = {
    owner       = null
    service     = "shop"
    environment = "production"
  }
}

# Framework: `tags` keeps the key with a null, tags_all has an empty text, and an empty text is what is sent.
resource "aws_rekognition_collection" "null_service" {
  collection_id = "null-service"
  tags = {
    service     = null
    environment = "production"
  }
}

# Null over a default, framework: the default is lost, an empty text is sent.
resource "aws_rekognition_collection" "null_owner" {
  collection_id = "null-owner"
  tags = {
    owner       = null
    service     = "shop"
    environment = "production"
  }
}

# --- 5: unknown defaults ---------------------------------------------------------------------------

# tags_all holds only the resource's own tags and is not marked unknown.
resource "aws_sns_topic" "unknown_defaults" {
  provider = aws.unknown
  name     = "unknown-defaults"
  tags = {
    environment = "production"
  }
}

resource "aws_sns_topic" "unknown_defaults_untagged" {
  provider = aws.unknown
  name     = "unknown-defaults-untagged"
}

# Everything is on the resource itself: nothing is left to the unknown defaults.
resource "aws_sns_topic" "unknown_defaults_complete" {
  provider = aws.unknown
  name     = "unknown-defaults-complete"
  tags     = local.complete
}

# A wrong case beside unknown defaults: the right key may still come from them.
resource "aws_sns_topic" "unknown_defaults_wrong_case" {
  provider = aws.unknown
  name     = "unknown-defaults-wrong-case"
  tags = {
    Owner       = "payments"
    service     = "shop"
    environment = "prod"
  }
}

resource "aws_rekognition_collection" "unknown_defaults" {
  provider      = aws.unknown
  collection_id = "unknown-defaults"
  tags = {
    environment = "production"
  }
}

# Through a local the plan names no resource, and tags_all equals `tags` as if the local were empty.
resource "aws_sns_topic" "unknown_local_defaults" {
  provider = aws.unknown_local
  name     = "unknown-local-defaults"
  tags = {
    environment = "production"
  }
}

# --- 6: ignored keys -------------------------------------------------------------------------------

# The ignored owner is a constant default, the ignored service is explicit; both are sent.
resource "aws_sns_topic" "ignored_present" {
  provider = aws.ignoring
  name     = "ignored-present"
  tags = {
    service     = "shop"
    environment = "production"
  }
}

# Nothing anywhere gives it a service; that the key is ignored does not excuse it.
resource "aws_sns_topic" "ignored_absent" {
  provider = aws.ignoring
  name     = "ignored-absent"
  tags = {
    environment = "production"
  }
}

resource "aws_rekognition_collection" "ignored_present" {
  provider      = aws.ignoring
  collection_id = "ignored-present"
  tags = {
    service     = "shop"
    environment = "production"
  }
}

# The defaults are in a local and owner is ignored: the plan cannot show whether they name an owner.
resource "aws_sns_topic" "ignored_local" {
  provider = aws.ignoring_local
  name     = "ignored-local"
}

# The local's environment is hidden: the plan shows two of three defaults, and not which keys are ignored.
resource "aws_sns_topic" "ignored_variable" {
  provider = aws.ignoring_variable
  name     = "ignored-variable"
}

# --- 7: sensitive values ---------------------------------------------------------------------------

# The value is marked in `tags` and in clear in tags_all.
resource "aws_sns_topic" "sensitive_value" {
  name = "sensitive-value"
  tags = {
    service     = sensitive("hush-hush-service")
    environment = "production"
  }
}

# A secret that breaks the rule must be judged and not be shown.
resource "aws_sns_topic" "sensitive_invalid" {
  name = "sensitive-invalid"
  tags = {
    service     = sensitive("")
    environment = sensitive("hush-hush-environment")
  }
}

# The whole map is sensitive.
resource "aws_sns_topic" "sensitive_map" {
  name = "sensitive-map"
  tags = var.secret_tags
}

resource "aws_rekognition_collection" "sensitive_map" {
  collection_id = "sensitive-map"
  tags          = sensitive({ service = "hush-hush-service", environment = "production" })
}

# A sensitive variable inside default_tags.
resource "aws_sns_topic" "sensitive_default" {
  provider = aws.secret
  name     = "sensitive-default"
  tags = {
    service     = "shop"
    environment = "production"
  }
}

# Sensitive and unknown at once.
resource "aws_rekognition_collection" "sensitive_unknown" {
  collection_id = "sensitive-unknown"
  tags = {
    service     = sensitive(aws_sns_topic.directory.arn)
    environment = "production"
  }
}

# --- spelling: another case, aliases, synonyms -----------------------------------------------------

resource "aws_sns_topic" "wrong_case" {
  provider = aws.bare
  name     = "wrong-case"
  tags = {
    Owner       = "payments"
    SERVICE     = "shop"
    environment = "production"
  }
}

# The wrong case beside the right key does no harm.
resource "aws_sns_topic" "both_cases" {
  name = "both-cases"
  tags = {
    Owner       = "payments"
    service     = "shop"
    environment = "production"
  }
}

resource "aws_sns_topic" "aliases" {
  provider = aws.bare
  name     = "aliases"
  tags = {
    team  = "payments"
    app   = "shop"
    stage = "production"
  }
}

# An alias with an empty value is still the alias.
resource "aws_sns_topic" "alias_empty" {
  provider = aws.bare
  name     = "alias-empty"
  tags = {
    owned-by    = ""
    application = "shop"
    env         = "prod"
  }
}

# Synonyms are values that the rule does not allow, even if the mend is certain.
resource "aws_sns_topic" "synonym" {
  name = "synonym"
  tags = {
    service     = "shop"
    environment = "prod"
  }
}

resource "aws_sns_topic" "value_case" {
  name = "value-case"
  tags = {
    service     = "shop"
    environment = "Production"
  }
}

resource "aws_sns_topic" "value_spaces" {
  name = "value-spaces"
  tags = {
    service     = " shop "
    environment = "production "
  }
}

resource "aws_sns_topic" "value_nonsense" {
  name = "value-nonsense"
  tags = {
    service     = "shop"
    environment = "moon"
  }
}

# --- defaults and overrides ------------------------------------------------------------------------

resource "aws_sns_topic" "override" {
  provider = aws.from_local
  name     = "override"
  tags = {
    owner       = "payments"
    environment = "qa"
  }
}

# Equal to the default: allowed since provider 5.0, and it changes nothing.
resource "aws_sns_topic" "equal_to_default" {
  provider = aws.from_local
  name     = "equal-to-default"
  tags = {
    owner = "platform"
  }
}

resource "aws_sns_topic" "from_local" {
  provider = aws.from_local
  name     = "from-local"
}

resource "aws_rekognition_collection" "from_local" {
  provider      = aws.from_local
  collection_id = "from-local"
}

resource "aws_sns_topic" "from_variable" {
  provider = aws.from_variable
  name     = "from-variable"
}

# The defaults of a dynamic block show in tags_all …
resource "aws_sns_topic" "dynamic_defaults" {
  provider = aws.dynamic
  name     = "dynamic-defaults"
}

# … unless tags_all is unknown, and then only what the same provider does to the topic above can prove them (3, 12).
resource "aws_sns_topic" "dynamic_defaults_hidden" {
  provider = aws.dynamic
  name     = "dynamic-defaults-hidden"
  tags = {
    service = ""
  }
}

# An empty default makes tags_all unknown (3).
resource "aws_sns_topic" "careless" {
  provider = aws.careless
  name     = "careless"
}

resource "aws_sns_topic" "careless_overridden" {
  provider = aws.careless
  name     = "careless-overridden"
  tags = {
    owner   = "payments"
    service = "shop"
  }
}

resource "aws_rekognition_collection" "careless" {
  provider      = aws.careless
  collection_id = "careless"
}

resource "aws_sns_topic" "function_defaults" {
  provider = aws.function
  name     = "function-defaults"
  tags = {
    environment = "production"
  }
}

# --- 12: how the configuration shows the tags: constants, functions of constants, references ---------

resource "aws_sns_topic" "function_of_constants" {
  name = "function-of-constants"
  tags = merge({ service = "shop" }, { environment = lower("PRODUCTION") })
}

# --- 13: addresses ---------------------------------------------------------------------------------

resource "aws_sns_topic" "counted" {
  count    = 2
  provider = aws.bare
  name     = "counted-${count.index}"
  tags = {
    owner       = "payments"
    service     = "shop"
    environment = ["production", "live"][count.index]
  }
}

resource "aws_sns_topic" "each" {
  for_each = local.teams
  provider = aws.bare
  name     = "each-${md5(each.key)}"
  tags = {
    owner       = each.value
    service     = "shop"
    environment = "production"
  }
}

# --- 16: an ephemeral resource leaves no trace in the plan, not even in its configuration ---------------------

ephemeral "aws_ssm_parameter" "secret" {
  arn = aws_sns_topic.directory.arn
}
