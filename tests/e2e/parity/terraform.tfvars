stage        = "production"
storage_tags = { owner = "storage", environment = "prod" }
secret_team  = "payments"
