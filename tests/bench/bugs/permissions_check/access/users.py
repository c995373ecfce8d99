class User:
    def __init__(self, name, roles=(), active=True):
        self.name = name
        self.roles = set(roles)
        self.active = active
