variable "project" {
  description = "Id of the Google Cloud project, whose billing is enabled."
  type        = string
}

variable "region" {
  description = "Region of the cluster and the databases, such as europe-west3."
  type        = string
}

variable "name" {
  description = "Prefix of the names of all resources."
  type        = string
  default     = "licenses"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "Expected 3 to 20 lowercase letters, digits and hyphens, such as licenses."
  }
}

variable "namespace" {
  description = "Namespace of the chart in the cluster."
  type        = string
  default     = "licenses"
}

variable "administrator_networks" {
  description = "Networks that may reach the control plane of the cluster, such as 203.0.113.0/24."
  type        = list(string)

  validation {
    condition     = length(var.administrator_networks) > 0 && !contains(var.administrator_networks, "0.0.0.0/0")
    error_message = "Expected the networks of your administrators, and not the whole Internet."
  }
}

variable "database_tier" {
  description = "Machine type of PostgreSQL."
  type        = string
  default     = "db-custom-2-8192"
}

variable "redis_memory_gb" {
  description = "Memory of Redis in GiB. 100,000 held seats need about 100 MiB."
  type        = number
  default     = 1
}

variable "signing_key" {
  description = "Whether to create a key in Cloud KMS that signs licenses, for a vendor's server."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the cluster and PostgreSQL refuse to be deleted."
  type        = bool
  default     = true
}
