output "bucket_names" {
  description = "The copies in the other region, by the keys of what they copy."
  value       = { for key, bucket in aws_s3_bucket.copy : key => bucket.bucket }
}

output "restore_policy_arn" {
  description = "Policy that reads the copies, for a role that restores elsewhere; the roles of runs have it."
  value       = aws_iam_policy.restore.arn
}

output "kms_key_arn" {
  description = "Key of the copies."
  value       = aws_kms_key.elsewhere.arn
}
