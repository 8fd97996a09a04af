output "credentials_command" {
  description = "Command that gives kubectl access to the cluster."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.main.name} --region ${var.region} --project ${var.project}"
}

output "server_address" {
  description = "Address for the DNS name of the server, and for the chart: service.annotations."
  value       = google_compute_address.server.address
}

output "database_url" {
  description = "Content of the Secret of the chart: database.existingSecret."
  value       = "postgres://${google_sql_user.server.name}:${random_password.database.result}@${local.database_host}:5432/${google_sql_database.main.name}?sslrootcert=/run/license-server/files/db-ca.pem"
  sensitive   = true
}

output "database_ca" {
  description = "Certificate authority of PostgreSQL, the file db-ca.pem of the chart."
  value       = google_sql_database_instance.main.server_ca_cert[0].cert
}

output "redis_url" {
  description = "Content of the Secret of the chart: redis.existingSecret."
  value       = "redis://:${google_redis_instance.main.auth_string}@${google_redis_instance.main.host}:${google_redis_instance.main.port}/0"
  sensitive   = true
}

output "signing_key" {
  description = "Setting signing_key of a vendor's server."
  value       = var.signing_key ? "gcpkms://${google_kms_crypto_key.signing[0].id}/cryptoKeyVersions/1" : null
}

output "service_account" {
  description = "Value of the annotation iam.gke.io/gcp-service-account of the chart."
  value       = var.signing_key ? google_service_account.server[0].email : null
}
