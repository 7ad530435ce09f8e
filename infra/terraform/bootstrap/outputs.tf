output "bucket" {
  description = "What `terraform init` of the environments is told: -backend-config=\"bucket=…\"."
  value       = aws_s3_bucket.state.bucket
}
