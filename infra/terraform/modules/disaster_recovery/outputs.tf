output "bucket_names" {
  description = "The copies in the other region, by the keys of what they copy."
  value       = { for key, bucket in aws_s3_bucket.copy : key => bucket.bucket }
}

output "kms_key_arn" {
  description = "Key of the copies."
  value       = aws_kms_key.elsewhere.arn
}
