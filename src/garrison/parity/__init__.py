"""CybORG beside Garrison: recorded episodes replayed through our engine, and compared after every step."""
