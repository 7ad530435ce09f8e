output "databases" {
  description = "Names of the Glue databases by layer."
  value       = { for layer, database in aws_glue_catalog_database.layer : layer => database.name }
}

output "workgroup" {
  description = "The workgroup that readers use."
  value       = aws_athena_workgroup.readers.name
}
