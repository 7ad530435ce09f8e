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

variable "buckets" {
  description = "ARNs of the environment's own buckets, by their keys: lake, errors, exchange, runs, snapshots."
  type        = map(string)

  validation {
    condition     = length(setsubtract(["lake", "errors", "exchange", "runs", "snapshots"], keys(var.buckets))) == 0
    error_message = "buckets has lake, errors, exchange, runs and snapshots."
  }
}

variable "landing_buckets" {
  description = "ARNs of buckets in which others put files for us: read, never written."
  type        = set(string)
  default     = []
}

variable "landing_kms_key_arns" {
  description = "Keys of landing buckets that have their own: what is read there is decrypted with them, and nothing encrypted."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.landing_kms_key_arns : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/", arn))])
    error_message = "landing_kms_key_arns are ARNs of keys: policies do not follow an alias."
  }
}

variable "kms_key_arns" {
  description = "Keys of the environment's buckets, table and secrets."
  type        = set(string)

  validation {
    condition     = length(var.kms_key_arns) > 0 && alltrue([for arn in var.kms_key_arns : can(regex("^arn:[^:]+:kms:", arn))])
    error_message = "kms_key_arns are ARNs of keys, one at least."
  }
}

variable "state_table_arn" {
  description = "The control table."
  type        = string
}

variable "secret_arns" {
  description = "Secrets of the connections and the further ones: these and no others are read by runs."
  type        = set(string)
}

variable "parameter_path" {
  description = "Path of Parameter Store where runs may look for secrets too, for example tidemark/dev; empty for none."
  type        = string
  default     = ""
}

variable "topic_arns" {
  description = "Topics that runs tell of trouble."
  type        = set(string)
  default     = []
}

variable "databases" {
  description = "Glue databases by layer, where released tables are registered."
  type        = map(string)
}

variable "workgroup" {
  description = "Workgroup of Athena for readers."
  type        = string
}

variable "redshift_workgroup_arns" {
  description = "Workgroups of Redshift Serverless that runs log in to by IAM."
  type        = set(string)
  default     = []
}

variable "redshift_clusters" {
  description = "Clusters of Redshift that runs log in to by IAM: the database, and its user where the login is lent by name."
  type        = map(object({ database = string, user = optional(string) }))
  default     = {}
}

variable "writers" {
  description = "ARNs of the roles that runs have, by what runs there: they register released tables and tag columns."
  type        = map(string)
  default     = {}
}

variable "lake_admins" {
  description = "ARNs of roles that administer Lake Formation, all of the account: others are none any more. Whoever applies must be among them; empty for who applies alone."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.lake_admins : can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "lake_admins are ARNs of roles (arn:aws:iam::…:role/…), not of their sessions."
  }
}

variable "lake_viewers" {
  description = "ARNs of roles that see all grants and change none: the one that plans, where it is not the one that applies."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.lake_viewers : can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "lake_viewers are ARNs of roles (arn:aws:iam::…:role/…), not of their sessions."
  }
}

variable "lake_removed" {
  description = "Who administers Lake Formation or sees its grants now, and shall no longer, as Lake Formation names them: whoever is not named is not removed."
  type        = set(string)
  default     = []
}

variable "readers" {
  description = "Who reads what: ARNs of roles, with the layers and the classifications that they may see. A column without a classification is `internal`."
  type = map(object({
    role_arn        = string
    layers          = optional(set(string), ["gold"])
    classifications = optional(set(string), ["public", "internal"])
  }))
  default = {}

  validation {
    condition     = alltrue([for reader in values(var.readers) : length(setsubtract(reader.classifications, ["public", "internal", "confidential", "personal"])) == 0])
    error_message = "classifications are public, internal, confidential and personal."
  }

  validation {
    condition     = alltrue([for reader in values(var.readers) : length(setsubtract(reader.layers, ["bronze", "silver", "gold"])) == 0])
    error_message = "layers are bronze, silver and gold."
  }
}
