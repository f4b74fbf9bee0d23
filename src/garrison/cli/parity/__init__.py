"""``garrison parity``: commands that compare Garrison with CybORG."""
