"""A stateful, GitHub-compatible forge on loopback: the demo and the tests run against it with the real clients.

It keeps its state in memory behind one lock and its git repositories on disk: a forge for development, never for
anything that must last. `server.DevForge` starts it and seeds it; every room answers for one thing: `model` and
`world` what there is, `acts` what people and bots do to it, `shapes` how GitHub writes it down, `rest` the REST API,
`githttp` git, `webhooks` the deliveries, `ci` the checks, `slack` the chat and `pages` what a person sees.
"""
