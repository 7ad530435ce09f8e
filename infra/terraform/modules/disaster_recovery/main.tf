# A copy in another region, minutes behind. What is deleted here stays there: deletions are not copied.

locals {
  copies = [for source in var.sources : "arn:aws:s3:::${source.bucket}-dr"]
}

resource "aws_kms_key" "elsewhere" {
  provider = aws.elsewhere

  description             = "${var.name}: copy of the lake"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheAccountsPoliciesSayWhoMay"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_s3_bucket" "copy" {
  for_each = var.sources
  provider = aws.elsewhere

  bucket        = "${each.value.bucket}-dr"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "copy" {
  for_each = aws_s3_bucket.copy
  provider = aws.elsewhere

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "copy" {
  for_each = aws_s3_bucket.copy
  provider = aws.elsewhere

  bucket = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.elsewhere.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "copy" {
  for_each = aws_s3_bucket.copy
  provider = aws.elsewhere

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "copy" {
  for_each = aws_s3_bucket.copy
  provider = aws.elsewhere

  bucket = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "copy" {
  for_each = aws_s3_bucket.copy
  provider = aws.elsewhere

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedConnectionsOnly"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::${each.value.bucket}", "arn:aws:s3:::${each.value.bucket}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.copy]
}

resource "aws_s3_bucket_lifecycle_configuration" "copy" {
  for_each = aws_s3_bucket.copy
  provider = aws.elsewhere

  bucket = each.value.id
  rule {
    id     = "what-was-replaced-long-ago"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  depends_on = [aws_s3_bucket_versioning.copy]
}

# Whoever restores reads the copies, and writes none.
resource "aws_iam_policy" "restore" {
  name        = "${var.name}-restore"
  description = "Reads the copies of ${var.name} in ${var.regions.elsewhere}."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "ListCopies", Effect = "Allow", Action = ["s3:ListBucket", "s3:GetBucketLocation"], Resource = local.copies },
      { Sid = "ReadCopies", Effect = "Allow", Action = ["s3:GetObject", "s3:GetObjectVersion"], Resource = [for arn in local.copies : "${arn}/*"] },
      { Sid = "KeyOfCopies", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [aws_kms_key.elsewhere.arn] },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "restore" {
  for_each = var.restoring_roles

  role       = each.value
  policy_arn = aws_iam_policy.restore.arn
}

resource "aws_iam_role" "replication" {
  name = "${var.name}-replication"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "s3.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "replication" {
  name = "copy"
  role = aws_iam_role.replication.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Rules", Effect = "Allow", Action = ["s3:GetReplicationConfiguration", "s3:ListBucket"], Resource = [for source in var.sources : source.arn] },
      { Sid = "Read", Effect = "Allow", Action = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"], Resource = [for source in var.sources : "${source.arn}/*"] },
      { Sid = "Write", Effect = "Allow", Action = ["s3:ReplicateObject", "s3:ReplicateTags"], Resource = [for arn in local.copies : "${arn}/*"] },
      {
        Sid       = "KeyHere"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.kms_key_arn]
        Condition = { StringLike = { "kms:ViaService" = "s3.${var.regions.here}.amazonaws.com" } }
      },
      {
        Sid       = "KeyThere"
        Effect    = "Allow"
        Action    = ["kms:Encrypt", "kms:GenerateDataKey"]
        Resource  = [aws_kms_key.elsewhere.arn]
        Condition = { StringLike = { "kms:ViaService" = "s3.${var.regions.elsewhere}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_s3_bucket_replication_configuration" "this" {
  for_each = var.sources

  bucket = each.value.bucket
  role   = aws_iam_role.replication.arn

  rule {
    id     = "to-the-other-region"
    status = "Enabled"
    filter {}

    delete_marker_replication {
      status = "Disabled"
    }

    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket        = aws_s3_bucket.copy[each.key].arn
      storage_class = "STANDARD_IA"

      encryption_configuration {
        replica_kms_key_id = aws_kms_key.elsewhere.arn
      }

      metrics {
        status = "Enabled"
        event_threshold {
          minutes = 15
        }
      }

      replication_time {
        status = "Enabled"
        time {
          minutes = 15
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.copy]
}
