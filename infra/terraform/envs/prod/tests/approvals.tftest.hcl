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

run "the_keys_of_approvals_have_a_place_that_runs_read" {
  command = plan
  assert {
    condition     = contains(module.stack.secrets_of_runs, "approvals")
    error_message = "config/env/prod.yaml names tidemark/prod/approvals"
  }
}
