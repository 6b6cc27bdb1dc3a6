"""A clock that stands still until a test moves it: the one that plugin authors get."""

from vivesphere.sdk.testing import FakeClock, settle

__all__ = ["FakeClock", "settle"]
