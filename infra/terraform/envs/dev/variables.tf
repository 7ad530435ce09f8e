variable "account_id" {
  description = "The AWS account that this environment lives in; another one is refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has twelve digits."
  }
}

variable "organization" {
  description = "What names begin with."
  type        = string
}

variable "region" {
  description = "Where everything runs."
  type        = string
  default     = "eu-central-1"
}

variable "commit" {
  description = "SHA of the commit whose images run."
  type        = string
}

variable "prefect" {
  description = "Address of Prefect's API, and its login: `key` (Prefect Cloud), `auth_string` (a server of our own), `none` (an open one inside of the VPC). The pipeline's PREFECT_LOGIN says the same."
  type        = object({ api_url = string, login = optional(string, "key") })
}

variable "monthly_budget_usd" {
  description = "What the environment may cost in a month."
  type        = number
}

variable "secrets" {
  description = "Secrets beside those of connections that config/env names, such as those of `smtp`, Slack's channels and `approvals`: what each is for, by their names below tidemark/<environment>/."
  type        = map(object({ description = string, rotation_lambda_arn = optional(string), rotation_days = optional(number, 30) }))
  default     = {}
}

variable "landing" {
  description = "The bucket in which the shop's files land, and its key where it has its own; null for none."
  type        = object({ bucket = string, kms_key_arn = optional(string) })
  default     = null
}

variable "redshift" {
  description = "Redshift, and how runs log in: `iam` to a workgroup or a cluster, or `password`; null for none."
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
}

variable "snowflake_integration" {
  description = "Who Snowflake is when it reads and writes our files (DESC STORAGE INTEGRATION: STORAGE_AWS_IAM_USER_ARN, STORAGE_AWS_EXTERNAL_ID); null until it is there."
  type        = object({ user_arn = string, external_id = string })
  default     = null
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
  description = "ARNs of all roles that administer Lake Formation in the account, whoever applies among them; empty for who applies alone, which a pipeline may not leave it at."
  type        = set(string)
  default     = []
}

variable "lake_viewers" {
  description = "ARNs of roles that see all grants of Lake Formation: the one that plans in a pipeline."
  type        = set(string)
  default     = []
}

variable "lake_removed" {
  description = "Who administers Lake Formation or sees its grants now, and shall no longer: else a plan that drops somebody is refused."
  type        = set(string)
  default     = []
}

variable "github" {
  description = "Repository on GitHub whose pipeline deploys, and whether the account has no provider for GitHub's tokens yet; null for no pipeline."
  type        = object({ repository = string, create_provider = optional(bool, true) })
  default     = null
}

variable "emails" {
  description = "Who is told by mail, by severity."
  type        = map(set(string))
  default     = {}
}

variable "endpoint_url" {
  description = "Address of an emulator in place of AWS; empty for AWS."
  type        = string
  default     = ""
}

# What these were called before; a name that Terraform does not know it would pass over.

variable "prefect_api_url" {
  description = "No longer: `prefect`."
  type        = string
  default     = null

  validation {
    condition     = var.prefect_api_url == null
    error_message = "prefect_api_url is now prefect = { api_url = \"…\" }."
  }
}

variable "landing_bucket" {
  description = "No longer: `landing`."
  type        = string
  default     = null

  validation {
    condition     = var.landing_bucket == null
    error_message = "landing_bucket is now landing = { bucket = \"…\" }; leave it out for none."
  }
}

variable "github_repository" {
  description = "No longer: `github`."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null
    error_message = "github_repository is now github = { repository = \"…\" }; leave it out for none."
  }
}
