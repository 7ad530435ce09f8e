output "run_policy_arn" {
  description = "Policy of the roles that runs have: ECS tasks, EMR jobs."
  value       = aws_iam_policy.run.arn
}

output "reader_policy_arn" {
  description = "Policy of roles that query released tables."
  value       = aws_iam_policy.reader.arn
}

output "lake_settings" {
  description = "Settings of Lake Formation, for what is made after them."
  value       = aws_lakeformation_data_lake_settings.this.id
}

output "tags" {
  description = "Keys of the tags by which columns are granted."
  value       = { layer = aws_lakeformation_lf_tag.layer.key, classification = aws_lakeformation_lf_tag.classification.key }
}
