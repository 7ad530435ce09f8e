mock_provider "aws" {}

variables {
  name        = "acme-tidemark-dev"
  account_id  = "111122223333"
  region      = "eu-central-1"
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
}

run "a_tag_is_a_commit_for_good_and_is_looked_through" {
  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && repository.image_scanning_configuration[0].scan_on_push && repository.encryption_configuration[0].encryption_type == "KMS"])
    error_message = "images are immutable, scanned and encrypted"
  }
  assert {
    condition     = jsondecode(aws_ecr_repository_policy.emr.policy).Statement[0].Condition.StringLike["aws:SourceArn"] == "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/*"
    error_message = "applications of other accounts pull nothing"
  }
  assert {
    condition     = alltrue([for policy in aws_ecr_lifecycle_policy.this : jsondecode(policy.policy).rules[1].selection.countNumber == 60])
    error_message = "old images go"
  }
}

run "images_to_roll_back_to_are_kept" {
  command = plan
  variables {
    kept_images = 2
  }
  expect_failures = [var.kept_images]
}
