# The buckets of an environment. Each is versioned, encrypted with one key, closed to the public and to plain HTTP.

locals {
  buckets = toset(["lake", "errors", "exchange", "runs", "snapshots"])

  # What goes by itself, by the bucket and a prefix in it.
  expiring = {
    lake      = { prefix = "lake/_staging/", days = var.lifecycle_days.staging }
    exchange  = { prefix = "", days = var.lifecycle_days.exchange }
    errors    = { prefix = "", days = var.lifecycle_days.errors }
    runs      = { prefix = "", days = var.lifecycle_days.runs }
    snapshots = null
  }

  # What was exchanged is raw, and nobody goes back to it: replaced versions rest no longer.
  # S3 counts whole days, from when an upload begins: parts of one may be three days old, as it may still go on.
  noncurrent_days = merge({ for name in local.buckets : name => var.lifecycle_days.noncurrent }, {
    exchange    = min(var.lifecycle_days.exchange, var.lifecycle_days.noncurrent)
    access-logs = var.lifecycle_days.noncurrent
  })

  all = merge({ for name, bucket in aws_s3_bucket.this : name => bucket }, { access-logs = aws_s3_bucket.access_logs })
}

resource "aws_kms_key" "this" {
  description             = "${var.name}: lake, control store, secrets, logs"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheAccountsPoliciesSayWhoMay"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${var.region}:${var.account_id}:log-group:*" }
        }
      },
      {
        Sid       = "AlarmsAndEventsReachTopicsAndQueues"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  for_each = local.buckets

  bucket        = "${var.name}-${each.key}"
  force_destroy = var.force_destroy
}

# Who read what. S3 writes here with its own key, which is the only one it takes.
resource "aws_s3_bucket" "access_logs" {
  bucket        = "${var.name}-access-logs"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.all

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.all

  bucket = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "access-logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "access-logs" ? null : aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.all

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.all

  bucket = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.all

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "EncryptedConnectionsOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::${each.value.bucket}", "arn:aws:s3:::${each.value.bucket}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      each.key != "access-logs" ? [] : [{
        Sid       = "LogsOfTheOtherBuckets"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "arn:aws:s3:::${each.value.bucket}/*"
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      }]
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = aws_s3_bucket.this

  bucket        = each.value.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "${each.key}/"

  depends_on = [aws_s3_bucket_policy.this] # which lets S3 write there
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.all

  bucket = each.value.id

  rule {
    id     = "what-was-replaced-and-never-finished"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = local.noncurrent_days[each.key]
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  dynamic "rule" {
    for_each = each.key == "access-logs" ? { all = { prefix = "", days = 365 } } : { for key, it in { all = local.expiring[each.key] } : key => it if it != null }

    content {
      id     = "what-nobody-needs-any-more"
      status = "Enabled"
      filter {
        prefix = rule.value.prefix
      }
      expiration {
        days = rule.value.days
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
