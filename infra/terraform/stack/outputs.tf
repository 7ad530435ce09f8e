output "tidemark" {
  description = "What config/env/<environment>.yaml says of this environment: `tidemark config from-terraform` writes it there."
  value = {
    name     = var.environment
    home     = "s3a://${module.storage.bucket_names["lake"]}"
    roots    = module.storage.roots
    exchange = "s3a://${module.storage.bucket_names["exchange"]}/"
    aws      = { region = var.region }
    prefect = merge(
      local.emr ? { light_pool = {
        name      = local.light_pool
        type      = "ecs"
        image     = module.registry.repository_urls["tidemark"]
        variables = local.work_pool_variables["ecs"]
      } } : {},
      {
        api_url = var.prefect.api_url
        work_pool = {
          name      = var.work_pool.name
          type      = var.work_pool.type
          image     = module.registry.repository_urls[local.emr ? "tidemark-emr" : "tidemark"]
          variables = local.work_pool_variables[local.emr ? "emr" : "ecs"]
        }
      }
    )
    state  = { kind = "dynamodb", location = module.state.table_name }
    alerts = module.observability.alerts
    glue = {
      databases = module.catalog.databases
      tags      = { classification = module.governance.tags.classification }
    }
    connections = merge(
      { for name in keys(var.connections) : name => { secret = module.secrets.names[name] } },
      var.landing == null ? {} : { landing = { settings = { uri = "s3a://${var.landing.bucket}/" } } },
      var.redshift == null ? {} : {
        redshift = {
          # Null takes what the file had of another way in away.
          secret = local.by_password ? module.secrets.names["redshift"] : null
          settings = {
            host      = var.redshift.endpoint
            port      = var.redshift.port
            database  = var.redshift.database
            iam       = local.by_password ? null : true
            workgroup = local.by_password ? null : var.redshift.workgroup
            cluster   = local.by_password ? null : var.redshift.cluster
            db_user   = local.by_password ? null : var.redshift.db_user
            iam_role  = aws_iam_role.redshift[0].arn
          }
        }
      }
    )
  }
}

output "repository_urls" {
  description = "Where the pipeline pushes images."
  value       = module.registry.repository_urls
}

output "deploy_role_arn" {
  description = "Role of the pipeline on GitHub; null where there is none."
  value       = try(module.ci[0].role_arn, null)
}

output "snowflake_role_arn" {
  description = "Role of Snowflake's storage integration (STORAGE_AWS_ROLE_ARN); null where there is none."
  value       = try(aws_iam_role.snowflake[0].arn, null)
}

output "secrets_of_runs" {
  description = "Names of the secrets that runs read."
  value       = local.of_runs
}

output "redshift_role_arn" {
  description = "Role with which Redshift reads and writes our files: its namespace or cluster has to be given it; null where there is none."
  value       = try(aws_iam_role.redshift[0].arn, null)
}

output "reader_policy_arn" {
  description = "Policy that the roles of readers need beside their grants."
  value       = module.governance.reader_policy_arn
}

output "recovery_buckets" {
  description = "Copies in the other region, by the keys of what they copy."
  value       = try(module.disaster_recovery[0].bucket_names, {})
}

output "recovery" {
  description = "Where the copies are, their key, and the policy of a role that restores from them; null where there are none."
  value = try({
    region     = var.recovery_region
    kms_key    = module.disaster_recovery[0].kms_key_arn
    policy_arn = module.disaster_recovery[0].restore_policy_arn
  }, null)
}

output "promises" {
  description = "What alarms hold runs to: seconds by job, seconds of age by table."
  value       = local.slo
}
