WITH days AS (
  SELECT
    order_date,
    date_sk,
    count(DISTINCT order_id) AS order_count,
    count(*) AS line_count,
    sum(quantity) AS quantity,
    count(DISTINCT customer_id) AS customer_count,
    sum(net_usd) AS revenue_usd
  FROM gold.fact_sales
  WHERE status NOT IN ('cancelled', 'returned')
  GROUP BY order_date, date_sk
)

SELECT
  order_date,
  date_sk,
  order_count,
  line_count,
  quantity,
  customer_count,
  revenue_usd,
  CAST(round(revenue_usd / order_count, 2) AS DECIMAL(18, 2)) AS average_order_value_usd
FROM days
