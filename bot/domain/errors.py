"""The exceptions of the product.

JourneymanError
├── ConfigError          the settings cannot work; says which variable to change
├── LedgerError
│   ├── Conflict         somebody else appended first: fold again and run again
│   └── Tampered         the chain, a signature or a zone's right does not verify
├── ForgeError           the forge refused or failed
│   ├── NotFound         404 (also what a forge answers when the token may not see it)
│   ├── Denied           403: the credential is too weak for this
│   ├── Stale            409 or 405: the head moved, or the change cannot be merged now
│   ├── Invalid          422: the forge refuses these arguments
│   └── Unavailable      401, 5xx, time-out or rate limit; `retry_after` seconds when known
├── BadSignature         a delivery that none of our secrets signed: 401, nothing is stored
├── BadBody              a signed delivery that is no JSON object: 400
├── LeaseLost            another worker holds this job now: stop at once, write nothing
├── PatchRefused         what came out of the sandbox may not become a change
├── PolicyError          the policy file cannot be read: the gate stays closed
├── SandboxUnavailable   no sandbox, so no job; says how to get one
└── ModelError           the model gave no usable answer
"""


class JourneymanError(Exception):
    """The root of all errors that the product raises on purpose."""


class ConfigError(JourneymanError):
    """The settings cannot work. The message names the variable and what to do."""


class LedgerError(JourneymanError):
    """The ledger could not do what was asked."""


class Conflict(LedgerError):
    """Another writer appended first; read the stream again and decide again."""


class Tampered(LedgerError):
    """A stored envelope does not verify."""


class ForgeError(JourneymanError):
    """The forge refused or failed."""


class NotFound(ForgeError):
    """The forge has no such thing, or the credential may not see it."""


class Denied(ForgeError):
    """The credential lacks a permission. One that is not accepted at all is Unavailable: a new one mends it."""


class Stale(ForgeError):
    """The head moved, or the change cannot be merged in its present state."""


class Invalid(ForgeError):
    """The forge refuses these arguments."""


class Unavailable(ForgeError):
    """The forge cannot answer now; `retry_after` is in seconds, None when it did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadSignature(JourneymanError):
    """A delivery is not signed with any of our secrets: answer 401 and store nothing."""


class BadBody(JourneymanError):
    """A delivery is signed but is not a JSON object: answer 400."""


class LeaseLost(JourneymanError):
    """Another worker holds this job now."""


class PatchRefused(JourneymanError):
    """A proposed patch breaks a rule; the message names the rule and the path."""


class PolicyError(JourneymanError):
    """A policy file cannot be used; the message has the file, the line and the column where known."""


class SandboxUnavailable(JourneymanError):
    """The sandbox cannot be had; the message says how to get it."""


class ModelError(JourneymanError):
    """The model gave no usable answer."""
