WITH days AS (
  SELECT explode(sequence(DATE '2015-01-01', DATE '2034-12-31')) AS `date`
)

SELECT
  year(`date`) * 10000 + month(`date`) * 100 + day(`date`) AS date_sk,
  `date`,
  year(`date`) AS year,
  quarter(`date`) AS quarter,
  month(`date`) AS month,
  day(`date`) AS day,
  weekday(`date`) + 1 AS day_of_week,
  weekofyear(`date`) AS week_of_year,
  date_format(`date`, 'MMMM') AS month_name,
  weekday(`date`) >= 5 AS is_weekend
FROM days
