-- All versions, deleted ones too: the engine keeps the newest of each line and drops it when that one is a delete.
WITH versions AS (
  SELECT
    order_id,
    line_number,
    customer_id,
    product_id,
    status,
    quantity,
    unit_price,
    discount,
    currency,
    -- decimal(10,0) × decimal(18,2) × decimal(6,4) is decimal(36,6): exact, and rounded once, half up.
    -- A line that comes to more than the type holds has no amount, and is rejected for that.
    TRY_CAST(round(quantity * unit_price * (1 - discount), 2) AS DECIMAL(18, 2)) AS net_amount,
    ordered_at,
    order_date,
    updated_at,
    is_deleted,
    _source_order
  FROM bronze.snowflake_orders
),

in_use AS (
  SELECT DISTINCT currency, order_date FROM versions
),

-- The rate of a day is the latest one published for that day or before: weekends take Friday's.
rates AS (
  SELECT in_use.currency, in_use.order_date, max_by(fx.usd_rate, fx.rate_date) AS fx_rate
  FROM in_use
  INNER JOIN silver.fx_rates AS fx ON fx.currency = in_use.currency AND fx.rate_date <= in_use.order_date
  GROUP BY in_use.currency, in_use.order_date
)

SELECT
  v.order_id,
  v.line_number,
  v.customer_id,
  v.product_id,
  v.status,
  v.quantity,
  v.unit_price,
  v.discount,
  v.currency,
  v.net_amount,
  r.fx_rate,
  -- decimal(18,2) × decimal(18,8) is decimal(37,10): exact, and rounded once, half up.
  TRY_CAST(round(v.net_amount * r.fx_rate, 2) AS DECIMAL(18, 2)) AS amount_usd,
  v.ordered_at,
  v.order_date,
  v.updated_at,
  v.is_deleted,
  v._source_order
FROM versions AS v
LEFT JOIN rates AS r ON r.currency = v.currency AND r.order_date = v.order_date
