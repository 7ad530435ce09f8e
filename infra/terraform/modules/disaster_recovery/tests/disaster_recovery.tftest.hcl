mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/replication" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/restore" }
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
  name       = "acme-tidemark-prod"
  account_id = "111122223333"
  sources = {
    lake      = { bucket = "acme-tidemark-prod-lake", arn = "arn:aws:s3:::acme-tidemark-prod-lake" }
    snapshots = { bucket = "acme-tidemark-prod-snapshots", arn = "arn:aws:s3:::acme-tidemark-prod-snapshots" }
  }
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
  regions     = { here = "eu-central-1", elsewhere = "eu-west-1" }
}

run "the_copy_outlives_a_deletion_here" {
  assert {
    condition     = alltrue([for configuration in aws_s3_bucket_replication_configuration.this : configuration.rule[0].delete_marker_replication[0].status == "Disabled" && configuration.rule[0].status == "Enabled"])
    error_message = "deletions are not copied"
  }
  assert {
    condition     = alltrue([for versioning in aws_s3_bucket_versioning.copy : versioning.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_public_access_block.copy) == 2
    error_message = "copies are versioned and closed"
  }
  assert {
    condition     = output.bucket_names == { lake = "acme-tidemark-prod-lake-dr", snapshots = "acme-tidemark-prod-snapshots-dr" }
    error_message = "a copy is called as what it copies"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.replication.policy).Statement : !contains(statement.Resource, "*") && !contains(statement.Action, "s3:ReplicateDelete")])
    error_message = "the role copies these buckets, and deletes nothing"
  }
}

run "whoever_restores_reads_the_copies_and_writes_none" {
  variables {
    restoring_roles = { runs = "acme-tidemark-prod-job" }
  }
  assert {
    condition     = { for statement in jsondecode(aws_iam_policy.restore.policy).Statement : statement.Sid => statement.Resource } == { ListCopies = ["arn:aws:s3:::acme-tidemark-prod-lake-dr", "arn:aws:s3:::acme-tidemark-prod-snapshots-dr"], ReadCopies = ["arn:aws:s3:::acme-tidemark-prod-lake-dr/*", "arn:aws:s3:::acme-tidemark-prod-snapshots-dr/*"], KeyOfCopies = ["arn:aws:kms:eu-west-1:111122223333:key/2"] }
    error_message = "the copies, and the key that they are encrypted with in the other region"
  }
  assert {
    condition     = toset(flatten([for statement in jsondecode(aws_iam_policy.restore.policy).Statement : statement.Action])) == toset(["s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "kms:Decrypt"])
    error_message = "a copy is changed by replication alone"
  }
  assert {
    condition     = { for of, attachment in aws_iam_role_policy_attachment.restore : of => attachment.role } == { runs = "acme-tidemark-prod-job" } && output.restore_policy_arn != ""
    error_message = "runs can restore; another role is given the policy"
  }
}

run "the_same_region_is_no_other" {
  command = plan
  variables {
    regions = { here = "eu-central-1", elsewhere = "eu-central-1" }
  }
  expect_failures = [var.regions]
}

run "a_copy_without_the_lake_is_none" {
  command = plan
  variables {
    sources = { runs = { bucket = "x", arn = "arn:aws:s3:::x" } }
  }
  expect_failures = [var.sources]
}
