mock_provider "aws" {}

variables {
  name           = "acme-tidemark-dev"
  lake_root      = "s3://acme-tidemark-dev-lake/lake"
  results_bucket = "acme-tidemark-dev-runs"
  kms_key_arn    = "arn:aws:kms:eu-central-1:111122223333:key/1"
}

run "readers_find_layers_and_have_a_limit" {
  assert {
    condition     = output.databases == { silver = "acme_tidemark_dev_silver", gold = "acme_tidemark_dev_gold" }
    error_message = "Glue takes no dashes in names that Athena shall read without quotes"
  }
  assert {
    condition     = aws_glue_catalog_database.layer["gold"].location_uri == "s3://acme-tidemark-dev-lake/lake/gold"
    error_message = "a database lies where its layer does"
  }
  assert {
    condition     = aws_athena_workgroup.readers.configuration[0].enforce_workgroup_configuration && aws_athena_workgroup.readers.configuration[0].bytes_scanned_cutoff_per_query == 107374182400
    error_message = "no query reads more than it may, whatever its client asks for"
  }
  assert {
    condition     = aws_athena_workgroup.readers.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS"
    error_message = "results are encrypted"
  }
}

run "a_limit_is_a_limit" {
  command = plan
  variables {
    scan_limit_gb = 0
  }
  expect_failures = [var.scan_limit_gb]
}

run "layers_are_those_of_the_lake" {
  command = plan
  variables {
    layers = ["platinum"]
  }
  expect_failures = [var.layers]
}
