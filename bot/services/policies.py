"""Which policy is in force for a repository: named by `.agent.yml` of the target branch, else by the installation."""

from bot.domain.change import Repo
from bot.domain.errors import PolicyError
from bot.domain.run import Run
from bot.policy.load import LoadedPolicy, parse_yaml
from bot.services.deps import Broker

FILE = ".agent.yml"


def policy_for(deps: Broker, run: Run) -> LoadedPolicy:
    """Return the policy of the branch that a run's work is to land on: what it started from, for a new change."""
    assert run.source is not None
    intent = run.intent
    sha = run.source.base_sha if not intent.target else deps.forge(intent.repo).head(intent.repo, intent.target)
    return policy_of(deps, intent.repo, sha)


def policy_of(deps: Broker, repo: Repo, base_sha: str) -> LoadedPolicy:
    """Return the policy for this base commit; raises PolicyError where its file is not in order (the gate stays shut).

    The file is read from the target branch only, never from the head of a change.
    """
    text = deps.forge(repo).file(repo, FILE, base_sha)
    if text is None:
        return deps.policies(deps.policy_name)
    document = parse_yaml(text, FILE)
    if not isinstance(document, dict):
        raise PolicyError(f"{FILE}:1:1: the file is a mapping, such as `policy: default`")
    unknown = set(document) - {"policy", "$schema"}
    if unknown:
        raise PolicyError(f"{FILE}: unknown key {sorted(map(str, unknown))[0]!r}; known is: policy")
    name = document.get("policy", deps.policy_name)
    if not isinstance(name, str):
        raise PolicyError(f"{FILE}: policy names one of the installation's policies, such as `default` or `solo`")
    return deps.policies(name)
