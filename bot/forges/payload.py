"""What the webhook readers share: the record of a delivery, a guarded look into its body, its fields. Pure."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Annotated, Literal, NoReturn, TypeVar

import msgspec
from msgspec import Meta, Struct

from bot.domain.errors import BadBody
from bot.domain.events import Delivery, ForgeEvent, Ignored

# `\Z` because `$` lets a newline through
Login = Annotated[str, Meta(pattern=r"\A[^\s\x00-\x1f\x7f]{1,255}\Z")]
Sha = Annotated[str, Meta(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
GitRef = Annotated[str, Meta(pattern=r"\Arefs/[^\s\x00-\x1f\x7f]{1,1000}\Z")]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
DELIVERY_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

_NAME = re.compile(r"[a-z0-9_]{1,64}")
_Shape = TypeVar("_Shape", bound=Struct)


def delivery_of(forge: Literal["github", "gitlab"], claimed: str, name: str, body: bytes) -> Delivery:
    """Return the record of an authentic request.

    The id is the one that the sender claims, or the body's digest where that is no plain token.
    """
    digest = hashlib.sha256(body).hexdigest()
    return Delivery(
        id=claimed if DELIVERY_ID.fullmatch(claimed) else digest,
        forge=forge,
        name=name if _NAME.fullmatch(name) else "unknown",
        digest=digest,
        body=body,
    )


def shaped(shape: type[_Shape], payload: bytes) -> _Shape:
    """Return a payload as a shape; raises msgspec.ValidationError where it has another one."""
    return msgspec.json.decode(payload, type=shape)


def guarded(name: str, payload: bytes, reader: Callable[[bytes], ForgeEvent] | None) -> ForgeEvent:
    """Read a payload as what `name` promises; no reader means that nobody acts on it.

    Raises BadBody for what is not a JSON object; any other body that the reader cannot take is `Ignored`.
    """
    try:
        _require_object(payload)
        return reader(payload) if reader is not None else Ignored(f"{name} events are not acted on")
    except msgspec.ValidationError as error:
        return Ignored(f"malformed {name}: {error}")
    except UnicodeError:
        return Ignored(f"malformed {name}: text that is no Unicode")
    except RecursionError:
        return Ignored(f"malformed {name}: nested too deeply")


def _require_object(payload: bytes) -> None:
    """Raise BadBody for what is not a JSON object, and UnicodeError for one that holds half a surrogate pair."""
    try:
        text = payload.decode()
        msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    except UnicodeDecodeError as error:
        raise BadBody("the body is not UTF-8") from error
    except msgspec.ValidationError as error:
        raise BadBody("the body is not a JSON object") from error
    except msgspec.DecodeError as error:
        # Half a surrogate pair ("\\ud800") is legal JSON that msgspec refuses; only the standard parser tells it apart.
        if not _is_object(text):
            raise BadBody("the body is not a JSON object") from error
        raise UnicodeError from error


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse), dict)
    except ValueError:
        return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
