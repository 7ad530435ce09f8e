-- All versions, deleted ones too: the engine keeps the newest of each customer (order_by) and drops the customer when
-- that one is a delete (deletes.flag). A filter on is_deleted here would bring the version before the delete back.
SELECT
  customer_id,
  first_name,
  last_name,
  email,
  phone,
  street,
  city,
  postal_code,
  country,
  segment,
  date_of_birth,
  marketing_opt_in,
  created_at,
  updated_at,
  is_deleted
FROM silver.customer_versions
