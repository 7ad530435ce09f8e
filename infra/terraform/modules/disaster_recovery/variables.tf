variable "name" {
  description = "What every name here begins with, for example acme-tidemark-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name has 3 to 31 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "account_id" {
  description = "The AWS account."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has twelve digits."
  }
}

variable "sources" {
  description = "Buckets to copy to the other region, by their keys: name and ARN. Their versioning is on."
  type        = map(object({ bucket = string, arn = string }))

  validation {
    condition     = contains(keys(var.sources), "lake") && contains(keys(var.sources), "snapshots")
    error_message = "sources has lake and snapshots, without which nothing can be restored."
  }
}

variable "kms_key_arn" {
  description = "Key of the buckets that are copied."
  type        = string
}

variable "regions" {
  description = "Where the data is, and where the copy goes."
  type        = object({ here = string, elsewhere = string })

  validation {
    condition     = var.regions.here != var.regions.elsewhere
    error_message = "the copy lies in another region."
  }
}

variable "restoring_roles" {
  description = "Names of roles that restore from the copies, by what runs as them."
  type        = map(string)
  default     = {}
}

variable "noncurrent_days" {
  description = "Days that replaced versions of the copy are kept: as long as a mistake may stay unnoticed."
  type        = number
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 30
    error_message = "noncurrent_days is 30 at least."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may take the copy along."
  type        = bool
  default     = false
}
