variable "name" {
  description = "What every name here begins with, for example acme-tidemark-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name has 3 to 31 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the secrets."
  type        = string
}

variable "path" {
  description = "What names of secrets begin with, for example tidemark/dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(/[a-z0-9-]+)*$", var.path))
    error_message = "path is written as tidemark/dev: lower-case words, with slashes between them."
  }
}

variable "secrets" {
  description = "Secrets by their names under the path: what each is for, and how often a function renews it. Their values are not Terraform's: they would lie in its state."
  type = map(object({
    description         = string
    rotation_lambda_arn = optional(string)
    rotation_days       = optional(number, 30)
  }))

  validation {
    condition     = alltrue([for secret in values(var.secrets) : secret.rotation_days >= 1 && secret.rotation_days <= 365])
    error_message = "rotation_days is between 1 and 365."
  }
}

variable "recovery_days" {
  description = "Days in which a deleted secret can be brought back; 0 where an environment is made and taken down every day."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days is 0, or 7 to 30."
  }
}
