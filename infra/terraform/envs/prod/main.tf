# Production: EMR Serverless, a NAT a zone, two workers, a copy in a second region; nothing is destroyed by accident.

module "stack" {
  source = "../../stack"

  providers = {
    aws           = aws
    aws.elsewhere = aws.elsewhere
  }

  organization          = var.organization
  environment           = "prod"
  account_id            = var.account_id
  region                = var.region
  recovery_region       = "eu-west-1"
  availability_zones    = ["${var.region}a", "${var.region}b", "${var.region}c"]
  nat                   = "each"
  commit                = var.commit
  work_pool             = { name = "tidemark-emr", type = "emr-serverless" }
  workers               = 2
  prefect               = var.prefect
  secrets               = merge({ approvals = { description = "Keys of those who may ask and approve, by their names" } }, var.secrets)
  landing               = var.landing
  redshift              = var.redshift
  snowflake_integration = var.snowflake_integration
  readers               = var.readers
  lake_admins           = var.lake_admins
  lake_viewers          = var.lake_viewers
  lake_removed          = var.lake_removed
  monthly_budget_usd    = var.monthly_budget_usd
  emails                = var.emails
  config_dir            = abspath("${path.root}/../../../../config")
  github                = var.github == null ? null : { repository = var.github.repository, create_provider = var.github.create_provider, environment = "prod" }

  connections = {
    snowflake = { description = "Key pair of the loader in Snowflake" }
    crm       = { description = "OAuth client of the CRM" }
  }
}
