"""The judge of an episode: a success counts where its nonce proves it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from garrison.range.nonces import Ledger, NonceError
from garrison.range.protocol import Evidence, InfrastructureError, Node, Outcome

MOST_VOID = 0.05  #: share of void episodes that voids an evaluation
MOST_UNMAPPED = 0.01  #: share of log lines without a rule that fails a run


class Judge:
    """Checks evidence against the ledger of one episode, and counts outcomes by technique."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def check(self, technique: str, target: Node, claims: str, evidence: Evidence) -> Evidence:
        """The evidence, proved.

        Args:
            claims: privilege that the technique is meant to gain; empty for one that proves nothing.

        Raises:
            NonceError: for a success without the right nonce, and for a nonce without success.
            InfrastructureError: where the range failed, or a technique did not end in time.
        """
        self.outcomes[technique, evidence.outcome.value] += 1
        if evidence.outcome in (Outcome.INFRASTRUCTURE, Outcome.TIMEOUT):
            raise InfrastructureError(f"{technique} on host {target}: {evidence.outcome}")
        if evidence.outcome is not Outcome.SUCCESS:
            if evidence.nonce:
                raise NonceError(f"{technique} on host {target} is {evidence.outcome} and has a nonce")
            return evidence
        if not claims:
            return evidence
        if evidence.privilege != claims:
            raise NonceError(f"{technique} proves {evidence.privilege!r}, and {claims!r} is claimed")
        self.ledger.prove(target, claims, evidence.nonce, evidence.ended)
        return replace(evidence, nonce="")  # nobody needs it any more

    def counts(self) -> dict[str, dict[str, int]]:
        """Outcomes by technique."""
        found: dict[str, dict[str, int]] = {}
        for (technique, outcome), number in sorted(self.outcomes.items()):
            found.setdefault(technique, {})[outcome] = number
        return found
