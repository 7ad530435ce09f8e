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
    var.prefect_api_key_secret_arn == "" ? {} : { prefect_api_key_secret_arn = var.prefect_api_key_secret_arn }
  )
}

output "cluster_name" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.name
}

output "role_arns" {
  description = "Roles of flow runs, of the start of their containers, and of the worker."
  value = {
    task      = aws_iam_role.task.arn
    execution = aws_iam_role.execution.arn
    worker    = aws_iam_role.worker.arn
  }
}
