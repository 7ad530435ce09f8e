-- All versions: the engine keeps the one of each event that was loaded last.
SELECT
  event_id,
  customer_id,
  session_id,
  event_type,
  page_url,
  campaign,
  duration_seconds,
  event_at,
  CAST(event_at AS DATE) AS event_date,
  loaded_at,
  _source_order
FROM bronze.redshift_behavior
