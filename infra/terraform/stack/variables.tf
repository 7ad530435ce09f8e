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
  description = "Prefect's API, and how it is logged in to: `key` (Prefect Cloud), `auth_string` (a server of our own with user:password), `none` (one that the network alone protects). The secret is made here, without a value."
  type        = object({ api_url = string, login = optional(string, "key") })

  validation {
    condition     = contains(["key", "auth_string", "none"], var.prefect.login)
    error_message = "prefect.login is key, auth_string or none."
  }
}

variable "connections" {
  description = "Secrets of the connections in the environment's file, by the connections' names."
  type = map(object({
    description         = string
    rotation_lambda_arn = optional(string)
    rotation_days       = optional(number, 30)
  }))
}

variable "secrets" {
  description = "Further secrets that runs read, by their names: the mail server's login, Slack's address, the key of approvals."
  type = map(object({
    description         = string
    rotation_lambda_arn = optional(string)
    rotation_days       = optional(number, 30)
  }))
  default = {}

  validation {
    condition     = length(setintersection(keys(var.secrets), concat(keys(var.connections), ["redshift", "prefect-api-key", "prefect-auth-string"]))) == 0
    error_message = "secrets are others than those of connections, of Redshift and of Prefect, which are made anyway."
  }
}

variable "landing" {
  description = "The bucket in which others put files, and the key that encrypts it where it has its own."
  type        = object({ bucket = string, kms_key_arn = optional(string) })
  default     = null
}

variable "redshift" {
  description = "Redshift, and how runs log in: `iam` to a workgroup (Serverless) or to a cluster (`db_user` for a database user by name), or `password` by a secret that is made here. The role with which it reads our files is made in any case; null for no Redshift."
  type = object({
    endpoint      = string
    port          = optional(number, 5439)
    database      = string
    login         = optional(string, "iam")
    workgroup     = optional(string)
    workgroup_arn = optional(string)
    cluster       = optional(string)
    db_user       = optional(string)
  })
  default = null

  validation {
    condition     = contains(["iam", "password"], try(var.redshift.login, "iam"))
    error_message = "redshift.login is iam or password."
  }

  validation {
    condition     = try(var.redshift.login, "password") == "password" || (try(var.redshift.cluster, null) == null) != (try(var.redshift.workgroup, null) == null)
    error_message = "a login to Redshift by IAM names either its workgroup or its cluster."
  }

  validation {
    condition     = (try(var.redshift.workgroup, null) == null) == (try(var.redshift.workgroup_arn, null) == null)
    error_message = "redshift.workgroup goes with redshift.workgroup_arn, which ends in an id that its name does not tell."
  }

  validation {
    condition     = try(var.redshift.db_user, null) == null || try(var.redshift.cluster, null) != null
    error_message = "redshift.db_user is a user of a cluster; a workgroup maps the role to one."
  }
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
  description = "ARNs of all roles that administer Lake Formation in the account, whoever applies among them; empty for who applies alone."
  type        = set(string)
  default     = []

  validation {
    condition     = var.github == null || length(var.lake_admins) > 0
    error_message = "name lake_admins where a pipeline plans: else the role that plans would become the administrator, and not the one that applies."
  }
}

variable "lake_viewers" {
  description = "ARNs of roles that see all grants of Lake Formation and change none: the one that plans in a pipeline."
  type        = set(string)
  default     = []
}

variable "lake_removed" {
  description = "Who administers Lake Formation or sees its grants now, and shall no longer."
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
  description = "Days after which what nobody needs any more goes. Without a word staging, exchange and errors go when `retention` of the environment's file says, the rest as in modules/storage."
  type = object({
    staging    = optional(number)
    exchange   = optional(number)
    errors     = optional(number)
    runs       = optional(number)
    noncurrent = optional(number)
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
