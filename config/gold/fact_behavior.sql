-- Before the first version of a customer was known, that one holds: who orders is often registered minutes later.
WITH members AS (
  SELECT
    customer_id,
    customer_sk,
    valid_from,
    valid_to,
    lag(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) IS NULL AS is_first
  FROM gold.dim_customer
)

SELECT
  b.event_id,
  coalesce(c.customer_sk, repeat('0', 32)) AS customer_sk,
  b.customer_id,
  b.session_id,
  b.event_type,
  b.page_url,
  b.campaign,
  b.duration_seconds,
  b.event_at,
  year(b.event_date) * 10000 + month(b.event_date) * 100 + day(b.event_date) AS date_sk
FROM silver.behavior AS b
-- The version of the customer that was valid at the event; nobody's when the visitor is anonymous.
LEFT JOIN members AS c
  ON c.customer_id = b.customer_id
  AND (c.is_first OR c.valid_from <= b.event_at) AND (c.valid_to IS NULL OR b.event_at < c.valid_to)
