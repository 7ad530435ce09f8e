# Lake Formation: who reads which column follows from tags, and tags from contracts (layer, classification).

locals {
  classifications = ["public", "internal", "confidential", "personal"]
  layers          = ["bronze", "silver", "gold"]
  lake_admins     = length(var.lake_admins) > 0 ? var.lake_admins : toset([data.aws_iam_session_context.current[0].issuer_arn])
  registers       = { for pair in setproduct(keys(var.writers), keys(var.databases)) : "${pair[0]} ${pair[1]}" => { role = var.writers[pair[0]], database = var.databases[pair[1]] } }
}

data "aws_caller_identity" "current" {
  count = length(var.lake_admins) > 0 ? 0 : 1
}

# The role behind a session; whoever is no role is itself.
data "aws_iam_session_context" "current" {
  count = length(var.lake_admins) > 0 ? 0 : 1

  arn = data.aws_caller_identity.current[0].arn
}

data "aws_lakeformation_data_lake_settings" "present" {}

locals {
  dropped_admins  = setsubtract(data.aws_lakeformation_data_lake_settings.present.admins, setunion(local.lake_admins, var.lake_removed))
  dropped_viewers = setsubtract([for arn in data.aws_lakeformation_data_lake_settings.present.read_only_admins : arn if !strcontains(arn, local.of_services)], setunion(local.lake_admins, var.lake_viewers, var.lake_removed))
  dropped         = setunion(local.dropped_admins, local.dropped_viewers)

  # Services of AWS make themselves viewers.
  of_services = ":role/aws-service-role/"
}

# No default permissions: what is made from here on is for those who are granted it, and not for whoever IAM lets.
# These settings take the place of all that the account has.
resource "aws_lakeformation_data_lake_settings" "this" {
  admins           = local.lake_admins
  read_only_admins = var.lake_viewers

  lifecycle {
    precondition {
      condition     = length(local.dropped) == 0
      error_message = "Lake Formation of this account would lose ${join(", ", local.dropped)}: name all who stay in lake_admins (or lake_viewers), and in lake_removed who shall go."
    }

    # What the provider is not told it leaves as it is.
    postcondition {
      condition     = length(self.create_database_default_permissions) == 0 && length(self.create_table_default_permissions) == 0
      error_message = "Lake Formation still opens new databases or tables to others than those who are granted them: empty the default permissions in its Data Catalog settings, then apply again."
    }

    postcondition {
      condition     = length(setsubtract(var.lake_viewers, self.read_only_admins)) == 0 && alltrue([for arn in self.read_only_admins : contains(var.lake_viewers, arn) || strcontains(arn, local.of_services)])
      error_message = "Lake Formation has other read-only administrators than lake_viewers: remove them under its administrative roles, then apply again."
    }
  }
}

resource "aws_iam_role" "lake" {
  name = "${var.name}-lake-access"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lakeformation.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "lake" {
  name = "read-the-lake"
  role = aws_iam_role.lake.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.buckets["lake"]}/lake/*"] },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.buckets["lake"]] },
      { Effect = "Allow", Action = ["kms:Decrypt"], Resource = var.kms_key_arns },
    ]
  })
}

resource "aws_lakeformation_resource" "lake" {
  arn      = "${var.buckets["lake"]}/lake"
  role_arn = aws_iam_role.lake.arn

  depends_on = [aws_iam_role_policy.lake, aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_lf_tag" "layer" {
  key    = "${var.name}-layer"
  values = local.layers

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_lf_tag" "classification" {
  key    = "${var.name}-classification"
  values = local.classifications

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

# Tables and columns inherit these. Tidemark tags each column by its contract when it registers a table; until then it
# is for those alone who may read personal data.
resource "aws_lakeformation_resource_lf_tags" "database" {
  for_each = var.databases

  database {
    name = each.value
  }

  lf_tag {
    key   = aws_lakeformation_lf_tag.layer.key
    value = each.key
  }

  lf_tag {
    key   = aws_lakeformation_lf_tag.classification.key
    value = "personal"
  }
}

resource "aws_lakeformation_permissions" "databases" {
  for_each = var.readers

  principal   = each.value.role_arn
  permissions = ["DESCRIBE"]

  lf_tag_policy {
    resource_type = "DATABASE"

    expression {
      key    = aws_lakeformation_lf_tag.layer.key
      values = each.value.layers
    }
  }
}

resource "aws_lakeformation_permissions" "tables" {
  for_each = var.readers

  principal   = each.value.role_arn
  permissions = ["SELECT", "DESCRIBE"]

  lf_tag_policy {
    resource_type = "TABLE"

    expression {
      key    = aws_lakeformation_lf_tag.layer.key
      values = each.value.layers
    }

    expression {
      key    = aws_lakeformation_lf_tag.classification.key
      values = each.value.classifications
    }
  }
}

# Runs register released tables and tag their columns; they read the lake by their own policy, not by these grants.
resource "aws_lakeformation_permissions" "tagging" {
  for_each = var.writers

  principal   = each.value
  permissions = ["ASSOCIATE", "DESCRIBE"]

  lf_tag {
    key    = aws_lakeformation_lf_tag.classification.key
    values = local.classifications
  }
}

resource "aws_lakeformation_permissions" "registering" {
  for_each = local.registers

  principal   = each.value.role
  permissions = ["CREATE_TABLE", "DESCRIBE"]

  database {
    name = each.value.database
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

# An entry belongs to the role that made it; the others find it, and bring it up to date.
resource "aws_lakeformation_permissions" "updating" {
  for_each = local.registers

  principal   = each.value.role
  permissions = ["ALTER", "DESCRIBE"]

  table {
    database_name = each.value.database
    wildcard      = true
  }

  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_permissions" "location" {
  for_each = var.writers

  principal   = each.value
  permissions = ["DATA_LOCATION_ACCESS"]

  data_location {
    arn = aws_lakeformation_resource.lake.arn
  }
}
