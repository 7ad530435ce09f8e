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

variable "repository" {
  description = "Repository on GitHub that may build and deploy, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository is written as owner/name."
  }
}

variable "github_environment" {
  description = "Environment of that repository whose jobs may deploy: its approvals are ours."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.github_environment))
    error_message = "github_environment is the name of one environment: no pattern, or any branch could deploy."
  }
}

variable "create_provider" {
  description = "Whether the account has no provider for GitHub yet; one account has one."
  type        = bool
  default     = true
}

variable "repository_arns" {
  description = "Repositories of images that may be pushed to."
  type        = set(string)
}

variable "prefect_secret_arn" {
  description = "Secret with the login to Prefect's API, for `prefect deploy`; null where it wants none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Key of images and of that secret."
  type        = string
}
