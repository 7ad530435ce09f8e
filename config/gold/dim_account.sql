-- All versions: the engine makes history of them (valid_from, valid_to, is_current, account_sk) and masks the result.
SELECT
  account_id,
  account_name,
  industry,
  tier,
  owner_email,
  annual_revenue,
  country,
  updated_at,
  is_deleted
FROM silver.account_versions
