resource "random_id" "database" {
  # The name of a deleted instance cannot be used again for a week.
  byte_length = 2
}

# The server refuses a standby and asynchronous commits. Failover to the other zone keeps every
# acknowledged seat, because the disk is replicated synchronously.
resource "google_sql_database_instance" "main" {
  name                = "${var.name}-${random_id.database.hex}"
  database_version    = "POSTGRES_16"
  region              = var.region
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.database_tier
    availability_type           = "REGIONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = 20
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.main.id
      ssl_mode        = "ENCRYPTED_ONLY"
      # The certificate then has the DNS name of the instance, which the server checks.
      server_ca_mode = "GOOGLE_MANAGED_CAS_CA"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      start_time                     = "02:00"

      backup_retention_settings {
        retained_backups = 30
      }
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }
  }

  depends_on = [google_service_networking_connection.databases]
}

resource "google_sql_database" "main" {
  name     = "licenses"
  instance = google_sql_database_instance.main.name
}

resource "random_password" "database" {
  length = 32
  # The password is part of a URL.
  special = false
}

resource "google_sql_user" "server" {
  name     = "license_server"
  instance = google_sql_database_instance.main.name
  password = random_password.database.result
}

# The DNS name in the certificate of PostgreSQL, for the pods.
locals {
  database_host = trimsuffix(google_sql_database_instance.main.dns_name, ".")
}

resource "google_dns_managed_zone" "database" {
  name       = "${var.name}-database"
  dns_name   = "${local.database_host}."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.main.id
    }
  }
}

resource "google_dns_record_set" "database" {
  managed_zone = google_dns_managed_zone.database.name
  name         = google_dns_managed_zone.database.dns_name
  type         = "A"
  ttl          = 60
  rrdatas      = [google_sql_database_instance.main.private_ip_address]
}
