# One environment, of the modules. What it makes is told to Tidemark by the output `tidemark`.

locals {
  name = "${var.organization}-tidemark-${var.environment}"
  path = "tidemark/${var.environment}"
  emr  = var.work_pool.type == "emr-serverless"

  # What needs no Spark does not wait for a job of EMR.
  light_pool = "tidemark-light"

  # How Prefect's API is logged in to: the variable, and the secret that it gets its value from.
  logins = {
    key         = { variable = "PREFECT_API_KEY", secret = "prefect-api-key", description = "Key of Prefect Cloud's API" }
    auth_string = { variable = "PREFECT_API_AUTH_STRING", secret = "prefect-auth-string", description = "Login to our own Prefect server, as user:password" }
  }
  login      = try(local.logins[var.prefect.login], null)
  login_arn  = local.login == null ? null : module.secrets.arns[local.login.secret]
  login_port = try(tonumber(regex("^https://[^/:]+:([0-9]+)/", var.prefect.api_url)[0]), 443)

  by_password = try(var.redshift.login == "password", false)
  own_secrets = merge(
    local.login == null ? {} : { (local.login.secret) = { description = local.login.description, rotation_lambda_arn = null, rotation_days = 30 } },
    local.by_password ? { redshift = { description = "Login to Redshift", rotation_lambda_arn = null, rotation_days = 30 } } : {}
  )
  of_runs = setunion(keys(var.connections), keys(var.secrets), local.by_password ? ["redshift"] : [])

  work_pool_variables = {
    ecs = module.compute_ecs.work_pool_variables
    emr = merge(
      one(module.compute_emr_serverless[*].work_pool_variables),
      # Null for the one that it is not: what the environment's file had of an earlier login goes.
      { secrets = { for kind, login in local.logins : login.variable => kind == var.prefect.login ? module.secrets.names[login.secret] : null } }
    )
  }
  images = { for key, url in module.registry.repository_urls : key => "${url}:${var.commit}" }
}

module "storage" {
  source = "../modules/storage"

  name           = local.name
  account_id     = var.account_id
  region         = var.region
  lifecycle_days = local.lifecycle_days
  force_destroy  = var.disposable
}

module "network" {
  source = "../modules/network"

  name               = local.name
  region             = var.region
  cidr               = var.cidr
  availability_zones = var.availability_zones
  nat                = var.nat
  kms_key_arn        = module.storage.kms_key_arn
  further_ports = merge(
    var.redshift == null ? {} : { Redshift = var.redshift.port },
    local.mail_port == null ? {} : { "mail server" = local.mail_port },
    local.login_port == 443 ? {} : { Prefect = local.login_port }
  )
}

module "secrets" {
  source = "../modules/secrets"

  name          = local.name
  path          = local.path
  kms_key_arn   = module.storage.kms_key_arn
  secrets       = merge(var.connections, var.secrets, local.own_secrets)
  recovery_days = var.disposable ? 0 : 30
}

module "registry" {
  source = "../modules/registry"

  name          = local.name
  account_id    = var.account_id
  region        = var.region
  kms_key_arn   = module.storage.kms_key_arn
  force_destroy = var.disposable
}

module "state" {
  source = "../modules/state"

  name                = local.name
  kms_key_arn         = module.storage.kms_key_arn
  deletion_protection = !var.disposable
}

module "catalog" {
  source = "../modules/catalog"

  name           = local.name
  lake_root      = "s3://${module.storage.bucket_names["lake"]}/lake"
  results_bucket = module.storage.bucket_names["runs"]
  kms_key_arn    = module.storage.kms_key_arn
  lake_settings  = module.governance.lake_settings
  force_destroy  = var.disposable
}

module "governance" {
  source = "../modules/governance"

  name                    = local.name
  account_id              = var.account_id
  region                  = var.region
  buckets                 = module.storage.bucket_arns
  landing_buckets         = var.landing == null ? [] : ["arn:aws:s3:::${var.landing.bucket}"]
  landing_kms_key_arns    = compact([try(var.landing.kms_key_arn, null)])
  kms_key_arns            = [module.storage.kms_key_arn]
  state_table_arn         = module.state.table_arn
  secret_arns             = [for name, arn in module.secrets.arns : arn if contains(local.of_runs, name)]
  parameter_path          = local.path
  topic_arns              = values(module.observability.topic_arns)
  databases               = module.catalog.databases
  workgroup               = module.catalog.workgroup
  redshift_workgroup_arns = compact([local.by_password ? null : try(var.redshift.workgroup_arn, null)])
  redshift_clusters       = local.by_password || try(var.redshift.cluster, null) == null ? {} : { (var.redshift.cluster) = { database = var.redshift.database, user = var.redshift.db_user } }
  lake_admins             = var.lake_admins
  lake_viewers            = var.lake_viewers
  lake_removed            = var.lake_removed
  writers = merge(
    { ecs = module.compute_ecs.role_arns["task"] },
    local.emr ? { emr = module.compute_emr_serverless[0].execution_role_arn } : {}
  )
  readers = var.readers
}

module "compute_emr_serverless" {
  source = "../modules/compute_emr_serverless"
  count  = local.emr ? 1 : 0

  name               = local.name
  account_id         = var.account_id
  region             = var.region
  image              = local.images["tidemark-emr"]
  limits             = var.emr_limits
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [module.network.task_security_group_id]
  run_policy_arn     = module.governance.run_policy_arn
  secret_arns        = compact([local.login_arn])
  kms_key_arn        = module.storage.kms_key_arn
  logs_bucket        = module.storage.bucket_names["runs"]
}

module "compute_ecs" {
  source = "../modules/compute_ecs"

  name               = local.name
  account_id         = var.account_id
  region             = var.region
  environment        = var.environment
  image              = local.images["tidemark"]
  repository_arn     = module.registry.repository_arns["tidemark"]
  work_pool          = var.work_pool
  light_pool         = local.emr ? local.light_pool : ""
  prefect_api_url    = var.prefect.api_url
  prefect_login      = local.login == null ? null : { variable = local.login.variable, secret_arn = local.login_arn }
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.private_subnet_ids
  security_group_ids = [module.network.task_security_group_id]
  kms_key_arn        = module.storage.kms_key_arn
  run_policy_arn     = module.governance.run_policy_arn
  workers            = var.workers
  emr = local.emr ? {
    application_arn    = module.compute_emr_serverless[0].application_arn
    execution_role_arn = module.compute_emr_serverless[0].execution_role_arn
    logs_bucket_arn    = module.storage.bucket_arns["runs"]
  } : null
}

module "observability" {
  source = "../modules/observability"

  name               = local.name
  account_id         = var.account_id
  region             = var.region
  environment        = var.environment
  kms_key_arn        = module.storage.kms_key_arn
  emails             = var.emails
  slo                = local.slo
  cluster_name       = local.name
  monthly_budget_usd = var.monthly_budget_usd
}

module "disaster_recovery" {
  source = "../modules/disaster_recovery"
  count  = var.recovery_region == "" ? 0 : 1

  providers = {
    aws           = aws
    aws.elsewhere = aws.elsewhere
  }

  name          = local.name
  account_id    = var.account_id
  kms_key_arn   = module.storage.kms_key_arn
  regions       = { here = var.region, elsewhere = var.recovery_region }
  force_destroy = var.disposable
  sources       = { for key in ["lake", "errors", "snapshots"] : key => module.storage.versioned[key] }
  restoring_roles = merge(
    { ecs = module.compute_ecs.task_role_name },
    local.emr ? { emr = module.compute_emr_serverless[0].execution_role_name } : {}
  )
}

module "ci" {
  source = "../modules/ci"
  count  = var.github == null ? 0 : 1

  name               = local.name
  account_id         = var.account_id
  region             = var.region
  repository         = var.github.repository
  github_environment = var.github.environment
  create_provider    = var.github.create_provider
  repository_arns    = values(module.registry.repository_arns)
  prefect_secret_arn = local.login_arn
  kms_key_arn        = module.storage.kms_key_arn
}
