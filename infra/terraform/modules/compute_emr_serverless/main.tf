# The application that flow runs are jobs of: it starts when one comes, stops when none is left, and has a limit.

resource "aws_emrserverless_application" "this" {
  name          = var.name
  release_label = var.release
  type          = "spark"
  architecture  = "X86_64"

  image_configuration {
    image_uri = var.image
  }

  maximum_capacity {
    cpu    = "${var.limits.cpu} vCPU"
    memory = "${var.limits.memory_gb} GB"
    disk   = "${var.limits.disk_gb} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = var.idle_minutes
  }

  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }
}

resource "aws_iam_role" "job" {
  name = "${var.name}-job"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "emr-serverless.amazonaws.com" }
      Condition = {
        StringLike = { "aws:SourceArn" = "arn:aws:emr-serverless:${var.region}:${var.account_id}:/applications/*" }
      }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "run" {
  role       = aws_iam_role.job.name
  policy_arn = var.run_policy_arn
}

# What drivers print: metrics among it, which CloudWatch makes out of these lines and of nothing on S3.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/emr"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role_policy" "job" {
  name = "logs-and-own-secrets"
  role = aws_iam_role.job.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "Logs", Effect = "Allow", Action = ["s3:PutObject"], Resource = ["arn:aws:s3:::${var.logs_bucket}/emr/*"] },
        { Sid = "Lines", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], Resource = ["${aws_cloudwatch_log_group.this.arn}:*"] },
        { Sid = "LogGroups", Effect = "Allow", Action = ["logs:DescribeLogGroups"], Resource = ["arn:aws:logs:${var.region}:${var.account_id}:*"] },
        { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.kms_key_arn] },
      ],
      length(var.secret_arns) == 0 ? [] : [{ Sid = "OwnEnvironment", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = var.secret_arns }]
    )
  })
}
