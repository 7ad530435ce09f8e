output "table_name" {
  description = "`state.location` of the environment's file."
  value       = aws_dynamodb_table.control.name
}

output "table_arn" {
  description = "The table, for policies."
  value       = aws_dynamodb_table.control.arn
}
