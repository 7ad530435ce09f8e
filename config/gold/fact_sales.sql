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
  coalesce(c.customer_sk, repeat('0', 32)) AS customer_sk,
  coalesce(p.product_sk, repeat('0', 32)) AS product_sk,
  year(o.order_date) * 10000 + month(o.order_date) * 100 + day(o.order_date) AS date_sk,
  o.order_id,
  o.line_number,
  o.customer_id,
  o.product_id,
  o.status,
  o.quantity,
  o.unit_price,
  o.discount,
  o.currency,
  o.net_amount,
  o.amount_usd AS net_usd,
  o.ordered_at,
  o.order_date
FROM silver.orders AS o
-- The version of the customer that was valid when the order was placed.
LEFT JOIN members AS c
  ON c.customer_id = o.customer_id
  AND (c.is_first OR c.valid_from <= o.ordered_at) AND (c.valid_to IS NULL OR o.ordered_at < c.valid_to)
LEFT JOIN gold.dim_product AS p ON p.product_id = o.product_id
