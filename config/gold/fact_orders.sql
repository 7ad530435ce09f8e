-- What an order has once is taken from its lowest line; lines have states of their own.
SELECT
  order_id,
  min_by(customer_sk, line_number) AS customer_sk,
  min_by(customer_id, line_number) AS customer_id,
  min_by(date_sk, line_number) AS date_sk,
  min_by(order_date, line_number) AS order_date,
  min_by(ordered_at, line_number) AS ordered_at,
  min_by(currency, line_number) AS currency,
  CASE WHEN count(DISTINCT status) = 1 THEN min(status) ELSE 'mixed' END AS status,
  count(*) AS line_count,
  sum(quantity) AS quantity,
  sum(net_usd) AS net_usd,
  CAST(coalesce(sum(CASE WHEN status NOT IN ('cancelled', 'returned') THEN net_usd END), 0) AS DECIMAL(28, 2)) AS revenue_usd
FROM gold.fact_sales
GROUP BY order_id
