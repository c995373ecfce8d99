"""GitHub's limits on text, in characters."""

BODY = 65_536
TITLE = 256
SUMMARY = 65_535
STATUS = 140
