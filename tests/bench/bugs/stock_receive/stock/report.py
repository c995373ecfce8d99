def low(warehouse, threshold):
    return sorted(sku for sku, level in warehouse.levels.items() if level <= threshold)
