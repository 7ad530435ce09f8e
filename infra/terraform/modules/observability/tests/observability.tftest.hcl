mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:topic" }
  }
}

variables {
  name               = "acme-tidemark-dev"
  account_id         = "111122223333"
  region             = "eu-central-1"
  environment        = "dev"
  kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/1"
  cluster_name       = "acme-tidemark-dev"
  monthly_budget_usd = 500
  emails             = { error = ["oncall@acme.example"] }
  slo                = { freshness_seconds = { "gold.fact_orders" = 93600 } }
}

run "each_promise_has_an_alarm" {
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.run)) == toset(["dq_critical_failures", "rows_quarantined", "records_processed_total"])
    error_message = "gates, rejected rows and silence are watched"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.latency["daily"].threshold == 14400 && aws_cloudwatch_metric_alarm.latency["daily"].dimensions == tomap({ Environment = "dev", Job = "daily" })
    error_message = "a job has its own promise, and a backfill may take its time"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.run["dq_critical_failures"].threshold == 1 && aws_cloudwatch_metric_alarm.run["dq_critical_failures"].comparison_operator == "GreaterThanOrEqualToThreshold"
    error_message = "one failed gate is enough"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.run["records_processed_total"].treat_missing_data == "breaching"
    error_message = "no word is bad news"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.freshness["gold.fact_orders"].threshold == 93600 && aws_cloudwatch_metric_alarm.freshness["gold.fact_orders"].dimensions == tomap({ Environment = "dev", Table = "gold.fact_orders" })
    error_message = "each table has its own promise"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.run : alarm.alarm_actions == alarm.ok_actions])
    error_message = "a recovery is told where the trouble was"
  }
}

run "money_and_mail" {
  assert {
    condition     = aws_budgets_budget.this.limit_amount == "500" && one(aws_budgets_budget.this.cost_filter).values[0] == "user:environment$dev"
    error_message = "the budget is that of this environment"
  }
  assert {
    condition     = keys(aws_sns_topic_subscription.mail) == ["error:oncall@acme.example"]
    error_message = "who is named is told"
  }
  assert {
    condition     = [for alert in output.alerts : alert.on] == [["warning"], ["error"]]
    error_message = "the environment's file gets a channel a severity"
  }
}

run "a_table_has_a_layer" {
  command = plan
  variables {
    slo = { freshness_seconds = { fact_orders = 1 } }
  }
  expect_failures = [var.slo]
}

run "a_budget_is_money" {
  command = plan
  variables {
    monthly_budget_usd = 0
  }
  expect_failures = [var.monthly_budget_usd]
}
