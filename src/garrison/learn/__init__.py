"""What every learning algorithm is made of. Each piece exists once; none knows a world."""
