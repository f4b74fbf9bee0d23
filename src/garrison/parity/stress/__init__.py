"""Play that fills the engine's bounded lists, and checksums of trajectories."""
