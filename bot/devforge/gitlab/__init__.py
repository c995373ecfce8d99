"""GitLab's side of the forge: its REST API (v4), the bodies of its webhooks, and its words."""
