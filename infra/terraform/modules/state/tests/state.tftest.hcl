mock_provider "aws" {}

variables {
  name        = "acme-tidemark-dev"
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
}

run "the_table_is_the_one_that_the_engine_writes" {
  assert {
    condition     = aws_dynamodb_table.control.hash_key == "kind" && aws_dynamodb_table.control.range_key == "key" && toset([for attribute in aws_dynamodb_table.control.attribute : "${attribute.name}:${attribute.type}"]) == toset(["kind:S", "key:S"])
    error_message = "keys are kind and key"
  }
  assert {
    condition     = aws_dynamodb_table.control.point_in_time_recovery[0].enabled && aws_dynamodb_table.control.server_side_encryption[0].enabled && aws_dynamodb_table.control.deletion_protection_enabled
    error_message = "it can be brought back, is encrypted and not deleted by accident"
  }
}

run "names_have_a_form" {
  command = plan
  variables {
    name = "x"
  }
  expect_failures = [var.name]
}
