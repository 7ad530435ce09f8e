output "tidemark" {
  description = "What config/env says of this environment: `terraform output -json | tidemark config from-terraform`."
  value       = module.stack.tidemark
}

output "repository_urls" {
  description = "Where the pipeline pushes images."
  value       = module.stack.repository_urls
}

output "deploy_role_arn" {
  description = "Role of the pipeline."
  value       = module.stack.deploy_role_arn
}

output "snowflake_role_arn" {
  description = "Role of Snowflake's storage integration."
  value       = module.stack.snowflake_role_arn
}
