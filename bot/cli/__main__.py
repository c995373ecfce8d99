"""`python -m bot.cli` is `journeyman`: how one process of ours starts another."""

from bot.cli import main

if __name__ == "__main__":
    main()
