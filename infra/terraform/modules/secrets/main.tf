# Places for secrets. People, or a function that rotates them, put the values in.

resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.path}/${each.key}"
  description             = each.value.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
  tags                    = { Name = "${var.name}-${each.key}" }
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = { for name, secret in var.secrets : name => secret if secret.rotation_lambda_arn != null }

  secret_id           = aws_secretsmanager_secret.this[each.key].id
  rotation_lambda_arn = each.value.rotation_lambda_arn
  rotation_rules {
    automatically_after_days = each.value.rotation_days
  }
}
