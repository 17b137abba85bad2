"""The protocol that a transport retry policy fulfils, as the orchestrators see it.

It is declared where provider calls are made (:mod:`personalab_core.generation.transport`),
since anchors and content plans need it as well.
"""

from personalab_core.generation.transport import OnRetry, RetryNotice, ShouldStop, TransportResult, TransportRetry

__all__ = ["OnRetry", "RetryNotice", "ShouldStop", "TransportResult", "TransportRetry"]
