mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:flow" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/flow" }
  }
}

variables {
  name               = "acme-tidemark-dev"
  region             = "eu-central-1"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  kms_key_arn        = "arn:aws:kms:eu-central-1:111122223333:key/1"
}

run "subnets_do_not_overlap_and_are_private" {
  assert {
    condition     = length(distinct([for subnet in aws_subnet.private : subnet.cidr_block])) == 3
    error_message = "each zone has a block of its own"
  }
  assert {
    condition     = length(setintersection([for subnet in aws_subnet.private : subnet.cidr_block], [for subnet in aws_subnet.public : subnet.cidr_block])) == 0
    error_message = "public and private subnets share no block"
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "nothing gets a public address by itself"
  }
}

run "s3_and_dynamodb_cost_no_nat" {
  assert {
    condition     = toset([for endpoint in aws_vpc_endpoint.gateway : endpoint.vpc_endpoint_type]) == toset(["Gateway"]) && length(aws_vpc_endpoint.gateway) == 2
    error_message = "S3 and DynamoDB have gateway endpoints"
  }
  assert {
    condition     = aws_vpc_endpoint.interface["secretsmanager"].service_name == "com.amazonaws.eu-central-1.secretsmanager"
    error_message = "endpoints are of the region"
  }
}

run "nobody_calls_a_task" {
  assert {
    condition     = aws_vpc_security_group_ingress_rule.among_tasks.cidr_ipv4 == null
    error_message = "tasks are reached by tasks alone"
  }
  assert {
    condition     = length(aws_vpc_security_group_egress_rule.further) == 0
    error_message = "nothing but 443 is open outwards unless it is named"
  }
}

run "what_is_named_is_reached_at_its_port_alone" {
  variables {
    further_ports = { Redshift = 5439, "mail server" = 587 }
  }
  assert {
    condition     = { for name, rule in aws_vpc_security_group_egress_rule.further : rule.description => [rule.from_port, rule.to_port, rule.ip_protocol] } == { Redshift = [5439, 5439, "tcp"], "mail server" = [587, 587, "tcp"] }
    error_message = "beside 443 only these two are open"
  }
}

run "a_port_is_a_port" {
  command = plan
  variables {
    further_ports = { all = 0 }
  }
  expect_failures = [var.further_ports]
}

run "one_nat_serves_all_zones" {
  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 3
    error_message = "every private subnet has its way out"
  }
}

run "a_nat_for_each_zone" {
  variables {
    nat = "each"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "each zone has its own"
  }
}

run "no_way_out" {
  variables {
    nat = "none"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_internet_gateway.this) == 0 && length(aws_route.nat) == 0
    error_message = "without NAT there is no gateway"
  }
}

run "one_zone_is_not_enough" {
  command = plan
  variables {
    availability_zones = ["eu-central-1a"]
  }
  expect_failures = [var.availability_zones]
}

run "a_small_network_is_refused" {
  command = plan
  variables {
    cidr = "10.0.0.0/24"
  }
  expect_failures = [var.cidr]
}

run "names_have_a_form" {
  command = plan
  variables {
    name = "Acme_Tidemark"
  }
  expect_failures = [var.name]
}

run "another_kind_of_nat_is_refused" {
  command = plan
  variables {
    nat = "two"
  }
  expect_failures = [var.nat]
}
