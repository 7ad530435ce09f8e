-- Every version of every customer, tidied but not reduced: deleted versions stay, history is built from them.
SELECT
  customer_id,
  trim(first_name) AS first_name,
  trim(last_name) AS last_name,
  lower(trim(email)) AS email,
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
  is_deleted,
  _source_order
FROM bronze.snowflake_customers
