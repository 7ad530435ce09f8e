-- One row for every customer there is, also for those who never ordered and never came to the site.
WITH purchases AS (
  SELECT
    customer_id,
    count(DISTINCT order_id) AS order_count,
    count(*) AS line_count,
    sum(CASE WHEN status NOT IN ('cancelled', 'returned') THEN amount_usd END) AS revenue_usd,
    min(ordered_at) AS first_order_at,
    max(ordered_at) AS last_order_at
  FROM silver.orders
  GROUP BY customer_id
),

visits AS (
  SELECT
    customer_id,
    count(DISTINCT session_id) AS session_count,
    count_if(event_type = 'page_view') AS page_view_count,
    -- Summed as decimals: the sum of doubles depends on the order of the rows.
    sum(CAST(duration_seconds AS DECIMAL(18, 3))) AS browse_seconds,
    max(event_at) AS last_event_at
  FROM silver.behavior
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id
)

SELECT
  c.customer_id,
  coalesce(p.order_count, 0) AS order_count,
  coalesce(p.line_count, 0) AS line_count,
  CAST(coalesce(p.revenue_usd, 0) AS DECIMAL(28, 2)) AS revenue_usd,
  p.first_order_at,
  p.last_order_at,
  coalesce(v.session_count, 0) AS session_count,
  coalesce(v.page_view_count, 0) AS page_view_count,
  CAST(coalesce(v.browse_seconds, 0) AS DECIMAL(28, 3)) AS browse_seconds,
  v.last_event_at
FROM silver.customers AS c
LEFT JOIN purchases AS p ON p.customer_id = c.customer_id
LEFT JOIN visits AS v ON v.customer_id = c.customer_id
