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

variable "environment" {
  description = "Name of the environment in config/env, by which its metrics are told apart."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the topics."
  type        = string
}

variable "emails" {
  description = "Who is told by mail, by severity; each has to confirm once."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.emails), ["warning", "error"])) == 0
    error_message = "emails has warning and error."
  }
}

variable "slo" {
  description = "What is promised: seconds of a run by job, rejected rows a day, seconds of age by table (as `slaProperties` of the contracts and `sla` of the environment's file say)."
  type = object({
    latency_seconds   = optional(map(number), { daily = 14400 })
    rejected_rows     = optional(number, 1000)
    freshness_seconds = optional(map(number), {})
  })
  default = {}

  validation {
    condition     = alltrue([for seconds in concat(values(var.slo.latency_seconds), values(var.slo.freshness_seconds)) : seconds > 0])
    error_message = "slo has positive numbers of seconds."
  }

  validation {
    condition     = alltrue([for table in keys(var.slo.freshness_seconds) : can(regex("^(bronze|silver|gold)\\.[a-z0-9_]+$", table))])
    error_message = "slo.freshness_seconds names tables with their layer, for example gold.fact_orders."
  }
}

variable "cluster_name" {
  description = "ECS cluster of the worker; empty for none."
  type        = string
  default     = ""
}

variable "monthly_budget_usd" {
  description = "What the environment may cost in a month; told at 80 % and when it is forecast to be exceeded."
  type        = number

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd is more than 0."
  }
}
