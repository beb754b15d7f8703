# --- 19: Azure: plain tags, no defaults, and tags of a node pool inside a cluster ------------------------

provider "azurerm" {
  subscription_id = "00000000-0000-0000-0000-000000000000"
  features {}
}

resource "azurerm_resource_group" "ok" {
  name     = "ok"
  location = "westeurope"
  tags     = local.complete
}

resource "azurerm_resource_group" "untagged" {
  name     = "untagged"
  location = "westeurope"
}

resource "azurerm_storage_account" "wrong" {
  name                     = "wrong"
  resource_group_name      = azurerm_resource_group.ok.name
  location                 = "westeurope"
  account_tier             = "Standard"
  account_replication_type = "LRS"
  tags                     = { team = "payments", service = "", environment = "stg" }
}

resource "azurerm_storage_account" "unknown" {
  name                     = "unknown"
  resource_group_name      = azurerm_resource_group.ok.name
  location                 = "westeurope"
  account_tier             = "Standard"
  account_replication_type = "LRS"
  tags                     = merge(local.complete, { group = azurerm_resource_group.ok.id })
}

resource "azurerm_kubernetes_cluster" "pool_tagged" {
  name                = "pool-tagged"
  resource_group_name = azurerm_resource_group.ok.name
  location            = "westeurope"
  dns_prefix          = "pool"
  tags                = local.complete
  default_node_pool {
    name       = "default"
    vm_size    = "Standard_B2s"
    node_count = 1
    tags       = { service = "shop" }
  }
}

resource "azurerm_kubernetes_cluster" "pool_untagged" {
  name                = "pool-untagged"
  resource_group_name = azurerm_resource_group.ok.name
  location            = "westeurope"
  dns_prefix          = "pool"
  tags                = local.complete
  default_node_pool {
    name       = "default"
    vm_size    = "Standard_B2s"
    node_count = 1
  }
}

resource "azurerm_role_assignment" "untaggable" {
  scope                = azurerm_resource_group.ok.id
  role_definition_name = "Reader"
  principal_id         = "00000000-0000-0000-0000-000000000001"
}
