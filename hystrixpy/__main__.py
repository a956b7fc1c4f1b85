"""``python -m hystrixpy``: the command line."""

from hystrixpy.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
