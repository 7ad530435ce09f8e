mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { arn = "arn:aws:sts::111122223333:assumed-role/terraform/ann" }
  }
  mock_data "aws_iam_session_context" {
    defaults = { issuer_arn = "arn:aws:iam::111122223333:role/terraform" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/run" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:topic" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:events", id = "https://sqs.eu-central-1.amazonaws.com/111122223333/events" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::bucket" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mock-AbCdEf" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/state" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:eu-central-1:111122223333:repository/tidemark", repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/tidemark" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:cluster/tidemark" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/worker:1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/tasks" }
  }
  mock_resource "aws_emrserverless_application" {
    defaults = { arn = "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1", id = "00f1" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
}

mock_provider "aws" {
  alias = "elsewhere"
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/2" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::copy" }
  }
}

variables {
  organization       = "acme"
  environment        = "dev"
  account_id         = "111122223333"
  region             = "eu-central-1"
  availability_zones = ["eu-central-1a", "eu-central-1b"]
  commit             = "0f1e2d3c4b5a"
  work_pool          = { name = "tidemark-ecs", type = "ecs" }
  prefect            = { api_url = "https://prefect.acme.example/api" }
  connections        = { snowflake = { description = "Key pair" }, crm = { description = "OAuth client" } }
  landing            = { bucket = "acme-shop-landing" }
  monthly_budget_usd = 500
}

run "an_environment_on_ecs_tells_what_its_file_says" {
  assert {
    condition     = output.tidemark.roots.lake == "s3a://acme-tidemark-dev-lake/lake" && output.tidemark.state.location == "acme-tidemark-dev-state"
    error_message = "names follow from organization and environment"
  }
  assert {
    condition     = output.tidemark.prefect.work_pool.variables.cluster == "acme-tidemark-dev" && startswith(output.tidemark.prefect.work_pool.variables.prefect_api_key_secret_arn, "arn:aws:secretsmanager:")
    error_message = "the work pool is told its cluster, and the key's secret"
  }
  assert {
    condition     = output.tidemark.connections.snowflake.secret == "tidemark/dev/snowflake" && output.tidemark.connections.landing.settings.uri == "s3a://acme-shop-landing/"
    error_message = "connections are told their secrets and places"
  }
  assert {
    condition     = length(module.disaster_recovery) == 0 && length(module.compute_emr_serverless) == 0 && length(module.ci) == 0
    error_message = "what is not asked for is not made"
  }
}

run "an_environment_on_emr_with_a_copy_elsewhere" {
  variables {
    environment           = "prod"
    work_pool             = { name = "tidemark-emr", type = "emr-serverless" }
    recovery_region       = "eu-west-1"
    redshift              = { workgroup_arn = "arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/1", workgroup = "shop", endpoint = "shop.example", database = "shop" }
    snowflake_integration = { user_arn = "arn:aws:iam::444455556666:user/snowflake", external_id = "ACME_SFCRole=1" }
    github                = { repository = "acme/lakehouse", environment = "prod" }
    lake_admins           = ["arn:aws:iam::111122223333:role/terraform"]
  }
  assert {
    condition     = output.tidemark.prefect.work_pool.variables.application_id == "00f1" && output.tidemark.prefect.work_pool.variables.secrets.PREFECT_API_KEY == "tidemark/prod/prefect-api-key"
    error_message = "the work pool is told its application, and drivers the key's secret"
  }
  assert {
    condition     = output.tidemark.prefect.light_pool.type == "ecs" && output.tidemark.prefect.light_pool.variables.cluster == "acme-tidemark-prod"
    error_message = "what needs no Spark has a work pool on ECS"
  }
  assert {
    condition     = output.tidemark.connections.redshift.settings.iam && output.tidemark.connections.redshift.secret == null
    error_message = "Redshift lends a login, and needs no secret"
  }
  assert {
    condition     = output.recovery_buckets.lake == "acme-tidemark-prod-lake-dr" && output.recovery.region == "eu-west-1" && output.deploy_role_arn != null
    error_message = "there is a copy, and a role for the pipeline"
  }
  assert {
    condition     = contains(flatten([for statement in jsondecode(aws_iam_role_policy.snowflake[0].policy).Statement : statement.Action]), "s3:DeleteObject") && !contains(flatten([for statement in jsondecode(aws_iam_role_policy.redshift[0].policy).Statement : statement.Action]), "s3:DeleteObject")
    error_message = "Snowflake tidies up what it has not finished; Redshift needs no such right"
  }
  assert {
    condition     = jsondecode(aws_iam_role.snowflake[0].assume_role_policy).Statement[0].Condition.StringEquals["sts:ExternalId"] == "ACME_SFCRole=1"
    error_message = "nobody else's Snowflake gets the role"
  }
}

run "a_prefect_server_of_ones_own_gets_its_password_everywhere" {
  variables {
    work_pool = { name = "tidemark-emr", type = "emr-serverless" }
    prefect   = { api_url = "https://prefect.acme.example:4200/api", login = "auth_string" }
  }
  assert {
    condition     = output.tidemark.prefect.work_pool.variables.secrets == { PREFECT_API_AUTH_STRING = "tidemark/dev/prefect-auth-string", PREFECT_API_KEY = null }
    error_message = "drivers on EMR fetch the password, and no key"
  }
  assert {
    condition     = startswith(output.tidemark.prefect.light_pool.variables.prefect_api_auth_string_secret_arn, "arn:aws:secretsmanager:") && output.tidemark.prefect.light_pool.variables.prefect_api_key_secret_arn == null
    error_message = "tasks on ECS get it by ARN"
  }
  assert {
    condition     = module.network.further_ports == { Prefect = 4200 }
    error_message = "its port is open outwards"
  }
}

run "an_open_prefect_server_has_no_secret" {
  variables {
    prefect = { api_url = "https://prefect.acme.internal/api", login = "none" }
  }
  assert {
    condition     = alltrue([for name in values(module.secrets.names) : !strcontains(name, "prefect")]) && output.tidemark.prefect.work_pool.variables.prefect_api_key_secret_arn == null
    error_message = "no place for one is made, and no task is told of one"
  }
}

run "there_are_three_ways_in_to_prefect" {
  command = plan
  variables {
    prefect = { api_url = "https://prefect.acme.example/api", login = "password" }
  }
  expect_failures = [var.prefect]
}

run "further_secrets_are_made_and_read_by_runs" {
  variables {
    secrets = { smtp = { description = "Login to the mail server" } }
  }
  assert {
    condition     = module.secrets.names["smtp"] == "tidemark/dev/smtp" && contains(output.secrets_of_runs, "smtp") && !contains(output.secrets_of_runs, "prefect-api-key")
    error_message = "runs read it, and not what lets them in to Prefect"
  }
}

run "a_secret_is_made_once" {
  command = plan
  variables {
    secrets = { crm = { description = "Again" } }
  }
  expect_failures = [var.secrets]
}

run "redshift_reads_our_files_however_it_is_logged_in_to" {
  variables {
    redshift = { endpoint = "shop.example", database = "shop", login = "password", port = 5440 }
  }
  assert {
    condition     = length(aws_iam_role.redshift) == 1 && output.tidemark.connections.redshift.settings.iam_role == output.redshift_role_arn
    error_message = "COPY and UNLOAD have a role with a password, too"
  }
  assert {
    condition     = output.tidemark.connections.redshift.secret == "tidemark/dev/redshift" && output.tidemark.connections.redshift.settings.iam == null && contains(output.secrets_of_runs, "redshift")
    error_message = "the password has a secret, and IAM lends nothing"
  }
  assert {
    condition     = module.network.further_ports == { Redshift = 5440 }
    error_message = "its port is open outwards"
  }
}

run "a_cluster_lends_its_login" {
  variables {
    redshift = { endpoint = "shop.example", database = "shop", cluster = "shop", db_user = "tidemark" }
  }
  assert {
    condition     = output.tidemark.connections.redshift.settings.cluster == "shop" && output.tidemark.connections.redshift.settings.workgroup == null && output.tidemark.connections.redshift.secret == null
    error_message = "the file names the cluster, and no secret"
  }
}

run "iam_logs_in_to_one_place" {
  command = plan
  variables {
    redshift = { endpoint = "shop.example", database = "shop" }
  }
  expect_failures = [var.redshift]
}

run "a_workgroup_has_an_arn" {
  command = plan
  variables {
    redshift = { endpoint = "shop.example", database = "shop", workgroup = "shop" }
  }
  expect_failures = [var.redshift]
}

run "mails_leave_where_people_are_told_by_mail" {
  variables {
    config_dir = "./tests/mails"
  }
  assert {
    condition     = module.network.further_ports == { "mail server" = 465 }
    error_message = "at the port that the environment's file says"
  }
}

run "a_mail_server_that_nobody_is_told_by_is_not_reached" {
  variables {
    environment = "prod"
    config_dir  = "./tests/mails"
  }
  assert {
    condition     = length(module.network.further_ports) == 0
    error_message = "no port is open for nothing"
  }
}

run "a_pipeline_names_who_administers" {
  command = plan
  variables {
    github = { repository = "acme/lakehouse", environment = "dev" }
  }
  expect_failures = [var.lake_admins]
}

run "alarms_hold_runs_to_what_contracts_and_the_file_promise" {
  command = plan
  variables {
    environment = "prod"
    config_dir  = "../../../config"
  }
  assert {
    condition     = output.promises.latency_seconds == { daily = 14400 }
    error_message = "4h of the daily run, as config/env/prod.yaml says"
  }
  assert {
    condition     = output.promises.freshness_seconds["bronze.snowflake_orders"] == 93600 && length(output.promises.freshness_seconds) > 5
    error_message = "26 hours, as the contract says"
  }
}

run "buckets_keep_raw_data_as_long_as_the_file_says" {
  command = plan
  variables {
    environment    = "prod"
    config_dir     = "./tests/rests"
    lifecycle_days = { runs = 60 }
  }
  assert {
    condition     = { for of in ["exchange", "staging", "errors", "runs"] : of => module.storage.lifecycle_days[of] } == { exchange = 1, staging = 7, errors = 45, runs = 60 }
    error_message = "12h are a day, staging is left for seven, errors as the file says, runs as is said here"
  }
}

run "without_a_configuration_nothing_is_promised" {
  command = plan
  assert {
    condition     = length(output.promises.latency_seconds) == 0 && length(output.promises.freshness_seconds) == 0
    error_message = "no alarm is made up"
  }
}

run "a_commit_is_no_branch" {
  command = plan
  variables {
    commit = "main"
  }
  expect_failures = [var.commit]
}
