"""Other people's simulators behind Garrison's protocols, and Garrison's worlds behind theirs."""
