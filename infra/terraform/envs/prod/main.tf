# Production: EMR Serverless, a NAT a zone, two workers, a copy in a second region; nothing is destroyed by accident.

module "stack" {
  source = "../../stack"

  providers = {
    aws           = aws
    aws.elsewhere = aws.elsewhere
  }

  organization       = var.organization
  environment        = "prod"
  account_id         = var.account_id
  region             = var.region
  recovery_region    = "eu-west-1"
  availability_zones = ["${var.region}a", "${var.region}b", "${var.region}c"]
  nat                = "each"
  commit             = var.commit
  work_pool          = { name = "tidemark-emr", type = "emr-serverless" }
  workers            = 2
  prefect            = { api_url = var.prefect_api_url }
  landing            = var.landing_bucket == "" ? null : { bucket = var.landing_bucket }
  redshift           = var.redshift
  monthly_budget_usd = var.monthly_budget_usd
  emails             = var.emails
  config_dir         = abspath("${path.root}/../../../../config")
  github             = var.github_repository == "" ? null : { repository = var.github_repository, environment = "prod" }

  connections = merge(
    {
      snowflake = { description = "Key pair of the loader in Snowflake" }
      crm       = { description = "OAuth client of the CRM" }
    },
    var.redshift == null ? { redshift = { description = "Login to Redshift" } } : {}
  )
}
