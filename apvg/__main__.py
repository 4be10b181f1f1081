"""``python -m apvg``."""

from apvg.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
