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

variable "release" {
  description = "Release of EMR; that of the image's base (`ARG EMR_IMAGE` of the Dockerfile)."
  type        = string
  default     = "emr-spark-8.2.0"

  validation {
    condition     = can(regex("^emr-", var.release))
    error_message = "release is one of EMR, for example emr-spark-8.2.0."
  }
}

variable "image" {
  description = "Image of drivers and executors, with the SHA of its commit as tag."
  type        = string

  validation {
    condition     = can(regex(":[0-9a-f]{7,40}$", var.image))
    error_message = "image ends in the SHA of a commit, as tag: jobs of another commit are refused by the worker."
  }
}

variable "limits" {
  description = "All that jobs may use at the same time: vCPUs, memory and disk in GB."
  type        = object({ cpu = number, memory_gb = number, disk_gb = number })
  default     = { cpu = 200, memory_gb = 800, disk_gb = 4000 }

  validation {
    condition     = var.limits.cpu >= 4 && var.limits.memory_gb >= 2 * var.limits.cpu && var.limits.memory_gb <= 8 * var.limits.cpu
    error_message = "limits has 4 vCPUs at least, and 2 to 8 GB of memory for each."
  }
}

variable "idle_minutes" {
  description = "Minutes without a job after which the application stops, and costs nothing."
  type        = number
  default     = 15

  validation {
    condition     = var.idle_minutes >= 1 && var.idle_minutes <= 60
    error_message = "idle_minutes is between 1 and 60."
  }
}

variable "subnet_ids" {
  description = "Private subnets, in two zones at least."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids are of two zones at least: EMR Serverless wants that."
  }
}

variable "security_group_ids" {
  description = "Security groups of drivers and executors."
  type        = list(string)
}

variable "run_policy_arn" {
  description = "What a flow run may do."
  type        = string
}

variable "secret_arns" {
  description = "Secrets that a driver fetches for its own environment: the key of Prefect's API."
  type        = set(string)
  default     = []
}

variable "kms_key_arn" {
  description = "Key that encrypts logs and secrets."
  type        = string
}

variable "logs_bucket" {
  description = "Bucket of logs, under emr/."
  type        = string
}

variable "log_days" {
  description = "Days that what drivers print is kept."
  type        = number
  default     = 365
}
