output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of tasks and jobs, one a zone."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
}

output "task_security_group_id" {
  description = "Security group of tasks and jobs."
  value       = aws_security_group.tasks.id
}
