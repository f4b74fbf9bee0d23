"""CybORG behind Garrison's protocols: to evaluate, train and compare there (``docs/cyborg.md``)."""
