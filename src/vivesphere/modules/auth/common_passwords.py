"""The passwords that everybody tries first (ASVS 5.0, 6.2.4).

The list is that of the package zxcvbn (MIT): the 30,000 most used of what leaked over the years. It is one line of its
`frequency_lists.py`; importing the package would keep all its lists of words and names, 15 MB, for as long as the server runs.
"""

from functools import cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

PACKAGE = "zxcvbn"


def is_common(password: str, shortest: int) -> bool:
    """Whether it is on the list, in whatever case. Of the list only what has at least `shortest` characters is kept."""
    return password.casefold() in _listed(shortest)


@cache
def _listed(shortest: int) -> frozenset[str]:
    """Takes some 50 ms the first time: call it on a thread."""
    found = find_spec(PACKAGE)
    assert found is not None  # noqa: S101 - a requirement of ours
    assert found.origin is not None  # noqa: S101 - as above
    lists = _alone(Path(found.origin).with_name("frequency_lists.py"))
    return frozenset(word for word in lists["passwords"] if len(word) >= shortest)


def _alone(file: Path) -> dict[str, list[str]]:
    """The lists of that file, which is run and let go of, without the package around it."""
    spec = spec_from_file_location(f"{PACKAGE}_lists", file)
    assert isinstance(spec, ModuleSpec)  # noqa: S101 - a file that ends in .py has one
    assert spec.loader is not None  # noqa: S101 - as above
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    lists: dict[str, list[str]] = module.FREQUENCY_LISTS
    return lists
