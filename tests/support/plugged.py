"""`python -m tests.support.plugged serve` is the server with the tests' own plugins in place of the bundled ones."""

from pathlib import Path

from vivesphere.__main__ import main
from vivesphere.kernel import paths

PLUGINS = Path(__file__).parent / "plugins"

if __name__ == "__main__":
    paths.plugins = lambda: PLUGINS
    main()
