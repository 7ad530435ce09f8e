SELECT orders.order_id, orders.customer_id, orders.ordered_on, orders.amount, accounts.country, orders.updated_at
FROM bronze.orders AS orders
LEFT JOIN bronze.accounts AS accounts ON accounts.account_id = CAST(substring(orders.customer_id, 2) AS BIGINT)
