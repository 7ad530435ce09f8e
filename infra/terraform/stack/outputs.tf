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
          secret = null
          settings = {
            host      = var.redshift.endpoint
            database  = var.redshift.database
            iam       = true
            workgroup = var.redshift.workgroup
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

output "recovery_buckets" {
  description = "Copies in the other region."
  value       = try(module.disaster_recovery[0].bucket_names, {})
}

output "promises" {
  description = "What alarms hold runs to: seconds by job, seconds of age by table."
  value       = local.slo
}
