data "google_project" "main" {}

resource "google_kms_key_ring" "main" {
  name     = var.name
  location = var.region

  depends_on = [google_project_service.used]
}

# Encrypts the Secrets of the cluster.
resource "google_kms_crypto_key" "cluster" {
  name            = "cluster"
  key_ring        = google_kms_key_ring.main.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "cluster" {
  crypto_key_id = google_kms_crypto_key.cluster.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${data.google_project.main.number}@container-engine-robot.iam.gserviceaccount.com"
}

# Signs licenses, for a vendor's server. The key never leaves the hardware.
resource "google_kms_crypto_key" "signing" {
  count = var.signing_key ? 1 : 0

  name     = "licenses"
  key_ring = google_kms_key_ring.main.id
  purpose  = "ASYMMETRIC_SIGN"

  version_template {
    algorithm        = "RSA_SIGN_PSS_3072_SHA256"
    protection_level = "HSM"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_service_account" "server" {
  count = var.signing_key ? 1 : 0

  account_id   = "${var.name}-server"
  display_name = "A vendor's license server"
}

resource "google_kms_crypto_key_iam_member" "server" {
  for_each = var.signing_key ? toset(["roles/cloudkms.signerVerifier", "roles/cloudkms.viewer"]) : toset([])

  crypto_key_id = google_kms_crypto_key.signing[0].id
  role          = each.value
  member        = google_service_account.server[0].member
}

# The account of the chart in the cluster acts as the service account.
resource "google_service_account_iam_member" "server" {
  count = var.signing_key ? 1 : 0

  service_account_id = google_service_account.server[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/licenses-enterprise]"

  depends_on = [google_container_cluster.main]
}
