"""`python -m guanxi` is the `guanxi` script."""

from guanxi.cli import main

main()
