output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of tasks and jobs, one a zone."
  value       = [for zone in var.availability_zones : aws_subnet.private[zone].id]
}

output "further_ports" {
  description = "Ports beside 443 that tasks reach, by what listens there."
  value       = { for name, rule in aws_vpc_security_group_egress_rule.further : name => rule.from_port }
}

output "task_security_group_id" {
  description = "Security group of tasks and jobs."
  value       = aws_security_group.tasks.id
}
