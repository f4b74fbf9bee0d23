"""What each action does to the state. All blue agents act at once, and so do all red agents: nothing that
one of them does is seen by another in the same step, except new pids (:mod:`.exploit`)."""
