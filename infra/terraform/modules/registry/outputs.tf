output "repository_urls" {
  description = "Where images are pushed, without a tag: tidemark (ECS, workers), tidemark-emr (EMR Serverless)."
  value       = { for key, repository in aws_ecr_repository.this : key => repository.repository_url }
}

output "repository_arns" {
  description = "ARNs, by the same keys."
  value       = { for key, repository in aws_ecr_repository.this : key => repository.arn }
}
