variable "account_id" {
  description = "The AWS account."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has twelve digits."
  }
}

variable "organization" {
  description = "What names begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.organization))
    error_message = "organization has 2 to 12 lower-case letters and digits, and begins with a letter."
  }
}

variable "region" {
  description = "Where the state lies."
  type        = string
  default     = "eu-central-1"
}
