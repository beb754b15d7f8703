# Google labels and Azure tags (18, 19). Real Terraform, with a stand-in for the two providers (standin.py).

terraform {
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.0.0"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "4.0.0"
    }
  }
}

provider "google" {
  project = "some-project"
  region  = "europe-west1"
  default_labels = {
    owner = "platform"
  }
}

provider "google" {
  alias   = "bare"
  project = "some-project"
  region  = "europe-west1"
}

provider "google" {
  alias          = "from_local"
  project        = "some-project"
  region         = "europe-west1"
  default_labels = local.complete
}

provider "google" {
  alias   = "unknown"
  project = "some-project"
  region  = "europe-west1"
  default_labels = {
    owner   = "platform"
    service = google_pubsub_topic.directory.id
  }
}

locals {
  complete = {
    owner       = "payments"
    service     = "shop"
    environment = "production"
  }
  rest = {
    service     = "shop"
    environment = "production"
  }
}

# --- 18: labels, terraform_labels and effective_labels -------------------------------------------------

resource "google_pubsub_topic" "directory" {
  provider = google.bare
  name     = "directory"
  labels   = local.complete
}

resource "google_storage_bucket" "ok" {
  name     = "ok"
  location = "EU"
  labels   = local.rest
}

resource "google_storage_bucket" "unlabelled" {
  name     = "unlabelled"
  location = "EU"
}

resource "google_storage_bucket" "unlabelled_bare" {
  provider = google.bare
  name     = "unlabelled-bare"
  location = "EU"
}

resource "google_storage_bucket" "from_local" {
  provider = google.from_local
  name     = "from-local"
  location = "EU"
}

resource "google_storage_bucket" "override" {
  provider = google.from_local
  name     = "override"
  location = "EU"
  labels   = { environment = "prod" }
}

resource "google_storage_bucket" "null_value" {
  name     = "null-value"
  location = "EU"
  labels   = { owner = null, service = null, environment = "dev" }
}

# One unknown label: all three maps are unknown. The constant default proves the owner.
resource "google_pubsub_topic" "unknown_label" {
  name   = "unknown-label"
  labels = merge(local.rest, { topic = google_pubsub_topic.directory.id })
}

resource "google_pubsub_topic" "unknown_label_bare" {
  provider = google.bare
  name     = "unknown-label-bare"
  labels   = merge(local.complete, { topic = google_pubsub_topic.directory.id })
}

# Unknown default_labels: nothing of them shows, and nothing is marked unknown.
resource "google_pubsub_topic" "unknown_defaults" {
  provider = google.unknown
  name     = "unknown-defaults"
  labels   = { environment = "production" }
}

resource "google_compute_instance" "alias" {
  provider     = google.bare
  name         = "alias"
  zone         = "europe-west1-b"
  machine_type = "e2-micro"
  labels       = { team = "payments", app = "shop", environment = "production" }
}

# --- 18: the other names and places of labels ----------------------------------------------------------

# Clusters have resource_labels, with the merged maps beside them.
resource "google_container_cluster" "ok" {
  name               = "ok"
  location           = "europe-west1"
  initial_node_count = 1
  resource_labels    = local.rest
}

resource "google_container_cluster" "wrong" {
  provider           = google.bare
  name               = "wrong"
  location           = "europe-west1"
  initial_node_count = 1
  resource_labels    = { owner = "payments", environment = "qa" }
}

# Cloud Run: below metadata.
resource "google_cloud_run_service" "ok" {
  name     = "ok"
  location = "europe-west1"
  metadata {
    labels = local.rest
  }
}

resource "google_cloud_run_service" "wrong" {
  name     = "wrong"
  location = "europe-west1"
  metadata {
    labels = { service = "shop" }
  }
}

# Cloud SQL: below settings; no defaults are merged.
resource "google_sql_database_instance" "ok" {
  name             = "ok"
  database_version = "POSTGRES_16"
  settings {
    tier        = "db-f1-micro"
    user_labels = local.complete
  }
}

resource "google_sql_database_instance" "wrong" {
  name             = "wrong"
  database_version = "POSTGRES_16"
  settings {
    tier        = "db-f1-micro"
    user_labels = local.rest
  }
}

# Monitoring: user_labels, no defaults.
resource "google_monitoring_alert_policy" "wrong" {
  display_name = "wrong"
  combiner     = "OR"
  user_labels  = local.rest
}

# Here `labels` say where the notification goes; user_labels are the resource's.
resource "google_monitoring_notification_channel" "ok" {
  display_name = "ok"
  type         = "email"
  labels       = { email_address = "team@example.com" }
  user_labels  = local.complete
}

resource "google_monitoring_notification_channel" "wrong" {
  display_name = "wrong"
  type         = "webhook_tokenauth"
  labels       = merge(local.complete, { url = "https://example.com" })
}

# `labels` are the dimensions of the metric; nothing here can be labelled.
resource "google_monitoring_metric_descriptor" "untaggable" {
  type        = "custom.googleapis.com/shop/orders"
  metric_kind = "GAUGE"
  value_type  = "INT64"
  description = "orders"
  labels {
    key        = "owner"
    value_type = "STRING"
  }
}

resource "google_project_service" "untaggable" {
  service = "pubsub.googleapis.com"
}
