output "work_pool_variables" {
  description = "`prefect.work_pool.variables` of the environment's file, for a work pool of the type ecs."
  value = merge(
    {
      cluster            = aws_ecs_cluster.this.name
      execution_role_arn = aws_iam_role.execution.arn
      task_role_arn      = aws_iam_role.task.arn
      vpc_id             = var.vpc_id
      network_configuration = {
        subnets        = var.subnet_ids
        securityGroups = var.security_group_ids
        assignPublicIp = "DISABLED"
      }
      log_group = aws_cloudwatch_log_group.this.name
      region    = var.region
    },
    # Null for the one that it is not: what the environment's file had of an earlier login goes.
    {
      for variable, name in { PREFECT_API_KEY = "prefect_api_key_secret_arn", PREFECT_API_AUTH_STRING = "prefect_api_auth_string_secret_arn" } :
      name => try(var.prefect_login.variable == variable ? var.prefect_login.secret_arn : null, null)
    }
  )
}

output "cluster_name" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.name
}

output "task_role_name" {
  description = "Name of the role of flow runs, for policies beside that of runs."
  value       = aws_iam_role.task.name
}

output "role_arns" {
  description = "Roles of flow runs, of the start of their containers, and of the worker."
  value = {
    task      = aws_iam_role.task.arn
    execution = aws_iam_role.execution.arn
    worker    = aws_iam_role.worker.arn
  }
}
