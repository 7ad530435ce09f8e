mock_provider "aws" {
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
}

variables {
  name       = "acme-tidemark-dev"
  account_id = "111122223333"
  region     = "eu-central-1"
}

run "every_bucket_is_closed_versioned_and_encrypted" {
  assert {
    condition     = toset(keys(aws_s3_bucket.this)) == toset(["lake", "errors", "exchange", "runs", "snapshots"])
    error_message = "there is a bucket for each kind of data"
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.this) == 6
    error_message = "no bucket is public"
  }
  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.this : versioning.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == 6
    error_message = "every bucket keeps replaced versions"
  }
  assert {
    condition     = alltrue([for policy in aws_s3_bucket_policy.this : anytrue([for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny" && statement.Condition.Bool["aws:SecureTransport"] == "false" if statement.Effect == "Deny"])])
    error_message = "every bucket refuses plain HTTP"
  }
  assert {
    condition     = alltrue([for name, rule in aws_s3_bucket_server_side_encryption_configuration.this : one(one(rule.rule).apply_server_side_encryption_by_default).sse_algorithm == (name == "access-logs" ? "AES256" : "aws:kms")])
    error_message = "data is encrypted with the environment's key"
  }
  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "the key is rotated"
  }
}

run "only_what_nobody_needs_expires" {
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.this["lake"].rule : rule.filter[0].prefix if length(rule.expiration) > 0] == ["lake/_staging/"]
    error_message = "of the lake only prepared batches expire"
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.this["snapshots"].rule : length(rule.expiration) == 0])
    error_message = "snapshots do not expire by themselves"
  }
  assert {
    condition     = startswith(output.roots.staging, "${output.roots.lake}/_staging")
    error_message = "prepared batches lie where the lifecycle looks for them"
  }
}

run "raw_data_on_its_way_rests_as_long_as_maintain_lets_it" {
  assert {
    condition = { for name in ["exchange", "lake"] : name => [
      for rule in aws_s3_bucket_lifecycle_configuration.this[name].rule : rule.expiration[0].days if length(rule.expiration) > 0
    ] } == { exchange = [1], lake = [7] }
    error_message = "files that were exchanged go after a day, prepared batches after seven"
  }
  assert {
    condition = { for name in ["exchange", "lake"] : name => one([
      for rule in aws_s3_bucket_lifecycle_configuration.this[name].rule : [rule.noncurrent_version_expiration[0].noncurrent_days, rule.abort_incomplete_multipart_upload[0].days_after_initiation] if length(rule.noncurrent_version_expiration) > 0
    ]) } == { exchange = [1, 3], lake = [30, 3] }
    error_message = "of what was exchanged no version is left after another day, and no part of an upload that was never finished after three"
  }
}

run "staging_is_kept_longer_than_a_plan" {
  command = plan
  variables {
    lifecycle_days = { staging = 1 }
  }
  expect_failures = [var.lifecycle_days]
}

run "an_account_has_twelve_digits" {
  command = plan
  variables {
    account_id = "acme"
  }
  expect_failures = [var.account_id]
}
