"""Candidate edits: each room knows one family of faults and proposes small edits of source text, formatting kept."""
