"""``garrison parity``: commands that compare Garrison with CybORG."""

__all__: list[str] = []
