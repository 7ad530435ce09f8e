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


variable "lifecycle_days" {
  description = "Days after which what nobody needs any more goes: prepared batches, files that were exchanged with warehouses, rejected rows, results of checks and logs, replaced versions of objects."
  type = object({
    staging    = optional(number, 7)
    exchange   = optional(number, 1)
    errors     = optional(number, 365)
    runs       = optional(number, 400)
    noncurrent = optional(number, 30)
  })
  default = {}

  validation {
    condition     = alltrue([for days in values(var.lifecycle_days) : days >= 1])
    error_message = "lifecycle_days are one day at least."
  }

  validation {
    condition     = var.lifecycle_days.staging >= 3
    error_message = "lifecycle_days.staging is three days at least: a plan can be applied for one, and an interrupted commit is finished from there."
  }

  validation {
    condition     = var.lifecycle_days.noncurrent >= 7
    error_message = "lifecycle_days.noncurrent is seven days at least, as long as releases can be restored."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may take buckets with what is in them: for environments without data."
  type        = bool
  default     = false
}
