WITH sales AS (
  SELECT
    product_id,
    count(DISTINCT order_id) AS order_count,
    sum(CASE WHEN status <> 'cancelled' THEN quantity END) AS units_sold,
    sum(CASE WHEN status = 'returned' THEN quantity END) AS units_returned,
    sum(CASE WHEN status NOT IN ('cancelled', 'returned') THEN net_usd END) AS revenue_usd,
    max(ordered_at) AS last_ordered_at
  FROM gold.fact_sales
  GROUP BY product_id
),

products AS (
  SELECT
    p.product_sk,
    p.product_id,
    p.product_name,
    p.category,
    coalesce(s.order_count, 0) AS order_count,
    coalesce(s.units_sold, 0) AS units_sold,
    coalesce(s.units_returned, 0) AS units_returned,
    CAST(coalesce(s.revenue_usd, 0) AS DECIMAL(28, 2)) AS revenue_usd,
    s.last_ordered_at
  FROM gold.dim_product AS p
  LEFT JOIN sales AS s ON s.product_id = p.product_id
  WHERE p.product_id <> 'unknown'
)

SELECT
  product_sk,
  product_id,
  product_name,
  category,
  order_count,
  units_sold,
  units_returned,
  revenue_usd,
  -- Of decimals: the quotient of two integers would be a double.
  CAST(
    round(CAST(units_returned AS DECIMAL(19, 0)) / nullif(CAST(units_sold AS DECIMAL(19, 0)), 0), 4) AS DECIMAL(9, 4)
  ) AS return_rate,
  last_ordered_at
FROM products
