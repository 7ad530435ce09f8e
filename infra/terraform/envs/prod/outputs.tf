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

output "redshift_role_arn" {
  description = "Role with which Redshift reads and writes our files: give it to the namespace or cluster."
  value       = module.stack.redshift_role_arn
}

output "reader_policy_arn" {
  description = "Policy that the roles of readers need beside their grants."
  value       = module.stack.reader_policy_arn
}

output "recovery_buckets" {
  description = "Copies in the other region: lake, errors, snapshots."
  value       = module.stack.recovery_buckets
}

output "recovery" {
  description = "Region and key of the copies, and the policy of a role that restores from them."
  value       = module.stack.recovery
}
