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

variable "region" {
  description = "The AWS region."
  type        = string
}


variable "kms_key_arn" {
  description = "Key that encrypts the images."
  type        = string
}

variable "kept_images" {
  description = "How many images of commits are kept; the ones that run must be among them."
  type        = number
  default     = 60

  validation {
    condition     = var.kept_images >= 10
    error_message = "kept_images is 10 at least: a rollback needs those of before."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may take the images along."
  type        = bool
  default     = false
}
