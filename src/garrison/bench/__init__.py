"""How fast worlds and learners are, how long they compile, what they hold, and what limits them."""
