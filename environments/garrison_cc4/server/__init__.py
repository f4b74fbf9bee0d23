"""The server as OpenEnv expects it."""
