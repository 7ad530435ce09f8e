# What alarms hold runs to is what contracts and the environment's file promise; nothing of it is typed twice.

locals {
  spans = { s = 1, m = 60, h = 3600, d = 86400 }
  units = merge(
    { for unit in ["h", "hr", "hour", "hours"] : unit => 3600 },
    { for unit in ["d", "day", "days"] : unit => 86400 },
    { for unit in ["min", "minute", "minutes"] : unit => 60 }
  )

  paths     = var.config_dir == "" ? toset([]) : fileset(var.config_dir, "{bronze,silver,gold}/*.contract.yaml")
  contracts = [for path in local.paths : yamldecode(file("${var.config_dir}/${path}"))]
  says      = merge([for path in var.config_dir == "" ? [] : ["${var.config_dir}/env/${var.environment}.yaml"] : try(yamldecode(file(path)), {})]...)
  promised  = { for of in ["jobs", "tables"] : of => try(local.says.sla[of], {}) }

  # Mails leave the network only where somebody is told by mail.
  mail_port = anytrue([for alert in try(local.says.alerts, []) : try(alert.channel == "email", false)]) ? try(local.says.smtp.port, 587) : null

  by_contract = merge([for contract in local.contracts : {
    for promise in try(contract.slaProperties, []) : contract.id => tonumber(promise.value) * local.units[lower(try(promise.unit, "h"))] if promise.property == "freshness"
  }]...)
  by_file = { for table, level in local.promised.tables : table => tonumber(regex("^[0-9]+", level.freshness)) * local.spans[regex("[smhd]$", level.freshness)] if can(level.freshness) }
  runtimes = {
    for job, level in local.promised.jobs : job => tonumber(regex("^[0-9]+", level.runtime)) * local.spans[regex("[smhd]$", level.runtime)] if can(level.runtime)
  }

  # How long raw data rests: the buckets' rules hold where nobody runs `maintain`. They count whole days, and leave for
  # seven what a begun commit needs, of which they know nothing.
  rests = {
    for of, span in try({ for of, span in local.says.retention : of => span if span != null }, {}) : of => max(of == "staging" ? 7 : 1, ceil(tonumber(regex("[0-9]+", span)) * local.spans[regex("[smhd]", span)] / 86400))
    if contains(["staging", "exchange", "errors"], of)
  }
  lifecycle_days = merge(local.rests, { for of, days in var.lifecycle_days : of => days if days != null })

  slo = {
    rejected_rows     = var.rejected_rows
    latency_seconds   = local.runtimes
    freshness_seconds = merge(local.by_contract, local.by_file)
  }
}
