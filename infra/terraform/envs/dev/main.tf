# The team's shared environment: Fargate, one NAT, no copy elsewhere, and all of it may be destroyed.

module "stack" {
  source = "../../stack"

  providers = {
    aws           = aws
    aws.elsewhere = aws.elsewhere
  }

  organization       = var.organization
  environment        = "dev"
  account_id         = var.account_id
  region             = var.region
  availability_zones = ["${var.region}a", "${var.region}b"]
  nat                = "one"
  commit             = var.commit
  work_pool          = { name = "tidemark-ecs", type = "ecs" }
  prefect            = { api_url = var.prefect_api_url }
  landing            = var.landing_bucket == "" ? null : { bucket = var.landing_bucket }
  redshift           = var.redshift
  monthly_budget_usd = var.monthly_budget_usd
  emails             = var.emails
  config_dir         = abspath("${path.root}/../../../../config")
  github             = var.github_repository == "" ? null : { repository = var.github_repository, environment = "dev" }
  lifecycle_days     = { errors = 60, runs = 60 }
  disposable         = true

  connections = merge(
    {
      snowflake = { description = "Key pair of the loader in Snowflake" }
      crm       = { description = "OAuth client of the CRM" }
    },
    var.redshift == null ? { redshift = { description = "Login to Redshift" } } : {}
  )
}
