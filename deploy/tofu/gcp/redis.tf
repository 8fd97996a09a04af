# Redis answers renewals. It never decides about seats, so a failover loses none.
resource "google_redis_instance" "main" {
  name           = var.name
  region         = var.region
  tier           = "STANDARD_HA"
  memory_size_gb = var.redis_memory_gb
  redis_version  = "REDIS_7_2"

  authorized_network = google_compute_network.main.id
  connect_mode       = "PRIVATE_SERVICE_ACCESS"
  reserved_ip_range  = google_compute_global_address.databases.name
  auth_enabled       = true

  # The server verifies that the certificate names the host of the URL, which is an IP address here.
  # It was not checked whether the certificate of Memorystore does. The address can be reached from
  # this network only, and Redis has no secrets but session ids.
  transit_encryption_mode = "DISABLED"

  redis_configs = {
    # The server refuses every other policy.
    maxmemory-policy = "noeviction"
  }

  depends_on = [google_service_networking_connection.databases]
}
