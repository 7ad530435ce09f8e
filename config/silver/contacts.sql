-- All versions, deleted ones too: the engine keeps the newest of each contact and drops it when that one is a delete.
SELECT
  contact_id,
  account_id,
  customer_id,
  first_name,
  last_name,
  lower(email) AS email,
  phone,
  title,
  opted_out,
  system_modstamp AS updated_at,
  is_deleted,
  _source_order
FROM bronze.crm_contacts
