"""Repair without a model: find the failing tests, rank the lines, try small edits, keep the best one that passes."""
