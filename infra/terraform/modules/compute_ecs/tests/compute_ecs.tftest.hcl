mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:events", id = "https://sqs.eu-central-1.amazonaws.com/111122223333/events" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:cluster/acme-tidemark-dev", id = "arn:aws:ecs:eu-central-1:111122223333:cluster/acme-tidemark-dev" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/worker:1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:ecs" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/tasks" }
  }
}

variables {
  name               = "acme-tidemark-dev"
  account_id         = "111122223333"
  region             = "eu-central-1"
  environment        = "dev"
  image              = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark:0f1e2d3c4b5a"
  repository_arn     = "arn:aws:ecr:eu-central-1:111122223333:repository/tidemark"
  work_pool          = { name = "tidemark-ecs", type = "ecs" }
  prefect_api_url    = "https://prefect.example/api"
  prefect_login      = { variable = "PREFECT_API_KEY", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/dev/prefect-AbCdEf" }
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = ["sg-1"]
  kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/1"
  run_policy_arn     = "arn:aws:iam::111122223333:policy/run"
}

run "the_worker_serves_its_pool_without_a_key_in_sight" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].secrets == [{ name = "PREFECT_API_KEY", valueFrom = var.prefect_login.secret_arn }]
    error_message = "the key comes by the ARN of its secret"
  }
  assert {
    condition     = !anytrue([for entry in jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].environment : strcontains(entry.name, "KEY")])
    error_message = "no variable is a key"
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].command, "tidemark-ecs")
    error_message = "it serves the environment's pool"
  }
  assert {
    condition     = !aws_ecs_service.worker.network_configuration[0].assign_public_ip && aws_ecs_service.worker.deployment_circuit_breaker[0].rollback
    error_message = "it has no public address, and one that does not start is rolled back"
  }
}

run "a_server_of_ones_own_is_logged_in_to_by_its_password" {
  variables {
    prefect_login = { variable = "PREFECT_API_AUTH_STRING", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/dev/prefect-auth-string-AbCdEf" }
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].secrets == [{ name = "PREFECT_API_AUTH_STRING", valueFrom = var.prefect_login.secret_arn }]
    error_message = "the worker gets the password by the ARN of its secret"
  }
  assert {
    condition     = output.work_pool_variables.prefect_api_auth_string_secret_arn == var.prefect_login.secret_arn && output.work_pool_variables.prefect_api_key_secret_arn == null
    error_message = "so do tasks, and an earlier key goes"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if contains(statement.Action, "secretsmanager:GetSecretValue")] == [[var.prefect_login.secret_arn]]
    error_message = "the start of a container reads this secret and no other"
  }
}

run "an_open_server_is_logged_in_to_by_nothing" {
  variables {
    prefect_login = null
  }
  assert {
    condition     = length(jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].secrets) == 0 && output.work_pool_variables.prefect_api_key_secret_arn == null && output.work_pool_variables.prefect_api_auth_string_secret_arn == null
    error_message = "there is no secret"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.execution.policy, "secretsmanager")
    error_message = "and none is read"
  }
}

run "no_other_variable_is_a_login" {
  command = plan
  variables {
    prefect_login = { variable = "PREFECT_API_URL", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:x" }
  }
  expect_failures = [var.prefect_login]
}

run "crashes_are_told_by_this_cluster_alone" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.tasks.event_pattern).detail.clusterArn == [aws_ecs_cluster.this.arn]
    error_message = "events are of this cluster"
  }
  assert {
    condition     = anytrue([for entry in jsondecode(aws_ecs_task_definition.worker.container_definitions)[0].environment : entry.name == "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME" && entry.value == aws_sqs_queue.events.name])
    error_message = "the worker listens to the queue that they go to"
  }
}

run "roles_are_passed_to_their_service_alone" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Condition.StringEquals["iam:PassedToService"] == "ecs-tasks.amazonaws.com" && !contains(statement.Resource, "*") if contains(statement.Action, "iam:PassRole")])
    error_message = "only the two roles of tasks are passed, to ECS"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : length(setsubtract(statement.Action, ["ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition", "ecs:TagResource", "ec2:DescribeVpcs", "ec2:DescribeSubnets"])) == 0 if contains(statement.Resource, "*")])
    error_message = "everything else has a resource"
  }
  assert {
    condition     = !anytrue([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : anytrue([for action in statement.Action : startswith(action, "secretsmanager:") || startswith(action, "dynamodb:")])])
    error_message = "the worker reads neither secrets of connections nor the control store"
  }
}

run "a_worker_of_emr_starts_jobs_and_no_tasks" {
  command = plan
  variables {
    work_pool = { name = "tidemark-emr", type = "emr-serverless" }
    emr       = { application_arn = "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1", execution_role_arn = "arn:aws:iam::111122223333:role/job", logs_bucket_arn = "arn:aws:s3:::logs" }
  }
  assert {
    condition     = length(aws_ecs_task_definition.worker.requires_compatibilities) == 1
    error_message = "the worker itself is a task"
  }
}

run "beside_emr_a_second_worker_starts_what_needs_no_spark" {
  variables {
    work_pool  = { name = "tidemark-emr", type = "emr-serverless" }
    light_pool = "tidemark-light"
    emr        = { application_arn = "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1", execution_role_arn = "arn:aws:iam::111122223333:role/job", logs_bucket_arn = "arn:aws:s3:::logs" }
  }
  assert {
    condition     = { for each in jsondecode(aws_ecs_task_definition.worker.container_definitions) : each.name => each.command[4] } == { light = "tidemark-light", worker = "tidemark-emr" }
    error_message = "each work pool has a worker"
  }
  assert {
    condition     = length(distinct([for each in jsondecode(aws_ecs_task_definition.worker.container_definitions) : one([for told in each.environment : told.value if told.name == "PREFECT_WORKER_WEBSERVER_PORT"])])) == 2
    error_message = "they share a network, and no port"
  }
  assert {
    condition     = alltrue([for sid in ["Tasks", "JobRuns"] : contains([for each in jsondecode(aws_iam_role_policy.worker.policy).Statement : each.Sid], sid)])
    error_message = "the role may start both"
  }
}

run "a_worker_of_emr_starts_the_application_and_reads_what_its_drivers_have_left" {
  variables {
    work_pool = { name = "tidemark-emr", type = "emr-serverless" }
    emr       = { application_arn = "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1", execution_role_arn = "arn:aws:iam::111122223333:role/job", logs_bucket_arn = "arn:aws:s3:::logs" }
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Condition.StringEquals["aws:CalledViaLast"] if contains(statement.Action, "ec2:CreateNetworkInterface")] == ["ops.emr-serverless.amazonaws.com"]
    error_message = "interfaces are made by EMR for it, never by itself"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Condition.StringLike["s3:prefix"] if contains(statement.Action, "s3:ListBucket")] == [["emr/*"]]
    error_message = "of the bucket it lists the logs alone"
  }
  assert {
    condition     = !contains([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Sid], "Tasks")
    error_message = "without a light pool it starts no tasks"
  }
}

run "a_worker_of_ecs_starts_revisions_of_its_environments_families" {
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Resource if statement.Sid == "Tasks"])[0] == "arn:aws:ecs:eu-central-1:111122223333:task-definition/tidemark-dev-*:*"
    error_message = "AWS asks for a revision of a family, and another environment's are not its own"
  }
  assert {
    condition     = one([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Resource if statement.Sid == "LastWordsOfTasks"]) == ["arn:aws:logs:eu-central-1:111122223333:log-group:ecs:log-stream:*"]
    error_message = "it reads the logs of tasks, and no others"
  }
}

run "an_image_is_of_a_commit" {
  command = plan
  variables {
    image = "tidemark:latest"
  }
  expect_failures = [var.image]
}

run "prefect_is_called_by_https" {
  command = plan
  variables {
    prefect_api_url = "http://prefect.example/api"
  }
  expect_failures = [var.prefect_api_url]
}
