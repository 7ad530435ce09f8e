variable "organization" {
  description = "What names begin with; S3's names are the world's."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.organization))
    error_message = "organization has 2 to 12 lower-case letters and digits, and begins with a letter."
  }
}

variable "environment" {
  description = "Name of the environment, as in config/env."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,7}$", var.environment))
    error_message = "environment has 2 to 8 lower-case letters and digits, and begins with a letter."
  }
}

variable "account_id" {
  description = "The AWS account."
  type        = string
}

variable "region" {
  description = "Where everything runs."
  type        = string
}

variable "recovery_region" {
  description = "Where the copy lies; empty for no copy."
  type        = string
  default     = ""
}

variable "availability_zones" {
  description = "Zones to spread over."
  type        = list(string)
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.60.0.0/16"
}

variable "nat" {
  description = "How tasks reach the world: none, one, each."
  type        = string
  default     = "one"
}

variable "commit" {
  description = "SHA of the commit whose images run: the tag that the pipeline pushed."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{7,40}$", var.commit))
    error_message = "commit is the SHA of a commit."
  }
}

variable "work_pool" {
  description = "The work pool: its name, and where flow runs run, on ECS or on EMR Serverless."
  type        = object({ name = string, type = string })

  validation {
    condition     = contains(["ecs", "emr-serverless"], var.work_pool.type)
    error_message = "work_pool.type is ecs or emr-serverless."
  }
}

variable "emr_limits" {
  description = "All that jobs on EMR Serverless may use at the same time."
  type        = object({ cpu = number, memory_gb = number, disk_gb = number })
  default     = { cpu = 200, memory_gb = 800, disk_gb = 4000 }
}

variable "prefect" {
  description = "Prefect's API, and whether it wants a key (whose secret is made here, without a value)."
  type        = object({ api_url = string, wants_key = optional(bool, true) })
}

variable "connections" {
  description = "Secrets of the connections in the environment's file, by the connections' names."
  type = map(object({
    description         = string
    rotation_lambda_arn = optional(string)
    rotation_days       = optional(number, 30)
  }))
}

variable "landing" {
  description = "The bucket in which others put files, and the key that encrypts it where it has its own."
  type        = object({ bucket = string, kms_key_arn = optional(string) })
  default     = null
}

variable "redshift" {
  description = "The workgroup of Redshift Serverless: by IAM its login is lent to runs; the role with which it reads our files is made here."
  type        = object({ workgroup_arn = string, workgroup = string, endpoint = string, database = string })
  default     = null
}

variable "snowflake_integration" {
  description = "Who Snowflake is when it reads and writes our files (DESC STORAGE INTEGRATION: STORAGE_AWS_IAM_USER_ARN, STORAGE_AWS_EXTERNAL_ID)."
  type        = object({ user_arn = string, external_id = string })
  default     = null
  sensitive   = false
}

variable "readers" {
  description = "Roles that read released tables, with layers and classifications."
  type = map(object({
    role_arn        = string
    layers          = optional(set(string), ["gold"])
    classifications = optional(set(string), ["public", "internal"])
  }))
  default = {}
}

variable "lake_admins" {
  description = "Roles that administer Lake Formation; Terraform's own is one."
  type        = set(string)
  default     = []
}

variable "config_dir" {
  description = "The configuration whose contracts and environment's file promise what alarms watch; empty for no promises."
  type        = string
  default     = ""
}

variable "rejected_rows" {
  description = "Rejected rows a day, above which people are told."
  type        = number
  default     = 1000
}

variable "emails" {
  description = "Who is told by mail, by severity."
  type        = map(set(string))
  default     = {}
}

variable "monthly_budget_usd" {
  description = "What the environment may cost in a month."
  type        = number
}

variable "github" {
  description = "Repository and environment of GitHub that deploy; null where another pipeline does."
  type        = object({ repository = string, environment = string, create_provider = optional(bool, true) })
  default     = null
}

variable "lifecycle_days" {
  description = "Days after which what nobody needs any more goes."
  type = object({
    staging    = optional(number, 7)
    exchange   = optional(number, 7)
    errors     = optional(number, 365)
    runs       = optional(number, 400)
    noncurrent = optional(number, 30)
  })
  default = {}
}

variable "workers" {
  description = "Workers that run side by side."
  type        = number
  default     = 1
}

variable "disposable" {
  description = "Whether everything may be destroyed with what is in it: for environments that are made and taken down."
  type        = bool
  default     = false
}
