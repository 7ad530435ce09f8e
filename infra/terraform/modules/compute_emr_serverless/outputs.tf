output "work_pool_variables" {
  description = "`prefect.work_pool.variables` of the environment's file, for a work pool of the type emr-serverless."
  value = {
    application_id     = aws_emrserverless_application.this.id
    execution_role_arn = aws_iam_role.job.arn
    region             = var.region
    log_uri            = "s3://${var.logs_bucket}/emr/"
    log_group          = aws_cloudwatch_log_group.this.name
  }
}

output "application_arn" {
  description = "The application."
  value       = aws_emrserverless_application.this.arn
}

output "execution_role_name" {
  description = "Name of that role, for policies beside that of runs."
  value       = aws_iam_role.job.name
}

output "execution_role_arn" {
  description = "The role that jobs run as."
  value       = aws_iam_role.job.arn
}
