-- A customer can be several contacts in the CRM; the one with the smallest id stands for them.
WITH first_contacts AS (
  SELECT
    customer_id,
    min(contact_id) AS contact_id,
    min_by(account_id, contact_id) AS account_id,
    min_by(opted_out, contact_id) AS opted_out
  FROM silver.contacts
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id
),

-- Before the first version of a customer or an account was known, that one holds.
members AS (
  SELECT
    customer_id,
    customer_sk,
    valid_from,
    valid_to,
    lag(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) IS NULL AS is_first
  FROM gold.dim_customer
),

accounts AS (
  SELECT
    account_id,
    account_sk,
    valid_from,
    valid_to,
    lag(valid_from) OVER (PARTITION BY account_id ORDER BY valid_from) IS NULL AS is_first
  FROM gold.dim_account
)

SELECT
  b.event_id,
  coalesce(c.customer_sk, repeat('0', 32)) AS customer_sk,
  b.customer_id,
  f.contact_id,
  coalesce(a.account_sk, repeat('0', 32)) AS account_sk,
  f.account_id,
  f.opted_out,
  b.campaign,
  b.event_type,
  b.event_at,
  year(b.event_date) * 10000 + month(b.event_date) * 100 + day(b.event_date) AS date_sk
FROM silver.behavior AS b
LEFT JOIN members AS c
  ON c.customer_id = b.customer_id
  AND (c.is_first OR c.valid_from <= b.event_at) AND (c.valid_to IS NULL OR b.event_at < c.valid_to)
LEFT JOIN first_contacts AS f ON f.customer_id = b.customer_id
LEFT JOIN accounts AS a
  ON a.account_id = f.account_id
  AND (a.is_first OR a.valid_from <= b.event_at) AND (a.valid_to IS NULL OR b.event_at < a.valid_to)
WHERE b.event_type IN ('email_open', 'email_click', 'ad_click')
