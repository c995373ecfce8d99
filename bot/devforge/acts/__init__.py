"""What people and bots do on the forge. REST, pages, git and CI all act through here, so all send the same webhooks.

Callers hold the world's lock and have checked who may.
"""
