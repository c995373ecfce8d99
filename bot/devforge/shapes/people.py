"""Users and apps."""

from typing import Any

from bot.devforge.gitvalues import stamp
from bot.devforge.model import User
from bot.devforge.world import World

Json = dict[str, Any]


def simple_user(world: World, user: User) -> Json:
    """Write a `simple-user`."""
    api = f"{world.api}/users/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": f"U_{user.id}",
        "avatar_url": f"{world.address}/static/avatar.svg",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.address}/?as={user.login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": "Bot" if user.is_bot else "User",
        "site_admin": False,
    }


def nullable_user(world: World, user: User | None) -> Json | None:
    """Write a `nullable-simple-user`."""
    return simple_user(world, user) if user else None


def public_user(world: World, user: User) -> Json:
    """Write a `public-user`."""
    return {
        **simple_user(world, user),
        "user_view_type": "public",
        "name": user.login,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "public_repos": sum(repo.owner is user for repo in world.repos.values()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": stamp(user.created),
        "updated_at": stamp(user.created),
    }


def private_user(world: World, user: User) -> Json:
    """Write a `private-user`: what a user sees of themselves."""
    return {
        **public_user(world, user),
        "user_view_type": "private",
        "collaborators": 0,
        "disk_usage": 0,
        "owned_private_repos": 0,
        "private_gists": 0,
        "total_private_repos": 0,
        "two_factor_authentication": True,
    }


def app(world: World, slug: str) -> Json:
    """Write an `integration`: the app behind a bot."""
    bot = world.bot(slug)
    return {
        "id": bot.id,
        "slug": slug,
        "node_id": f"A_{bot.id}",
        "owner": simple_user(world, world.ghost),
        "name": slug,
        "description": "",
        "external_url": f"{world.address}/",
        "html_url": f"{world.address}/",
        "created_at": stamp(bot.created),
        "updated_at": stamp(bot.created),
        "permissions": {"checks": "write", "contents": "write", "issues": "write", "metadata": "read"},
        "events": ["check_run", "push"],
    }
