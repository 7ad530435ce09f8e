# The state lies in the bucket that infra/terraform/bootstrap made; which one, `terraform init` is told:
#
#   terraform init -backend-config="bucket=acme-tidemark-terraform" -backend-config="region=eu-central-1"
terraform {
  backend "s3" {
    key          = "tidemark/prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
