"""The buggy programs bring tests of their own, which are not ours to run."""

collect_ignore_glob = ["bugs/*"]
