"""What a device calls itself, in words a person knows: `Firefox on Linux`. It is shown, never believed."""

import re

LONGEST = 100
UNKNOWN = "Unknown device"

# The order counts: most browsers name the ones they descend from as well.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,40}")


def device_name(agent: str) -> str:
    """From a `User-Agent` (RFC 9110, 10.1.5): browser and system, or the name of the program."""
    if not agent.startswith("Mozilla/"):
        program = _PROGRAM.match(agent)
        return program.group() if program else UNKNOWN
    browser = next((name for mark, name in _BROWSERS if f"{mark}/" in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    if browser is None:
        return system or UNKNOWN
    return f"{browser} on {system}" if system else browser
