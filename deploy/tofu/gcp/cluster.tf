resource "google_service_account" "nodes" {
  account_id   = "${var.name}-nodes"
  display_name = "Nodes of the license servers"
}

resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

# Autopilot enforces Pod Security Standards and Workload Identity, and updates the nodes. It moves a
# pod only within its disruption budget.
resource "google_container_cluster" "main" {
  name                = var.name
  location            = var.region
  enable_autopilot    = true
  deletion_protection = var.deletion_protection

  network    = google_compute_network.main.id
  subnetwork = google_compute_subnetwork.main.id

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  master_authorized_networks_config {
    dynamic "cidr_blocks" {
      for_each = var.administrator_networks

      content {
        cidr_block = cidr_blocks.value
      }
    }
  }

  # Secrets are encrypted in etcd with this key, in addition to the encryption of the disks.
  database_encryption {
    state    = "ENCRYPTED"
    key_name = google_kms_crypto_key.cluster.id
  }

  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.nodes.email
    }
  }

  maintenance_policy {
    recurring_window {
      start_time = "2027-01-02T02:00:00Z"
      end_time   = "2027-01-02T06:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=SA,SU"
    }
  }

  release_channel {
    channel = "STABLE"
  }

  depends_on = [
    google_kms_crypto_key_iam_member.cluster,
    google_project_iam_member.nodes,
  ]
}
