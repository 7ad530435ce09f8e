-- The newest publication of each rate, turned from "units per euro" into "dollars per unit" by that day's dollar rate.
-- Reduced here and not by the engine, because the dollar's newest rate decides the value of every other row. On a day
-- without one no rate has a value in dollars: all of them are rejected, and the gate says which day it is.
WITH ranked AS (
  SELECT
    rate_date,
    currency,
    rate,
    published_at,
    row_number() OVER (
      PARTITION BY rate_date, currency ORDER BY published_at DESC, _source_order DESC NULLS LAST, rate DESC
    ) AS recency
  FROM bronze.fx_rates
  WHERE currency <> 'EUR'
),

newest AS (
  SELECT rate_date, currency, rate, published_at FROM ranked WHERE recency = 1
),

dollar AS (
  SELECT rate_date, rate, published_at FROM newest WHERE currency = 'USD'
)

SELECT
  n.rate_date,
  n.currency,
  n.rate AS eur_rate,
  -- The quotient is decimal(38,20) before it is rounded, half up, to 8 digits. What does not fit is rejected.
  TRY_CAST(d.rate / n.rate AS DECIMAL(18, 8)) AS usd_rate,
  n.published_at
FROM newest AS n
LEFT JOIN dollar AS d ON d.rate_date = n.rate_date

UNION ALL

-- The euro is the base and in no file.
SELECT
  rate_date,
  'EUR' AS currency,
  CAST(1 AS DECIMAL(18, 8)) AS eur_rate,
  rate AS usd_rate,
  published_at
FROM dollar
