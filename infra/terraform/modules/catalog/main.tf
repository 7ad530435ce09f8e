# What readers of the lake see: a Glue database a layer, and a workgroup of Athena whose queries have a limit.

resource "aws_glue_catalog_database" "layer" {
  for_each = var.layers

  name         = "${replace(var.name, "-", "_")}_${each.key}"
  description  = "Released tables of ${each.key}; registered by Tidemark, read as Delta."
  location_uri = "${var.lake_root}/${each.key}"

  # Made before, they would be open to whoever IAM lets: a database keeps the defaults that hold when it is made.
  depends_on = [var.lake_settings]
}

resource "aws_athena_workgroup" "readers" {
  name          = "${var.name}-readers"
  description   = "Queries on released tables; each may read ${var.scan_limit_gb} GB."
  force_destroy = var.force_destroy

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_limit_gb * 1024 * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${var.results_bucket}/athena/"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}
