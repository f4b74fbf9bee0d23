"""The numbers of ``soc-rules.md`` as data: NumPy constants, integers and enumerations, nothing traced.

One module per subject: :mod:`hosts` (§3.1, §3.2, §3.4), :mod:`routes` (§3.3), :mod:`actions` (what the rows
of §4.2 and §4.3 have in common), :mod:`blue` and :mod:`red` (the rows), :mod:`tokens` (§5.1, §5.3),
:mod:`noise` (§5.2), :mod:`laws` (§2, §3.5) and :mod:`scenarios` (§3.6, §7). Changing a number changes the
world's version, never its code. Where the specification leaves a number open, the docstring of the module
says what was chosen.
"""

__all__ = ["actions", "blue", "hosts", "laws", "noise", "red", "routes", "scenarios", "tokens"]
