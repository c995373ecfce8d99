class Transient(Exception):
    pass


class Timeout(Transient):
    pass


class Fatal(Exception):
    pass
