# The roles with which warehouses read and write the files that are exchanged with them: that bucket, and nothing else.
# They are there however runs log in: COPY and UNLOAD are the warehouse's own requests to S3.

locals {
  exchange = {
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"], Resource = ["${module.storage.bucket_arns["exchange"]}/*"] },
      { Effect = "Allow", Action = ["s3:ListBucket", "s3:GetBucketLocation"], Resource = [module.storage.bucket_arns["exchange"]] },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [module.storage.kms_key_arn] },
    ]
  }
}

resource "aws_iam_role" "redshift" {
  count = var.redshift == null ? 0 : 1

  name = "${local.name}-redshift-s3"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"] }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "redshift" {
  count = var.redshift == null ? 0 : 1

  name   = "exchange"
  role   = aws_iam_role.redshift[0].id
  policy = jsonencode(local.exchange)
}

resource "aws_iam_role" "snowflake" {
  count = var.snowflake_integration == null ? 0 : 1

  name = "${local.name}-snowflake-s3"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = var.snowflake_integration.user_arn }
      Condition = { StringEquals = { "sts:ExternalId" = var.snowflake_integration.external_id } }
    }]
  })
}

resource "aws_iam_role_policy" "snowflake" {
  count = var.snowflake_integration == null ? 0 : 1

  name = "exchange"
  role = aws_iam_role.snowflake[0].id
  # An unload that breaks off is tidied up by Snowflake itself.
  policy = jsonencode(merge(local.exchange, { Statement = concat(local.exchange.Statement, [
    { Effect = "Allow", Action = ["s3:DeleteObject", "s3:DeleteObjectVersion"], Resource = ["${module.storage.bucket_arns["exchange"]}/*"] }
  ]) }))
}
