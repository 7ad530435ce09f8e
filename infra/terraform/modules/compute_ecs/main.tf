# The cluster of flow runs, and in it the worker that starts them. What dies in it is told to the worker by a queue.

locals {
  queue = "${var.name}-ecs-events"

  worker_environment = {
    PREFECT_API_URL                                        = var.prefect_api_url
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY                      = "30"
    PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME   = local.queue
    PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_REGION = var.region
    AWS_DEFAULT_REGION                                     = var.region
  }

  workers = merge(
    { worker = { pool = var.work_pool.name, type = var.work_pool.type, port = "8080" } },
    var.light_pool == "" ? {} : { light = { pool = var.light_pool, type = "ecs", port = "8081" } }
  )

  emr   = var.emr == null ? { application_arn = "", execution_role_arn = "", logs_bucket_arn = "" } : var.emr
  login = var.prefect_login == null ? [] : [{ name = var.prefect_login.variable, valueFrom = var.prefect_login.secret_arn }]

  trust_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/ecs"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

# --- who a flow run is, and who starts its container

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  assume_role_policy = local.trust_tasks
}

resource "aws_iam_role_policy_attachment" "task" {
  role       = aws_iam_role.task.name
  policy_arn = var.run_policy_arn
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = local.trust_tasks
}

resource "aws_iam_role_policy" "execution" {
  name = "start-containers"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        # The action knows no resources.
        { Sid = "Registry", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
        {
          Sid      = "Image"
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = [var.repository_arn]
        },
        { Sid = "Logs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${aws_cloudwatch_log_group.this.arn}:*"] },
      ],
      var.prefect_login == null ? [] : [
        { Sid = "LoginToPrefect", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = [var.prefect_login.secret_arn] },
        { Sid = "KeyOfTheLogin", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.kms_key_arn] },
      ]
    )
  })
}

# --- the worker

resource "aws_iam_role" "worker" {
  name               = "${var.name}-worker"
  assume_role_policy = local.trust_tasks
}

resource "aws_iam_role_policy" "worker" {
  name = "start-and-follow-flow-runs"
  role = aws_iam_role.worker.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "Events"
          Effect   = "Allow"
          Action   = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = [aws_sqs_queue.events.arn]
        },
        { Sid = "KeyOfEvents", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.kms_key_arn] },
      ],
      [for statement in [
        {
          Sid       = "Tasks"
          Effect    = "Allow"
          Action    = ["ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks"]
          Resource  = ["arn:aws:ecs:${var.region}:${var.account_id}:task-definition/tidemark-${var.environment}-*:*", "arn:aws:ecs:${var.region}:${var.account_id}:task/${var.name}/*"]
          Condition = { ArnEquals = { "ecs:cluster" = aws_ecs_cluster.this.arn } }
        },
        # What a crashed task has printed last goes to its flow run's log.
        { Sid = "LastWordsOfTasks", Effect = "Allow", Action = ["logs:GetLogEvents"], Resource = ["${aws_cloudwatch_log_group.this.arn}:log-stream:*"] },
        # Families are registered before they have an ARN; describing them knows no resources, nor does looking at the network.
        {
          Sid      = "TaskDefinitions"
          Effect   = "Allow"
          Action   = ["ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition", "ecs:TagResource", "ec2:DescribeVpcs", "ec2:DescribeSubnets"]
          Resource = ["*"]
        },
        {
          Sid       = "RolesOfTasks"
          Effect    = "Allow"
          Action    = ["iam:PassRole"]
          Resource  = [aws_iam_role.task.arn, aws_iam_role.execution.arn]
          Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
        },
      ] : statement if var.work_pool.type == "ecs" || var.light_pool != ""],
      [for statement in [
        {
          Sid      = "JobRuns"
          Effect   = "Allow"
          Action   = ["emr-serverless:GetApplication", "emr-serverless:StartApplication", "emr-serverless:StartJobRun", "emr-serverless:ListJobRuns", "emr-serverless:TagResource"]
          Resource = [local.emr.application_arn]
        },
        { Sid = "JobRunsOfOurs", Effect = "Allow", Action = ["emr-serverless:GetJobRun", "emr-serverless:CancelJobRun", "emr-serverless:TagResource"], Resource = ["${local.emr.application_arn}/jobruns/*"] },
        {
          Sid       = "RoleOfJobs"
          Effect    = "Allow"
          Action    = ["iam:PassRole"]
          Resource  = [local.emr.execution_role_arn]
          Condition = { StringEquals = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } }
        },
        # Whoever starts the application makes its network interfaces, by EMR's hand alone.
        {
          Sid       = "InterfacesOfTheApplication"
          Effect    = "Allow"
          Action    = ["ec2:CreateNetworkInterface"]
          Resource  = [for kind in ["network-interface", "security-group", "subnet"] : "arn:aws:ec2:${var.region}:${var.account_id}:${kind}/*"]
          Condition = { StringEquals = { "aws:CalledViaLast" = "ops.emr-serverless.amazonaws.com" } }
        },
        { Sid = "LastWordsOfDrivers", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${local.emr.logs_bucket_arn}/emr/*"] },
        {
          Sid       = "WhereTheyLie"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = [local.emr.logs_bucket_arn]
          Condition = { StringLike = { "s3:prefix" = ["emr/*"] } }
        },
      ] : statement if var.emr != null]
    )
  })
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.worker_size.cpu
  memory                   = var.worker_size.memory
  task_role_arn            = aws_iam_role.worker.arn
  execution_role_arn       = aws_iam_role.execution.arn

  # Each worker has a port of its own for its health: containers of a task share the network.
  container_definitions = jsonencode([for name, worker in local.workers : {
    name                   = name
    image                  = var.image
    essential              = true
    readonlyRootFilesystem = false
    command                = ["prefect", "worker", "start", "--pool", worker.pool, "--type", worker.type, "--name", "${var.name}-${name}", "--with-healthcheck"]
    environment            = [for key, value in merge(local.worker_environment, { PREFECT_WORKER_WEBSERVER_PORT = worker.port }) : { name = key, value = value }]
    secrets                = local.login
    stopTimeout            = 60
    healthCheck = {
      command     = ["CMD", "/opt/tidemark/healthcheck"]
      interval    = 30
      timeout     = 10
      retries     = 3
      startPeriod = 60
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = name
      }
    }
  }])
}

resource "aws_ecs_service" "worker" {
  name                               = "worker"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.worker.arn
  desired_count                      = var.workers
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  propagate_tags                     = "SERVICE"

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = false
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}

# --- what dies says nothing to Prefect: the cluster's events do, by this queue

resource "aws_sqs_queue" "events" {
  name                       = local.queue
  message_retention_seconds  = 86400
  visibility_timeout_seconds = 60
  kms_master_key_id          = var.kms_key_arn
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EventsOfThisCluster"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.events.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.tasks.arn } }
    }]
  })
}

resource "aws_cloudwatch_event_rule" "tasks" {
  name        = "${var.name}-ecs-tasks"
  description = "Tasks that change their state, for the worker."
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = { clusterArn = [aws_ecs_cluster.this.arn] }
  })
}

resource "aws_cloudwatch_event_target" "queue" {
  rule      = aws_cloudwatch_event_rule.tasks.name
  target_id = "worker"
  arn       = aws_sqs_queue.events.arn
}
