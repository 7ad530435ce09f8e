-- All versions, deleted ones too: the engine keeps the newest of each deal and drops it when that one is a delete.
WITH versions AS (
  SELECT
    opportunity_id,
    account_id,
    opportunity_name,
    stage,
    amount,
    currency,
    probability,
    close_date,
    system_modstamp AS updated_at,
    CAST(system_modstamp AS DATE) AS valued_on,
    is_deleted,
    _source_order
  FROM bronze.crm_opportunities
),

in_use AS (
  SELECT DISTINCT currency, valued_on FROM versions
),

-- The rate of a day is the latest one published for that day or before: weekends take Friday's.
rates AS (
  SELECT in_use.currency, in_use.valued_on, max_by(fx.usd_rate, fx.rate_date) AS fx_rate
  FROM in_use
  INNER JOIN silver.fx_rates AS fx ON fx.currency = in_use.currency AND fx.rate_date <= in_use.valued_on
  GROUP BY in_use.currency, in_use.valued_on
)

SELECT
  v.opportunity_id,
  v.account_id,
  v.opportunity_name,
  v.stage,
  v.amount,
  v.currency,
  r.fx_rate,
  -- decimal(18,2) × decimal(18,8) is decimal(37,10): exact, and rounded once, half up.
  CAST(round(v.amount * r.fx_rate, 2) AS DECIMAL(18, 2)) AS amount_usd,
  v.probability,
  v.close_date,
  v.updated_at,
  v.is_deleted,
  v._source_order
FROM versions AS v
LEFT JOIN rates AS r ON r.currency = v.currency AND r.valued_on = v.valued_on
