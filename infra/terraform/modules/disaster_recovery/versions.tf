terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source                = "hashicorp/aws"
      version               = ">= 5.100, < 6.0"
      configuration_aliases = [aws.elsewhere]
    }
  }
}
