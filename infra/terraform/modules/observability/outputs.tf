output "topic_arns" {
  description = "Topics by severity: warning, error."
  value       = { for severity, topic in aws_sns_topic.this : severity => topic.arn }
}

output "alerts" {
  description = "`alerts` of the environment's file."
  value       = [for severity in ["warning", "error"] : { channel = "sns", target = aws_sns_topic.this[severity].arn, on = [severity] }]
}
