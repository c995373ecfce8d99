"""Who is who on one GitLab: accounts by name, by number and by the addresses of their commits."""

import re
from urllib.parse import urlsplit

from bot.domain.errors import Denied, NotFound
from bot.forges.addresses import same_login
from bot.forges.gitlab.errors import translator
from bot.forges.gitlab.shapes import User
from bot.forges.gitlab.webhook import is_bot_name
from bot.forges.gitlab.wire import Wire

_LOGIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_PRIVATE = re.compile(r"(\d{1,18})-[^@\s]+@([^@\s]+)")
_NAMESAKES = 3  # accounts that a search for an address may give; more are no answer


class People:
    """Asks for accounts. Names can be given to others, so what was found is known until `forget` only."""

    def __init__(self, wire: Wire, url: str, login: str | None) -> None:
        self._wire = wire
        self._translated = translator(lambda: wire.headers)
        self._host = f"users.noreply.{urlsplit(url).hostname or ''}"
        self._login = login
        self._mine: frozenset[str] = frozenset()
        self._known: dict[int, User | None] = {}

    def forget(self) -> None:
        """Ask anew from now on."""
        self._known.clear()

    def whoami(self) -> str:
        """Return the bot's own login."""
        if self._login is None:
            try:
                with self._translated():
                    me = self._wire.get("/user", User)
            except Denied as error:
                raise Denied(f"{error}; a token that may not ask who it is needs the bot's login set") from error
            self._login = me.username
            self._mine = frozenset(mail.lower() for mail in (me.email, me.commit_email) if mail)
        return self._login

    def id_of(self, login: str) -> int | None:
        """Return the number of an account that may sign in; None when there is none of this name."""
        if not _LOGIN.fullmatch(login):
            return None
        found = self._wire.list("/users", User, username=login)
        return next((one.id for one in found if same_login(one.username, login) and one.state == "active"), None)

    def address(self, login: str) -> str:
        """Return the address that GitLab gives to accounts that hide theirs; of an unknown one, its name alone."""
        number = self.id_of(login)
        return f"{login}@{self._host}" if number is None else f"{number}-{login}@{self._host}"

    def is_bot(self, user: User) -> bool | None:
        """Tell whether an account is a program's; None when GitLab does not say."""
        if user.bot or is_bot_name(user.username):
            return True
        account = self._account(user.id)
        return account.bot if account is not None else None

    def login_of(self, mail: str) -> str:
        """Return the login of the account that commits under an address; "" when GitLab does not let us know.

        Those are our own addresses, the private ones, where the number alone counts, and public ones.
        """
        mail = mail.lower()
        if mail in self._mine:
            return self.whoami()
        private = _PRIVATE.fullmatch(mail)
        if private and private[2] == self._host:
            account = self._account(int(private[1]))
            return account.username if account is not None else ""
        return self._public(mail)

    def _public(self, mail: str) -> str:
        """Return the one account that shows this address: a search finds those too that bear it as a name."""
        if "@" not in mail or self._host in mail:
            return ""
        try:
            with self._translated():
                found = self._wire.first("/users", User, _NAMESAKES + 1, search=mail)
        except Denied:
            return ""
        if len(found) > _NAMESAKES:
            return ""
        owners = {one.username for one in found if self._shown_by(one).lower() == mail}
        return owners.pop() if len(owners) == 1 else ""

    def _shown_by(self, user: User) -> str:
        """Return an account's public address; lists of older servers leave it out."""
        account = user if isinstance(user.public_email, str | None) else self._account(user.id)
        return account.public_email if account is not None and isinstance(account.public_email, str) else ""

    def _account(self, number: int) -> User | None:
        if number not in self._known:
            try:
                with self._translated():
                    self._known[number] = self._wire.get(f"/users/{number}", User)
            except NotFound:
                self._known[number] = None
        return self._known[number]
