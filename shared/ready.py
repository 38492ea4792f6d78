"""Asks the process of this container whether it is ready: the health check of images, which have no curl."""

import ssl
import sys
import urllib.error
import urllib.request

from shared.settings import Settings

TIMEOUT_SECONDS = 2.5


def _ourselves() -> ssl.SSLContext:
    """Nobody stands between a process and itself, and its certificate is for other names."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main() -> int:
    """0 when `/readyz` answers 200; else 1, with its answer on standard output."""
    settings = Settings()
    url = f"http{'s' if settings.http_cert_file else ''}://127.0.0.1:{settings.http_port}/readyz"
    try:
        with urllib.request.urlopen(  # noqa: S310 - our own address
            url, timeout=TIMEOUT_SECONDS, context=_ourselves()
        ) as answer:
            return 0 if answer.status == 200 else 1
    except urllib.error.HTTPError as error:
        sys.stdout.write(error.read().decode(errors="replace"))
    except OSError as error:
        sys.stdout.write(f"{url}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
