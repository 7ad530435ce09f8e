"""What is in the sandbox's services: what every one of them starts with, and what the shop adds day by day.

Each module serves one stand-in through its real client, with `prepare(endpoints)` (once, on an empty service) and
`load(endpoints, days)` (days in order, each exactly once; a repeated load after a failure leaves nothing twice).
"""
