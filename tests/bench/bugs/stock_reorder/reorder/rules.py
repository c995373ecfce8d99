def needs_order(item):
    """An item is ordered again as soon as its level has come down to the minimum."""
    return item.level < item.minimum


def order_list(items):
    orders = {}
    for item in items:
        if needs_order(item):
            missing = item.minimum - item.level + 1
            batches = -(-missing // item.batch)
            orders[item.name] = batches * item.batch
    return orders
