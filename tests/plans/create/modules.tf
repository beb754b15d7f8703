# --- 11: which provider configuration a resource belongs to -------------------------------------------

# Two modules deep, with the default provider replaced on the way: the default owner does not arrive.
module "bare" {
  source    = "./modules/service"
  providers = { aws = aws.bare }
}

# The same module with the providers left alone.
module "inherited" {
  source = "./modules/service"
}

# With keys that need quoting in an address.
module "each" {
  source    = "./modules/service"
  for_each  = toset(["a.b", "c \"d\""])
  providers = { aws = aws.from_local }
}

module "unknown" {
  source    = "./modules/service"
  providers = { aws = aws.unknown }
}

# A module with a provider block of its own, whose defaults are an input of the module.
module "own" {
  source = "./modules/own"
  owner  = "payments"
}

# … and the same with an input that is unknown.
module "own_unknown" {
  source = "./modules/own"
  owner  = aws_sns_topic.directory.arn
}

# Two configurations under other names: the plan says which one each resource has, not the names in between.
module "renamed" {
  source = "./modules/renamed"
  providers = {
    aws      = aws.bare
    aws.main = aws.from_local
  }
}

module "named" {
  source = "./modules/named"
}
