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

variable "prefect_api_url" {
  description = "Address of Prefect's API."
  type        = string
}

variable "monthly_budget_usd" {
  description = "What the environment may cost in a month."
  type        = number
}

variable "landing_bucket" {
  description = "The bucket in which the shop's files land; empty for none."
  type        = string
  default     = ""
}

variable "redshift" {
  description = "The workgroup of Redshift Serverless; null for none, or for one that is logged in to by password."
  type        = object({ workgroup_arn = string, workgroup = string, endpoint = string, database = string })
  default     = null
}

variable "github_repository" {
  description = "Repository on GitHub whose pipeline deploys; empty for none."
  type        = string
  default     = ""
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
