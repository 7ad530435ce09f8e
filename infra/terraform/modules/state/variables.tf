variable "name" {
  description = "What every name here begins with, for example acme-tidemark-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name has 3 to 31 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the control table."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the table cannot be deleted: it knows which release is whole."
  type        = bool
  default     = true
}
