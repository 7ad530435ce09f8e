SELECT account_id, name, email, country, status, city, balance, score, opened_on, note, updated_at FROM bronze.customer_versions
