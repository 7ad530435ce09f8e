-- A customer can be several contacts in the CRM; the one with the smallest id stands for them.
WITH first_contacts AS (
  SELECT customer_id, min(contact_id) AS contact_id, min_by(account_id, contact_id) AS account_id
  FROM silver.contacts
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id
),

pipelines AS (
  SELECT account_id, count(*) AS open_opportunity_count, sum(amount_usd) AS open_pipeline_usd
  FROM silver.opportunities
  WHERE stage NOT IN ('won', 'lost')
  GROUP BY account_id
)

SELECT
  customer.customer_id,
  customer.first_name,
  customer.last_name,
  customer.email,
  customer.phone,
  customer.segment,
  customer.country,
  customer.city,
  customer.marketing_opt_in,
  first_contacts.contact_id,
  account.account_id,
  account.account_name,
  account.tier AS account_tier,
  activity.order_count,
  activity.revenue_usd,
  activity.first_order_at,
  activity.last_order_at,
  activity.session_count,
  activity.page_view_count,
  activity.last_event_at,
  coalesce(pipelines.open_opportunity_count, 0) AS open_opportunity_count,
  CAST(coalesce(pipelines.open_pipeline_usd, 0) AS DECIMAL(28, 2)) AS open_pipeline_usd
FROM silver.customers AS customer
LEFT JOIN silver.customer_activity AS activity ON activity.customer_id = customer.customer_id
LEFT JOIN first_contacts ON first_contacts.customer_id = customer.customer_id
LEFT JOIN silver.accounts AS account ON account.account_id = first_contacts.account_id
LEFT JOIN pipelines ON pipelines.account_id = account.account_id
