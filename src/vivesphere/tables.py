"""Imports every module's models, and says whose each table is."""

from collections.abc import Mapping
from importlib import import_module

from vivesphere.kernel import paths, principals
from vivesphere.kernel.db import models as kernel_models
from vivesphere.kernel.db.ownership import owners_of
from vivesphere.kernel.principals import SYSTEM, Principal

MODULES = ("auth", "settings", "secrets", "audit", "data", "tools", "plugins", "triggers", "plans", "bots")
"""All modules; those without tables have no `models.py`."""


def owners() -> Mapping[str, Principal]:
    """Every table of the core, on the metadata of `kernel.db.schema.Model` once this returns, and its owner."""
    declarers = {kernel_models.__name__: SYSTEM}
    for name in MODULES:
        if (paths.PACKAGE / "modules" / name / "models.py").is_file():
            declarers[import_module(f"vivesphere.modules.{name}.models").__name__] = principals.module(name)
    return owners_of(declarers)
