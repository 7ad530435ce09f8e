output "bucket_names" {
  description = "Names of the buckets: lake, errors, exchange, runs, snapshots."
  value       = { for key, bucket in aws_s3_bucket.this : key => bucket.bucket }
}

output "bucket_arns" {
  description = "ARNs of the buckets, by the same keys."
  value       = { for key, bucket in aws_s3_bucket.this : key => bucket.arn }
}

output "versioned" {
  description = "Names and ARNs, by the same keys, once the buckets' versioning is on: S3 replicates nothing before."
  value       = { for key, bucket in aws_s3_bucket.this : key => { bucket = bucket.bucket, arn = bucket.arn } }

  depends_on = [aws_s3_bucket_versioning.this]
}

output "kms_key_arn" {
  description = "The key that encrypts the environment's data."
  value       = aws_kms_key.this.arn
}

output "roots" {
  description = "`roots` of the environment's file."
  value = {
    lake       = "s3a://${aws_s3_bucket.this["lake"].bucket}/lake"
    errors     = "s3a://${aws_s3_bucket.this["errors"].bucket}"
    staging    = "s3a://${aws_s3_bucket.this["lake"].bucket}/lake/_staging"
    dq_results = "s3a://${aws_s3_bucket.this["runs"].bucket}/dq_results"
    runs       = "s3a://${aws_s3_bucket.this["runs"].bucket}/runs"
    logs       = "s3a://${aws_s3_bucket.this["runs"].bucket}/logs"
    lineage    = "s3a://${aws_s3_bucket.this["runs"].bucket}/lineage"
    snapshots  = "s3a://${aws_s3_bucket.this["snapshots"].bucket}"
  }
}

output "lifecycle_days" {
  description = "Days after which what nobody needs any more goes, by what it is."
  value       = var.lifecycle_days
}
