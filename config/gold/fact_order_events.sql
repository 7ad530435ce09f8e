SELECT
  e.event_id,
  e.order_id,
  o.customer_id,
  e.event_type,
  e.event_at,
  year(e.event_date) * 10000 + month(e.event_date) * 100 + day(e.event_date) AS date_sk,
  unix_seconds(e.event_at) - unix_seconds(o.ordered_at) AS seconds_since_order
FROM silver.order_events AS e
LEFT JOIN gold.fact_orders AS o ON o.order_id = e.order_id
