def may_edit(user, document):
    if not user.active:
        return False
    return user.name == document["owner"] and "admin" in user.roles


def may_read(user, document):
    return document["public"] or may_edit(user, document)
