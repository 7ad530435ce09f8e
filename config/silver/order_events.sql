-- All deliveries: the same event can come again at a later offset, and the engine keeps the last one (order_by).
SELECT
  event_id,
  order_id,
  event_type,
  event_at,
  CAST(event_at AS DATE) AS event_date,
  `partition`,
  `offset`,
  payload,
  _source_order
FROM bronze.kafka_events
