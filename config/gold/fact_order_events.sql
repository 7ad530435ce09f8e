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
  e.event_id,
  e.order_id,
  coalesce(c.customer_sk, repeat('0', 32)) AS customer_sk,
  o.customer_id,
  e.event_type,
  e.event_at,
  year(e.event_date) * 10000 + month(e.event_date) * 100 + day(e.event_date) AS date_sk,
  unix_seconds(e.event_at) - unix_seconds(o.ordered_at) AS seconds_since_order
FROM silver.order_events AS e
LEFT JOIN gold.fact_orders AS o ON o.order_id = e.order_id
-- The version of the customer that was valid at the event.
LEFT JOIN members AS c
  ON c.customer_id = o.customer_id
  AND (c.is_first OR c.valid_from <= e.event_at) AND (c.valid_to IS NULL OR e.event_at < c.valid_to)
