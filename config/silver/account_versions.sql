-- Every version of every account that was seen, deleted ones too. The CRM serves the current state only, so changes
-- between two runs are seen as one.
SELECT
  account_id,
  trim(account_name) AS account_name,
  industry,
  tier,
  lower(owner_email) AS owner_email,
  annual_revenue,
  country,
  created_at,
  system_modstamp AS updated_at,
  is_deleted,
  _source_order
FROM bronze.crm_accounts
