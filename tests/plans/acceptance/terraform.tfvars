services = {
  orders = {}
  search = {
    retention = 7
    tags      = { environment = "prod" }
  }
}
