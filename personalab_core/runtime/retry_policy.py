"""The transport retry policy, under the name and place of the specification.

It lives where provider calls are made, because anchors and content plans need it, too.
"""

from personalab_core.generation import RetryPolicy

__all__ = ["RetryPolicy"]
