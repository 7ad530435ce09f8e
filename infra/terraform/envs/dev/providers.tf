provider "aws" {
  region                      = var.region
  allowed_account_ids         = var.endpoint_url == "" ? [var.account_id] : null
  skip_credentials_validation = var.endpoint_url != ""
  skip_metadata_api_check     = var.endpoint_url != ""
  s3_use_path_style           = var.endpoint_url != ""

  dynamic "endpoints" {
    for_each = var.endpoint_url == "" ? [] : [var.endpoint_url]

    content {
      athena         = endpoints.value
      budgets        = endpoints.value
      cloudwatch     = endpoints.value
      dynamodb       = endpoints.value
      ec2            = endpoints.value
      ecr            = endpoints.value
      ecs            = endpoints.value
      emrserverless  = endpoints.value
      events         = endpoints.value
      glue           = endpoints.value
      iam            = endpoints.value
      kms            = endpoints.value
      lakeformation  = endpoints.value
      logs           = endpoints.value
      s3             = endpoints.value
      secretsmanager = endpoints.value
      sns            = endpoints.value
      sqs            = endpoints.value
      sts            = endpoints.value
    }
  }

  default_tags {
    tags = { application = "tidemark", environment = "dev", managed-by = "terraform" }
  }
}

provider "aws" {
  alias                       = "elsewhere"
  region                      = "eu-west-1"
  allowed_account_ids         = var.endpoint_url == "" ? [var.account_id] : null
  skip_credentials_validation = var.endpoint_url != ""
  skip_metadata_api_check     = var.endpoint_url != ""
  s3_use_path_style           = var.endpoint_url != ""

  dynamic "endpoints" {
    for_each = var.endpoint_url == "" ? [] : [var.endpoint_url]

    content {
      kms = endpoints.value
      s3  = endpoints.value
      sts = endpoints.value
    }
  }

  default_tags {
    tags = { application = "tidemark", environment = "dev", managed-by = "terraform" }
  }
}
