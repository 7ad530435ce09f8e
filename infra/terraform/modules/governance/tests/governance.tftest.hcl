mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { arn = "arn:aws:sts::111122223333:assumed-role/terraform/ann" }
  }
  mock_data "aws_iam_session_context" {
    defaults = { issuer_arn = "arn:aws:iam::111122223333:role/terraform" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/lake" }
  }
}

variables {
  name       = "acme-tidemark-dev"
  account_id = "111122223333"
  region     = "eu-central-1"
  buckets = {
    lake      = "arn:aws:s3:::acme-tidemark-dev-lake"
    errors    = "arn:aws:s3:::acme-tidemark-dev-errors"
    exchange  = "arn:aws:s3:::acme-tidemark-dev-exchange"
    runs      = "arn:aws:s3:::acme-tidemark-dev-runs"
    snapshots = "arn:aws:s3:::acme-tidemark-dev-snapshots"
  }
  landing_buckets         = ["arn:aws:s3:::acme-shop-landing"]
  kms_key_arns            = ["arn:aws:kms:eu-central-1:111122223333:key/1"]
  state_table_arn         = "arn:aws:dynamodb:eu-central-1:111122223333:table/acme-tidemark-dev-state"
  secret_arns             = ["arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/dev/crm-AbCdEf"]
  parameter_path          = "tidemark/dev"
  topic_arns              = ["arn:aws:sns:eu-central-1:111122223333:acme-tidemark-dev-error"]
  databases               = { silver = "acme_silver", gold = "acme_gold" }
  workgroup               = "acme-tidemark-dev-readers"
  redshift_workgroup_arns = ["arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/1"]
  readers = {
    analysts = { role_arn = "arn:aws:iam::111122223333:role/analysts" }
  }
  writers = { ecs = "arn:aws:iam::111122223333:role/task" }
}

run "a_run_may_do_what_it_needs_and_no_more" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.run.policy).Statement : statement.Effect == "Allow" && (!contains(statement.Resource, "*") || alltrue([for action in statement.Action : startswith(action, "lakeformation:")])) && alltrue([for action in statement.Action : !strcontains(action, "*")])])
    error_message = "neither actions nor resources are everything"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_policy.run.policy).Statement : statement.Resource if contains(statement.Action, "secretsmanager:GetSecretValue")] == [["arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/dev/crm-AbCdEf"]]
    error_message = "only its own secrets are read"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.run.policy).Statement : alltrue([for resource in statement.Resource : !startswith(resource, "arn:aws:s3:::acme-shop-landing/")]) if contains(statement.Action, "s3:PutObject") || contains(statement.Action, "s3:DeleteObject")])
    error_message = "what lands is not written to"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.run.policy).Statement : length(setintersection(statement.Action, ["iam:PassRole", "s3:DeleteBucket", "s3:PutBucketPolicy", "secretsmanager:PutSecretValue", "dynamodb:DeleteTable"])) == 0])
    error_message = "a run changes no infrastructure"
  }
}

run "a_reader_reads_results_of_its_own_and_what_tags_grant" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : alltrue([for resource in statement.Resource : !startswith(resource, "arn:aws:s3:::acme-tidemark-dev-lake")])])
    error_message = "the lake is read through Lake Formation alone"
  }
  assert {
    condition     = toset(flatten([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Action if contains(statement.Resource, "*")])) == toset(["lakeformation:GetDataAccess", "athena:ListWorkGroups", "athena:ListDataCatalogs", "athena:ListEngineVersions"])
    error_message = "only GetDataAccess and lists of names have no resource"
  }
  assert {
    condition     = toset(flatten([for expression in aws_lakeformation_permissions.tables["analysts"].lf_tag_policy[0].expression : expression.values if endswith(expression.key, "classification")])) == toset(["public", "internal"])
    error_message = "personal data is granted to nobody who is not named"
  }
}

run "a_query_of_athena_runs_from_begin_to_end" {
  assert {
    condition     = alltrue([for action in ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetWorkGroup"] : contains(one([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Action if statement.Sid == "Queries"]), action)])
    error_message = "it is started, followed and read, by drivers too"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_policy.reader.policy).Statement : try(statement.Condition, null) if contains(statement.Action, "s3:GetBucketLocation")] == [null]
    error_message = "a request for a bucket's region has no prefix, and would be refused for want of one"
  }
  assert {
    condition     = contains(one([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Resource if statement.Sid == "Catalog"]), "arn:aws:glue:eu-central-1:111122223333:database/default")
    error_message = "Athena looks for `default` first"
  }
}

run "who_applies_administers_where_nobody_is_named" {
  assert {
    condition     = aws_lakeformation_data_lake_settings.this.admins == toset(["arn:aws:iam::111122223333:role/terraform"])
    error_message = "the role, and not its session"
  }
  assert {
    condition     = length(aws_lakeformation_data_lake_settings.this.create_database_default_permissions) == 0 && length(aws_lakeformation_data_lake_settings.this.create_table_default_permissions) == 0
    error_message = "what is new is for nobody whom IAM alone lets"
  }
}

run "who_is_named_administers_and_who_plans_looks" {
  variables {
    lake_admins  = ["arn:aws:iam::111122223333:role/apply", "arn:aws:iam::111122223333:role/data-office"]
    lake_viewers = ["arn:aws:iam::111122223333:role/plan"]
  }
  assert {
    condition     = aws_lakeformation_data_lake_settings.this.admins == var.lake_admins && aws_lakeformation_data_lake_settings.this.read_only_admins == var.lake_viewers
    error_message = "whoever plans changes no grant"
  }
  assert {
    condition     = length(data.aws_iam_session_context.current) == 0
    error_message = "who applies is not asked for"
  }
}

run "who_administers_already_is_not_dropped_in_silence" {
  command = plan
  override_data {
    target = data.aws_lakeformation_data_lake_settings.present
    values = { admins = ["arn:aws:iam::111122223333:role/data-office"] }
  }
  expect_failures = [aws_lakeformation_data_lake_settings.this]
}

run "who_is_left_out_is_not_dropped_in_silence" {
  command = plan
  override_data {
    target = data.aws_lakeformation_data_lake_settings.present
    values = { admins = ["arn:aws:iam::111122223333:role/apply", "arn:aws:iam::111122223333:role/data-office"] }
  }
  variables {
    lake_admins = ["arn:aws:iam::111122223333:role/apply"]
  }
  expect_failures = [aws_lakeformation_data_lake_settings.this]
}

run "an_administrator_does_not_become_a_viewer_in_silence" {
  command = plan
  override_data {
    target = data.aws_lakeformation_data_lake_settings.present
    values = { admins = ["arn:aws:iam::111122223333:role/data-office"] }
  }
  variables {
    lake_viewers = ["arn:aws:iam::111122223333:role/data-office"]
  }
  expect_failures = [aws_lakeformation_data_lake_settings.this]
}

run "who_looks_already_is_not_dropped_in_silence" {
  command = plan
  override_data {
    target = data.aws_lakeformation_data_lake_settings.present
    values = { read_only_admins = ["arn:aws:iam::111122223333:role/audit"] }
  }
  expect_failures = [aws_lakeformation_data_lake_settings.this]
}

run "who_is_named_stays_and_who_shall_go_goes" {
  override_data {
    target = data.aws_lakeformation_data_lake_settings.present
    values = {
      admins           = ["arn:aws:iam::111122223333:role/apply", "arn:aws:iam::111122223333:role/left", "AROAEXAMPLEOFONEDELETED"]
      read_only_admins = ["arn:aws:iam::111122223333:role/aws-service-role/redshift.amazonaws.com/AWSServiceRoleForRedshift"]
    }
  }
  variables {
    lake_admins  = ["arn:aws:iam::111122223333:role/apply", "arn:aws:iam::111122223333:role/new"]
    lake_removed = ["arn:aws:iam::111122223333:role/left", "AROAEXAMPLEOFONEDELETED"]
  }
  assert {
    condition     = aws_lakeformation_data_lake_settings.this.admins == var.lake_admins
    error_message = "a service of AWS that looks is in nobody's way"
  }
}

run "a_session_is_no_administrator" {
  command = plan
  variables {
    lake_admins = ["arn:aws:sts::111122223333:assumed-role/terraform/ann"]
  }
  expect_failures = [var.lake_admins]
}

run "a_session_is_no_viewer" {
  command = plan
  variables {
    lake_viewers = ["arn:aws:sts::111122223333:assumed-role/plan/ann"]
  }
  expect_failures = [var.lake_viewers]
}

run "what_lands_is_decrypted_and_nothing_is_encrypted_for_it" {
  variables {
    landing_kms_key_arns = ["arn:aws:kms:eu-central-1:444455556666:key/theirs"]
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_policy.run.policy).Statement : statement.Action if contains(statement.Resource, "arn:aws:kms:eu-central-1:444455556666:key/theirs")] == [["kms:Decrypt"]]
    error_message = "another's key is for reading"
  }
  assert {
    condition     = !strcontains(aws_iam_policy.reader.policy, "key/theirs") && !strcontains(aws_iam_role_policy.lake.policy, "key/theirs")
    error_message = "readers have nothing to do with what lands"
  }
}

run "an_alias_is_no_key" {
  command = plan
  variables {
    landing_kms_key_arns = ["arn:aws:kms:eu-central-1:444455556666:alias/theirs"]
  }
  expect_failures = [var.landing_kms_key_arns]
}

run "logins_to_clusters_are_of_their_database_and_user" {
  variables {
    redshift_clusters = { shop = { database = "orders" }, old = { database = "dw", user = "tidemark" } }
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_policy.run.policy).Statement : statement.Resource if contains(statement.Action, "redshift:GetClusterCredentialsWithIAM")] == [["arn:aws:redshift:eu-central-1:111122223333:dbname:shop/orders"]]
    error_message = "IAM maps the role to a user of the one database"
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_policy.run.policy).Statement : statement.Resource if contains(statement.Action, "redshift:GetClusterCredentials")] == [["arn:aws:redshift:eu-central-1:111122223333:dbname:old/dw", "arn:aws:redshift:eu-central-1:111122223333:dbuser:old/tidemark"]]
    error_message = "a login by name is of that user, in that database"
  }
}

run "without_clusters_there_are_no_logins_to_them" {
  assert {
    condition     = !strcontains(aws_iam_policy.run.policy, "redshift:Get")
    error_message = "a workgroup lends its login by another action"
  }
}

run "a_policy_is_no_longer_than_iam_takes" {
  variables {
    name                 = "abcdefghijkl-tidemark-abcdefgh"
    landing_kms_key_arns = ["arn:aws:kms:eu-central-1:444455556666:key/12345678-1234-1234-1234-123456789012"]
    redshift_clusters    = { shop = { database = "orders" }, old = { database = "dw", user = "tidemark" } }
    secret_arns          = [for number in range(12) : "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/abcdefgh/connection-${number}-AbCdEf"]
  }
  assert {
    condition     = length(aws_iam_policy.run.policy) <= 6144 && length(aws_iam_policy.reader.policy) <= 6144
    error_message = "6,144 characters are the most for a managed policy"
  }
}

run "a_classification_that_there_is_not_is_refused" {
  command = plan
  variables {
    readers = { analysts = { role_arn = "arn:aws:iam::111122223333:role/a", classifications = ["secret"] } }
  }
  expect_failures = [var.readers]
}

run "all_buckets_are_named" {
  command = plan
  variables {
    buckets = { lake = "arn:aws:s3:::x" }
  }
  expect_failures = [var.buckets]
}

run "what_nobody_has_tagged_yet_is_for_nobody_but_those_who_see_personal_data" {
  assert {
    condition     = alltrue([for database in values(aws_lakeformation_resource_lf_tags.database) : anytrue([for tag in database.lf_tag : tag.value == "personal"])])
    error_message = "a new table's columns are hidden until their contract's tags are set"
  }
  assert {
    condition     = alltrue([for grant in values(aws_lakeformation_permissions.registering) : !contains(grant.permissions, "SELECT") && !contains(grant.permissions, "ALL")])
    error_message = "runs register tables, and need no grant to read them"
  }
  assert {
    condition     = { for of, grant in aws_lakeformation_permissions.updating : of => [grant.permissions, one(grant.table).wildcard] } == { "ecs gold" = [toset(["ALTER", "DESCRIBE"]), true], "ecs silver" = [toset(["ALTER", "DESCRIBE"]), true] }
    error_message = "an entry that another role has made is brought up to date, too"
  }
}
