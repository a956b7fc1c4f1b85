"""``python -m hystrixpy.demo``: the command line of the demo."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Read the options and play; the exit status."""
    parser = argparse.ArgumentParser("python -m hystrixpy.demo", description=__doc__)
    parser.add_argument("--seconds", type=_positive, default=25.0, help="length of the story (default 25)")
    parser.add_argument("--rate", type=_positive, default=40.0, help="calls per second of each command (default 40)")
    parser.add_argument("--forever", action="store_true", help="repeat the story until interrupted")
    parser.add_argument("--otlp-endpoint", metavar="URL", help="an OTLP/gRPC collector, as http://127.0.0.1:4317")
    parser.add_argument("--port", type=_port, default=8989, help="of the dashboard (default 8989, or a free one)")
    options = parser.parse_args(arguments)
    try:
        from hystrixpy.demo.play import Options, play
    except ImportError as missing:
        print(f"the demo can not start: {missing}", file=sys.stderr)
        return 2
    return play(Options(**vars(options)))


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 0 (any free one) to 65535")
    return number


if __name__ == "__main__":
    sys.exit(main())
