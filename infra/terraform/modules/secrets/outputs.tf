output "names" {
  description = "Names as the environment's file says them (`connections.<name>.secret`), by their keys."
  value       = { for key, secret in aws_secretsmanager_secret.this : key => secret.name }
}

output "arns" {
  description = "ARNs, by the same keys."
  value       = { for key, secret in aws_secretsmanager_secret.this : key => secret.arn }
}
