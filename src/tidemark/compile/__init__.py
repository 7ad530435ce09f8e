"""What a contract is compiled into: Spark schemas, row rules, table definitions, Soda checks, masks."""
