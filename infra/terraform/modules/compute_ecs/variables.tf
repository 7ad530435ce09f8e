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
  description = "Name of the environment in config/env: flow runs and the worker are of it."
  type        = string
}

variable "image" {
  description = "Image of the worker, with the SHA of its commit as tag."
  type        = string

  validation {
    condition     = can(regex(":[0-9a-f]{7,40}$", var.image))
    error_message = "image ends in the SHA of a commit, as tag: what runs is known."
  }
}

variable "repository_arn" {
  description = "Repository of the image."
  type        = string
}

variable "work_pool" {
  description = "The work pool that the worker serves, with its type: ecs or emr-serverless."
  type        = object({ name = string, type = string })

  validation {
    condition     = contains(["ecs", "emr-serverless"], var.work_pool.type)
    error_message = "work_pool.type is ecs or emr-serverless."
  }
}

variable "prefect_api_url" {
  description = "Address of Prefect's API."
  type        = string

  validation {
    condition     = can(regex("^(https://|http://127[.]0[.]0[.]1:).+/api", var.prefect_api_url))
    error_message = "prefect_api_url begins with https:// and names the API (…/api); without TLS it does not leave the machine."
  }
}

variable "prefect_login" {
  description = "How worker and tasks log in to Prefect's API: the variable, and the secret that it gets its value from; null where the API is open."
  type        = object({ variable = string, secret_arn = string })
  default     = null

  validation {
    condition     = var.prefect_login == null || contains(["PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"], try(var.prefect_login.variable, ""))
    error_message = "prefect_login.variable is PREFECT_API_KEY or PREFECT_API_AUTH_STRING."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of worker and tasks."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of worker and tasks."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "Key that encrypts logs and events."
  type        = string
}

variable "run_policy_arn" {
  description = "What a flow run may do."
  type        = string
}

variable "light_pool" {
  description = "A work pool of the type ecs beside one of EMR, for what needs no Spark; empty for none."
  type        = string
  default     = ""
}

variable "emr" {
  description = "Application and execution role that a worker for EMR Serverless starts jobs with; null for ECS."
  type        = object({ application_arn = string, execution_role_arn = string, logs_bucket_arn = string })
  default     = null
}

variable "workers" {
  description = "Workers that run side by side; two outlive a zone."
  type        = number
  default     = 1

  validation {
    condition     = var.workers >= 0 && var.workers <= 10
    error_message = "workers is between 0 and 10."
  }
}

variable "worker_size" {
  description = "CPU units and MiB of a worker."
  type        = object({ cpu = number, memory = number })
  default     = { cpu = 512, memory = 1024 }
}

variable "log_days" {
  description = "Days that logs of workers and tasks are kept."
  type        = number
  default     = 365
}
