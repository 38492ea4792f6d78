"""Asks the process of this container whether it is ready: the health check of images, which have no curl."""

import sys
import urllib.error
import urllib.request

from shared.settings import Settings

TIMEOUT_SECONDS = 2.5


def main() -> int:
    """0 when `/readyz` answers 200; else 1, with its answer on standard output."""
    url = f"http://127.0.0.1:{Settings().http_port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return 0 if answer.status == 200 else 1
    except urllib.error.HTTPError as error:
        sys.stdout.write(error.read().decode(errors="replace"))
    except OSError as error:
        sys.stdout.write(f"{url}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
