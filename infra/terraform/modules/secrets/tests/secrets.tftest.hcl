mock_provider "aws" {}

variables {
  name        = "acme-tidemark-dev"
  path        = "tidemark/dev"
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
  secrets = {
    snowflake = { description = "Key pair of the loader", rotation_lambda_arn = "arn:aws:lambda:eu-central-1:111122223333:function:rotate", rotation_days = 7 }
    crm       = { description = "OAuth client of the CRM" }
  }
}

run "places_without_values" {
  assert {
    condition     = output.names == { snowflake = "tidemark/dev/snowflake", crm = "tidemark/dev/crm" }
    error_message = "names are what the environment's file says"
  }
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == var.kms_key_arn && secret.recovery_window_in_days == 30])
    error_message = "encrypted with the environment's key, and not gone at once"
  }
  assert {
    condition     = keys(aws_secretsmanager_secret_rotation.this) == ["snowflake"] && aws_secretsmanager_secret_rotation.this["snowflake"].rotation_rules[0].automatically_after_days == 7
    error_message = "what has a function is rotated, nothing else"
  }
}

run "rotation_is_at_least_yearly" {
  command = plan
  variables {
    secrets = { crm = { description = "x", rotation_days = 1000 } }
  }
  expect_failures = [var.secrets]
}

run "a_path_is_no_arn" {
  command = plan
  variables {
    path = "arn:aws:x"
  }
  expect_failures = [var.path]
}

run "three_days_are_no_recovery_window" {
  command = plan
  variables {
    recovery_days = 3
  }
  expect_failures = [var.recovery_days]
}
