mock_provider "aws" {
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  name               = "acme-tidemark-prod"
  account_id         = "111122223333"
  region             = "eu-central-1"
  repository         = "acme/lakehouse"
  github_environment = "prod"
  repository_arns    = ["arn:aws:ecr:eu-central-1:111122223333:repository/tidemark"]
  prefect_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:tidemark/prod/prefect-AbCdEf"
  kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/1"
}

run "one_environment_of_one_repository_deploys" {
  assert {
    condition     = jsondecode(aws_iam_role.deploy.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:acme/lakehouse:environment:prod"
    error_message = "no other repository, branch or environment gets the role"
  }
  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_role_policy.deploy.policy).Statement : statement.Action == ["ecr:GetAuthorizationToken"] if contains(statement.Resource, "*")])
    error_message = "everything but the login to the registry has a resource"
  }
  assert {
    condition     = !anytrue([for statement in jsondecode(aws_iam_role_policy.deploy.policy).Statement : anytrue([for action in statement.Action : startswith(action, "s3:") || startswith(action, "iam:") || startswith(action, "ecr:Delete")])])
    error_message = "it neither reads data nor changes roles, nor deletes images"
  }
}

run "an_open_prefect_server_wants_no_secret" {
  variables {
    prefect_secret_arn = null
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.deploy.policy, "secretsmanager:")
    error_message = "none is read"
  }
}

run "a_second_environment_shares_the_provider" {
  variables {
    create_provider = false
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && strcontains(aws_iam_role.deploy.assume_role_policy, "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com")
    error_message = "one account has one provider"
  }
}

run "a_pattern_is_no_environment" {
  command = plan
  variables {
    github_environment = "*"
  }
  expect_failures = [var.github_environment]
}

run "a_repository_has_an_owner" {
  command = plan
  variables {
    repository = "lakehouse"
  }
  expect_failures = [var.repository]
}
