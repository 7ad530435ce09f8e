-- The newest version received of each product; a product that vanished from the source stays, as discontinued.
-- Bronze has no change time of the source, so what counts is where a version stood there (a tombstone: with the last
-- version), and then when it was received.
WITH ranked AS (
  SELECT
    product_id,
    product_name,
    category,
    list_price,
    currency,
    is_active,
    is_deleted,
    _ingest_ts AS received_at,
    row_number() OVER (
      PARTITION BY product_id ORDER BY _source_order DESC NULLS LAST, _ingest_ts DESC, _row_hash DESC
    ) AS recency
  FROM bronze.snowflake_products
)

SELECT
  product_id,
  trim(product_name) AS product_name,
  category,
  list_price,
  currency,
  is_active,
  coalesce(is_deleted, FALSE) AS is_discontinued,
  received_at
FROM ranked
WHERE recency = 1
