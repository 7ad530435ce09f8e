mock_provider "aws" {
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
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Action == ["lakeformation:GetDataAccess"] if contains(statement.Resource, "*")])
    error_message = "only GetDataAccess has no resource"
  }
  assert {
    condition     = toset(flatten([for expression in aws_lakeformation_permissions.tables["analysts"].lf_tag_policy[0].expression : expression.values if endswith(expression.key, "classification")])) == toset(["public", "internal"])
    error_message = "personal data is granted to nobody who is not named"
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
}
