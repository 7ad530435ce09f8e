-- All versions, deleted ones too: the engine keeps the newest of each account and drops it when that one is a delete.
SELECT
  account_id,
  account_name,
  industry,
  tier,
  owner_email,
  annual_revenue,
  country,
  created_at,
  updated_at,
  is_deleted
FROM silver.account_versions
