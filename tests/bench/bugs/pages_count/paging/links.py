from paging.pages import page_count


def links(current, total, size):
    last = page_count(total, size)
    found = {}
    if current > 1:
        found["prev"] = current - 1
    if current < last:
        found["next"] = current + 1
    return found
