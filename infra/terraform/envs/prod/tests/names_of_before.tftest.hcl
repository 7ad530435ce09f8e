mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { arn = "arn:aws:sts::111122223333:assumed-role/terraform/ann" }
  }
  mock_data "aws_iam_session_context" {
    defaults = { issuer_arn = "arn:aws:iam::111122223333:role/terraform" }
  }
}

mock_provider "aws" {
  alias = "elsewhere"
}

variables {
  account_id         = "111122223333"
  organization       = "acme"
  commit             = "0f1e2d3c4b5a"
  prefect            = { api_url = "https://prefect.acme.example/api" }
  monthly_budget_usd = 500
}

run "the_address_of_prefect_has_a_login_now" {
  command = plan
  variables {
    prefect_api_url = "https://prefect.acme.example/api"
  }
  expect_failures = [var.prefect_api_url]
}

run "a_landing_bucket_may_have_a_key_now" {
  command = plan
  variables {
    landing_bucket = "acme-shop-landing"
  }
  expect_failures = [var.landing_bucket]
}

run "a_repository_may_find_githubs_provider_made_now" {
  command = plan
  variables {
    github_repository = "acme/lakehouse"
  }
  expect_failures = [var.github_repository]
}
