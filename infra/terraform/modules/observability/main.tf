# Topics, alarms on the metrics that runs write (embedded metric format, namespace Tidemark), a dashboard, a budget.

locals {
  namespace  = "Tidemark"
  severities = toset(["warning", "error"])
  mails      = merge([for severity, addresses in var.emails : { for address in addresses : "${severity}:${address}" => { severity = severity, address = address } }]...)

  alarms = {
    dq_critical_failures = {
      description = "A gate failed: what it guards was not released."
      statistic   = "Sum", comparison = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, missing = "notBreaching", severity = "error"
    }
    rows_quarantined = {
      description = "More rows were rejected in a day than is usual."
      statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = var.slo.rejected_rows, period = 86400, missing = "notBreaching", severity = "warning"
    }
    records_processed_total = {
      description = "Nothing was processed for a day: a source is empty, or nothing runs."
      statistic   = "Sum", comparison = "LessThanThreshold", threshold = 1, period = 86400, missing = "breaching", severity = "error"
    }
  }
}

resource "aws_sns_topic" "this" {
  for_each = local.severities

  name              = "${var.name}-${each.key}"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this

  arn = each.value.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsAndBudgetsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = each.value.arn
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        Sid       = "EncryptedConnectionsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = local.mails

  topic_arn = aws_sns_topic.this[each.value.severity].arn
  protocol  = "email"
  endpoint  = each.value.address
}

resource "aws_cloudwatch_metric_alarm" "run" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.description
  namespace           = local.namespace
  metric_name         = each.key
  dimensions          = { Environment = var.environment }
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = 1
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.this[each.value.severity].arn]
  ok_actions          = [aws_sns_topic.this[each.value.severity].arn]
}

# By job: a backfill may take its time.
resource "aws_cloudwatch_metric_alarm" "latency" {
  for_each = var.slo.latency_seconds

  alarm_name          = "${var.name}-latency-${replace(each.key, "_", "-")}"
  alarm_description   = "A run of ${each.key} took longer than promised."
  namespace           = local.namespace
  metric_name         = "latency_seconds"
  dimensions          = { Environment = var.environment, Job = each.key }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "ignore"
  alarm_actions       = [aws_sns_topic.this["error"].arn]
  ok_actions          = [aws_sns_topic.this["error"].arn]
}

resource "aws_cloudwatch_metric_alarm" "freshness" {
  for_each = var.slo.freshness_seconds

  alarm_name          = "${var.name}-freshness-${replace(replace(each.key, ".", "-"), "_", "-")}"
  alarm_description   = "${each.key} is older than promised."
  namespace           = local.namespace
  metric_name         = "freshness_seconds"
  dimensions          = { Environment = var.environment, Table = each.key }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value
  period              = 3600
  evaluation_periods  = 1
  treat_missing_data  = "ignore"
  alarm_actions       = [aws_sns_topic.this["error"].arn]
  ok_actions          = [aws_sns_topic.this["error"].arn]
}

# Without a worker nothing runs, and nothing that runs could tell.
resource "aws_cloudwatch_metric_alarm" "worker" {
  count = var.cluster_name == "" ? 0 : 1

  alarm_name          = "${var.name}-no-worker"
  alarm_description   = "No worker has lived for a quarter of an hour: no deployment runs."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = "worker" }
  statistic           = "Maximum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this["error"].arn]
  ok_actions          = [aws_sns_topic.this["error"].arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = concat(
      [for index, metric in ["records_processed_total", "rows_quarantined", "dq_critical_failures", "latency_seconds", "freshness_seconds", "cost_estimate_usd"] : {
        type   = "metric"
        x      = 8 * (index % 3)
        y      = 6 * floor(index / 3)
        width  = 8
        height = 6
        properties = {
          title   = replace(metric, "_", " ")
          region  = var.region
          metrics = [[local.namespace, metric, "Environment", var.environment]]
          stat    = endswith(metric, "_seconds") ? "Maximum" : "Sum"
          period  = 3600
        }
      }],
      [{
        type   = "alarm"
        x      = 0
        y      = 12
        width  = 24
        height = 4
        properties = {
          title  = "alarms"
          alarms = concat([for alarm in aws_cloudwatch_metric_alarm.run : alarm.arn], [for alarm in aws_cloudwatch_metric_alarm.latency : alarm.arn], [for alarm in aws_cloudwatch_metric_alarm.freshness : alarm.arn], [for alarm in aws_cloudwatch_metric_alarm.worker : alarm.arn])
        }
      }]
    )
  })
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:environment$%s", var.environment)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      comparison_operator       = "GREATER_THAN"
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.this["warning"].arn]
    }
  }

  depends_on = [aws_sns_topic_policy.this]
}
