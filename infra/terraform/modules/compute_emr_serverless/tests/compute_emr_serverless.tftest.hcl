mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/job" }
  }
}

variables {
  name               = "acme-tidemark-prod"
  account_id         = "111122223333"
  region             = "eu-central-1"
  image              = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark-emr:0f1e2d3c4b5a"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = ["sg-1"]
  run_policy_arn     = "arn:aws:iam::111122223333:policy/run"
  kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/1"
  logs_bucket        = "acme-tidemark-prod-runs"
}

run "it_stops_by_itself_and_has_a_limit" {
  assert {
    condition     = aws_emrserverless_application.this.auto_stop_configuration[0].enabled && aws_emrserverless_application.this.auto_stop_configuration[0].idle_timeout_minutes == 15
    error_message = "an idle application stops"
  }
  assert {
    condition     = aws_emrserverless_application.this.maximum_capacity[0].cpu == "200 vCPU"
    error_message = "jobs have a limit together"
  }
  assert {
    condition     = aws_emrserverless_application.this.image_configuration[0].image_uri == var.image
    error_message = "the image is that of a commit"
  }
  assert {
    condition     = jsondecode(aws_iam_role.job.assume_role_policy).Statement[0].Condition.StringLike["aws:SourceArn"] == "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/*"
    error_message = "applications of other accounts do not get the role"
  }
  assert {
    condition     = output.work_pool_variables.log_uri == "s3://acme-tidemark-prod-runs/emr/"
    error_message = "logs lie where the role may write"
  }
  assert {
    condition     = output.work_pool_variables.log_group == aws_cloudwatch_log_group.this.name && contains(one([for each in jsondecode(aws_iam_role_policy.job.policy).Statement : each.Action if each.Sid == "Lines"]), "logs:PutLogEvents")
    error_message = "CloudWatch gets what drivers print: it makes the metrics that alarms watch"
  }
}

run "an_image_is_of_a_commit" {
  command = plan
  variables {
    image = "tidemark-emr:latest"
  }
  expect_failures = [var.image]
}

run "memory_goes_with_cpus" {
  command = plan
  variables {
    limits = { cpu = 100, memory_gb = 100, disk_gb = 100 }
  }
  expect_failures = [var.limits]
}

run "one_zone_is_not_enough" {
  command = plan
  variables {
    subnet_ids = ["subnet-1"]
  }
  expect_failures = [var.subnet_ids]
}
