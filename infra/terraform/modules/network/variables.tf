variable "name" {
  description = "What every name here begins with, for example acme-tidemark-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name has 3 to 31 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "region" {
  description = "The region of the VPC; endpoints are named after it."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC. A /16 leaves room for EMR Serverless, which takes an address for each worker."
  type        = string
  default     = "10.60.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "cidr is a block of at least /20: EMR Serverless needs an address for each worker."
  }
}

variable "availability_zones" {
  description = "Zones to spread over; EMR Serverless wants at least two."
  type        = list(string)

  validation {
    condition     = length(var.availability_zones) >= 2 && length(distinct(var.availability_zones)) == length(var.availability_zones)
    error_message = "availability_zones has at least two, each once."
  }
}

variable "nat" {
  description = "How private subnets reach Snowflake, the CRM and Prefect: `none` (everything by endpoints or peering), `one` (one zone's outage cuts all off), `each` (one a zone)."
  type        = string
  default     = "one"

  validation {
    condition     = contains(["none", "one", "each"], var.nat)
    error_message = "nat is none, one or each."
  }
}

variable "interface_endpoints" {
  description = "AWS services that are reached inside of the VPC. S3 and DynamoDB are always, for nothing."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "ecs", "emr-serverless", "glue", "kms", "logs", "monitoring", "secretsmanager", "sns", "sqs", "ssm", "sts"]
}

variable "further_ports" {
  description = "Ports beside 443 that tasks may reach, by what listens there, for example { Redshift = 5439 }."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for port in values(var.further_ports) : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "further_ports are ports: 1 to 65535."
  }
}

variable "flow_log_days" {
  description = "Days that records of connections are kept."
  type        = number
  default     = 365
}

variable "kms_key_arn" {
  description = "Key that encrypts the records of connections."
  type        = string
}
