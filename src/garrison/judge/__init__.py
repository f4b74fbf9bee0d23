"""How players are measured: the same episodes for all, with the uncertainty of every figure."""
