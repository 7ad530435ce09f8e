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
LEFT JOIN gold.dim_customer AS c
  ON c.customer_id = o.customer_id
  AND c.valid_from <= o.ordered_at
  AND (c.valid_to IS NULL OR o.ordered_at < c.valid_to)
LEFT JOIN gold.dim_product AS p ON p.product_id = o.product_id
