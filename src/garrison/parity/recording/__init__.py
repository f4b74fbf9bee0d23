"""CybORG episodes: how they are recorded and read."""
