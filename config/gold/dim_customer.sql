-- All versions: the engine makes history of them (valid_from, valid_to, is_current, customer_sk) and masks the result.
SELECT
  customer_id,
  first_name,
  last_name,
  email,
  phone,
  city,
  country,
  segment,
  updated_at,
  is_deleted
FROM silver.customer_versions
