"""Addresses and names that a forge hands out."""

from urllib.parse import urlsplit, urlunsplit

from bot.domain.errors import Invalid


def clone_url(found: str, api: str) -> str:
    """Return the address to clone from, without credentials, checked to be no less protected than the API itself."""
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid("the forge gave a clone address that is neither http nor https")
    if parts.scheme == "http" and urlsplit(api).scheme == "https":
        raise Invalid("the forge gave a plain http clone address; the token would travel in clear")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def same_login(one: str, other: str) -> bool:
    """Tell whether two logins are one account: forges do not tell their cases apart."""
    return one.lower() == other.lower()
