# The team's shared environment: Fargate, one NAT, no copy elsewhere, and all of it may be destroyed.

module "stack" {
  source = "../../stack"

  providers = {
    aws           = aws
    aws.elsewhere = aws.elsewhere
  }

  organization          = var.organization
  environment           = "dev"
  account_id            = var.account_id
  region                = var.region
  availability_zones    = ["${var.region}a", "${var.region}b"]
  nat                   = "one"
  commit                = var.commit
  work_pool             = { name = "tidemark-ecs", type = "ecs" }
  prefect               = var.prefect
  secrets               = var.secrets
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
  github                = var.github == null ? null : { repository = var.github.repository, create_provider = var.github.create_provider, environment = "dev" }
  lifecycle_days        = { runs = 60 }
  disposable            = true

  connections = {
    snowflake = { description = "Key pair of the loader in Snowflake" }
    crm       = { description = "OAuth client of the CRM" }
  }
}
