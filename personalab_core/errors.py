"""Every exception this package raises, split by what the caller can do about it.

::

    PersonalabError
    ├── ConfigError                    fix a setting
    │   └── MissingKeyError            set the environment variable it names
    ├── NotAllowedError                ask an editor; a viewer may look, not change
    ├── InputError                     fix what was passed
    │   ├── UnknownPersonaError
    │   ├── AnchorMissingError         generate and select an anchor first
    │   └── UnreadableImageError       the file is not a picture that can be measured
    ├── MissingDependencyError         install a package (also an ImportError)
    ├── ModelPackError                 a face model pack is absent, partial or damaged
    ├── BudgetReachedError             raise the budget, or wait for the next day; nothing was sent
    ├── WorkspaceError                 free disk space, fix permissions, close the other process
    │   └── RecordError                a record file cannot be trusted or continued
    └── LLMError                       a provider call failed; keeps provider, status, request id
        ├── TransientLLMError          the same call may succeed later
        │   ├── RateLimitError         honours ``retry_after_s``
        │   ├── ProviderServerError
        │   ├── ProviderConnectionError
        │   └── ProviderTimeoutError   the call may have been carried out and paid
        │       ├── OutputLostError    it was carried out, but its result could not be had
        │       └── PossiblyPaidError  an earlier run submitted it and never learned the answer
        ├── RejectedLLMRequest         repeating the same call is pointless
        │   ├── AuthenticationError
        │   ├── QuotaExceededError
        │   ├── InvalidRequestError
        │   └── UnknownOperationError  the provider has no such long operation (any more)
        ├── CapabilityError            this provider does not offer this modality
        └── CallCancelledError

What a measurement or a provider *found out* (no face, a policy block, an empty
answer) is not an error: it is a status with a reason in the result.
Messages never contain secrets, prompts or image bytes.
"""

from __future__ import annotations


class PersonalabError(Exception):
    """Root of the tree; catch it to show one clear sentence instead of a traceback."""


class ConfigError(PersonalabError):
    """A setting is missing, mistyped or contradictory; the message names file and key."""


class MissingKeyError(ConfigError):
    """A provider's API key is not set; the message names the environment variable."""


class NotAllowedError(PersonalabError):
    """A person who may only look asked for a change; nothing was changed."""


class InputError(PersonalabError):
    """An argument or a file handed in cannot be used as it is."""


class UnknownPersonaError(InputError):
    """No persona of that id exists in the workspace."""


class AnchorMissingError(InputError):
    """The persona has no selected anchor yet."""


class UnreadableImageError(InputError):
    """A file is not a picture that can be decoded and measured."""


class MissingDependencyError(PersonalabError, ImportError):
    """An optional package is not installed; the message has the exact install command."""


class ModelPackError(PersonalabError):
    """A face model pack is absent, incomplete or damaged."""


class BudgetReachedError(PersonalabError):
    """The next call could cost more than is left; it was not made. The message names the limit and the sums."""


class WorkspaceError(PersonalabError):
    """The workspace on disk cannot be read or written."""


class RecordError(WorkspaceError):
    """A record file cannot be trusted or continued."""


class LLMError(PersonalabError):
    """A provider call failed.

    Attributes:
        provider: Name of the provider, such as ``gemini``.
        status_code: HTTP status, if the provider answered at all.
        request_id: The provider's own id of the call, to quote to its support.
        retry_after_s: Seconds the provider asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status_code: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.status_code = status_code
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        status = f" (HTTP {self.status_code})" if self.status_code is not None else ""
        return f"{self.provider}{status}: {super().__str__()}"

    def __reduce__(self) -> tuple[object, ...]:
        # The default way calls the class with the message only, so that no error would come home from a worker.
        return _restored_llm_error, (type(self), self.args, vars(self))


def _restored_llm_error(kind: type[LLMError], args: tuple[object, ...], attributes: dict[str, object]) -> LLMError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class TransientLLMError(LLMError):
    """The same call may succeed later."""


class RateLimitError(TransientLLMError):
    """Too many calls; wait ``retry_after_s`` if it is set."""


class ProviderServerError(TransientLLMError):
    """The provider failed on its side (5xx)."""


class ProviderConnectionError(TransientLLMError):
    """The provider could not be reached; the call was not carried out."""


class ProviderTimeoutError(TransientLLMError):
    """No answer in time. The call may have been carried out and may have been paid."""


class OutputLostError(ProviderTimeoutError):
    """The provider worked, and may charge for it, but the result could not be read or fetched.

    ``request_id`` is the long operation's id where there is one: collecting it again costs nothing.
    """


class PossiblyPaidError(ProviderTimeoutError):
    """An earlier run submitted this call and never learned the answer; it is not repeated without leave."""


class RejectedLLMRequest(LLMError):  # noqa: N818 - names the outcome, as httpx and openai do
    """The provider refused the call; repeating it unchanged is pointless."""


class AuthenticationError(RejectedLLMRequest):
    """The key is wrong, expired or lacks a permission."""


class QuotaExceededError(RejectedLLMRequest):
    """The account's quota or budget is used up."""


class InvalidRequestError(RejectedLLMRequest):
    """The provider found the request itself malformed or unsupported."""


class UnknownOperationError(RejectedLLMRequest):
    """The provider does not know the long operation (any more); what it made, and may have charged, is lost."""


class CapabilityError(LLMError):
    """The provider does not offer what was asked of it."""


class CallCancelledError(LLMError):
    """The call was cancelled before it finished."""
