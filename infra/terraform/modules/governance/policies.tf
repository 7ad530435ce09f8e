# What a run may do, and nothing beside it: its own buckets, table, secrets and topics.

locals {
  own_objects = { for key, arn in var.buckets : key => "${arn}/*" }
  glue        = "arn:aws:glue:${var.region}:${var.account_id}"
  athena      = "arn:aws:athena:${var.region}:${var.account_id}"
  entries     = concat(["${local.glue}:catalog"], flatten([for database in values(var.databases) : ["${local.glue}:database/${database}", "${local.glue}:table/${database}/*"]]))

  redshift      = "arn:aws:redshift:${var.region}:${var.account_id}"
  mapped_logins = [for cluster, at in var.redshift_clusters : "${local.redshift}:dbname:${cluster}/${at.database}" if at.user == null]
  named_logins  = flatten([for cluster, at in var.redshift_clusters : ["${local.redshift}:dbname:${cluster}/${at.database}", "${local.redshift}:dbuser:${cluster}/${at.user}"] if at.user != null])

  run_statements = concat(
    [
      {
        Sid      = "ListOwnBuckets"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
        Resource = values(var.buckets)
      },
      {
        Sid      = "OwnObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = values(local.own_objects)
      },
      {
        Sid      = "Keys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arns
      },
      {
        Sid      = "ControlStore"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:DescribeTable"]
        Resource = [var.state_table_arn]
      },
      {
        Sid      = "ReleasedTablesInTheCatalog"
        Effect   = "Allow"
        Action   = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"]
        Resource = local.entries
      },
    ],
    [{
      # The actions know no resources: Lake Formation grants them on databases, tables and tags (main.tf).
      Sid      = "TagsOfColumns"
      Effect   = "Allow"
      Action   = ["lakeformation:AddLFTagsToResource", "lakeformation:GetResourceLFTags"]
      Resource = ["*"]
    }],
    length(var.secret_arns) == 0 ? [] : [{
      Sid      = "SecretsOfTheConnections"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = var.secret_arns
    }],
    var.parameter_path == "" ? [] : [{
      Sid      = "SecretsInParameterStore"
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = ["arn:aws:ssm:${var.region}:${var.account_id}:parameter/${var.parameter_path}/*"]
    }],
    length(var.topic_arns) == 0 ? [] : [{
      Sid      = "TellOfTrouble"
      Effect   = "Allow"
      Action   = ["sns:Publish"]
      Resource = var.topic_arns
    }],
    length(var.landing_buckets) == 0 ? [] : [
      {
        Sid      = "ListWhatHasLanded"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
        Resource = var.landing_buckets
      },
      {
        Sid      = "ReadWhatHasLanded"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = [for arn in var.landing_buckets : "${arn}/*"]
      },
    ],
    length(var.landing_kms_key_arns) == 0 ? [] : [{
      Sid      = "KeysOfWhatHasLanded"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = var.landing_kms_key_arns
    }],
    length(var.redshift_workgroup_arns) == 0 ? [] : [{
      Sid      = "LoginsOfRedshift"
      Effect   = "Allow"
      Action   = ["redshift-serverless:GetCredentials"]
      Resource = var.redshift_workgroup_arns
    }],
    [for statement in [
      { Sid = "LoginsOfClusters", Effect = "Allow", Action = ["redshift:GetClusterCredentialsWithIAM"], Resource = local.mapped_logins },
      # A login by name is of a user in a database, and asks for both.
      { Sid = "NamedLoginsOfClusters", Effect = "Allow", Action = ["redshift:GetClusterCredentials"], Resource = local.named_logins },
    ] : statement if length(statement.Resource) > 0],
  )
}

resource "aws_iam_policy" "run" {
  name        = "${var.name}-run"
  description = "A run of Tidemark: its lake, control store, secrets and topics."
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.run_statements })
}

# What a reader needs beside the grants of Lake Formation, which say which columns.
resource "aws_iam_policy" "reader" {
  name        = "${var.name}-reader"
  description = "Queries on released tables, as far as Lake Formation lets."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Queries"
        Effect = "Allow"
        Action = [
          "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:BatchGetQueryExecution", "athena:ListQueryExecutions",
          "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetQueryRuntimeStatistics", "athena:GetWorkGroup"
        ]
        Resource = ["${local.athena}:workgroup/${var.workgroup}"]
      },
      {
        Sid      = "WhatThereIs"
        Effect   = "Allow"
        Action   = ["athena:GetDataCatalog", "athena:GetDatabase", "athena:ListDatabases", "athena:GetTableMetadata", "athena:ListTableMetadata"]
        Resource = ["${local.athena}:datacatalog/AwsDataCatalog"]
      },
      {
        Sid    = "Catalog"
        Effect = "Allow"
        Action = [
          "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetTableVersions", "glue:GetPartition", "glue:GetPartitions",
          "glue:BatchGetPartition"
        ]
        # Athena looks for a database `default` before any other.
        Resource = concat(local.entries, ["${local.glue}:database/default"])
      },
      {
        # Lists of names, which know no resources: the console begins with them.
        Sid      = "NamesOfWorkgroups"
        Effect   = "Allow"
        Action   = ["athena:ListWorkGroups", "athena:ListDataCatalogs", "athena:ListEngineVersions"]
        Resource = ["*"]
      },
      {
        # The action knows no resources: what it gives is decided by the grants.
        Sid      = "DataByLakeFormation"
        Effect   = "Allow"
        Action   = ["lakeformation:GetDataAccess"]
        Resource = ["*"]
      },
      {
        Sid      = "ResultsOfQueries"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = ["${var.buckets["runs"]}/athena/*"]
      },
      {
        # Without a condition: a request for the region has no prefix, and Athena runs nothing without its answer.
        Sid      = "RegionOfResults"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation"]
        Resource = [var.buckets["runs"]]
      },
      {
        Sid       = "ListResults"
        Effect    = "Allow"
        Action    = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource  = [var.buckets["runs"]]
        Condition = { StringLike = { "s3:prefix" = ["athena/*"] } }
      },
      {
        Sid      = "KeysOfResults"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arns
      },
    ]
  })
}
