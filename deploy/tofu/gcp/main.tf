# What a license server with several nodes needs in Google Cloud. The chart in
# deploy/helm/enterprise runs the servers.

provider "google" {
  project = var.project
  region  = var.region
}

locals {
  services = toset([
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "dns.googleapis.com",
    "redis.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
  ])
}

resource "google_project_service" "used" {
  for_each = local.services

  service            = each.value
  disable_on_destroy = false
}
