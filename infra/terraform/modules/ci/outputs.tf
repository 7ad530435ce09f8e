output "role_arn" {
  description = "Role that the pipeline takes (`role-to-assume`)."
  value       = aws_iam_role.deploy.arn
}
