"""Mutation tests: small faults are put into the code one by one, and the tests that reach them have to notice.

`make mutate` runs them. Faults that no test notices are survivors: tests are missing, or the fault changes nothing.
"""
