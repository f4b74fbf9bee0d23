"""Other simulators under Garrison's protocols, and Garrison's worlds under other protocols."""
