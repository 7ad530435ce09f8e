SELECT
  substring(sha2(product_id, 256), 1, 32) AS product_sk,
  product_id,
  product_name,
  category,
  list_price,
  currency,
  is_active,
  is_discontinued
FROM silver.products

UNION ALL

-- The member that facts point at when their product has not arrived.
SELECT
  repeat('0', 32) AS product_sk,
  'unknown' AS product_id,
  'unknown' AS product_name,
  'unknown' AS category,
  CAST(NULL AS DECIMAL(18, 2)) AS list_price,
  CAST(NULL AS STRING) AS currency,
  CAST(NULL AS BOOLEAN) AS is_active,
  CAST(NULL AS BOOLEAN) AS is_discontinued
