variable "name" {
  description = "What every name here begins with, for example acme-tidemark-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name has 3 to 31 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "lake_root" {
  description = "Where the lake lies (s3://bucket/prefix); databases name their layer's folder there."
  type        = string

  validation {
    condition     = can(regex("^s3://[^/]+/.+[^/]$", var.lake_root))
    error_message = "lake_root is written as s3://bucket/prefix, without a slash at the end."
  }
}

variable "results_bucket" {
  description = "Bucket for results of queries, under athena/."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts results of queries."
  type        = string
}

variable "scan_limit_gb" {
  description = "How much one query may read; Athena ends a longer one."
  type        = number
  default     = 100

  validation {
    condition     = var.scan_limit_gb >= 1 && var.scan_limit_gb <= 10000
    error_message = "scan_limit_gb is between 1 and 10,000."
  }
}

variable "layers" {
  description = "Layers that readers find in the catalog."
  type        = set(string)
  default     = ["silver", "gold"]

  validation {
    condition     = length(setsubtract(var.layers, ["bronze", "silver", "gold"])) == 0
    error_message = "layers are bronze, silver and gold."
  }
}

variable "lake_settings" {
  description = "Settings of Lake Formation that hold before a database is made; empty where nobody has any."
  type        = string
  default     = ""
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may take the workgroup with its history."
  type        = bool
  default     = false
}
