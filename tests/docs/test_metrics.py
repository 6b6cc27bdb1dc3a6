"""The page about metrics holds what `/metrics` shows, word for word, and nothing else."""

import re
from pathlib import Path

from tests.support.application import running

PAGE = Path("docs/reference/metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(vivesphere_\w+)` \| (\w+) \| ((?:`\w+`(?:, )?)*) \| (.+) \|$", re.MULTILINE)
HELP = re.compile(r"^# HELP (vivesphere_\w+) (.+)$", re.MULTILINE)
KIND = re.compile(r"^# TYPE (vivesphere_\w+) (\w+)$", re.MULTILINE)
SAMPLE = re.compile(r"^(vivesphere_\w+?)\{(.*)\} ", re.MULTILINE)
LABEL = re.compile(r'(\w+)="')


async def test_every_metric_is_documented_as_it_is_shown(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        shown = (await world.anonymous.get("/metrics")).text
    rows = ROW.findall(PAGE)
    kinds = dict(KIND.findall(shown))
    # The Prometheus client adds when each of its own counters began.
    said = {name: (kinds[name], meaning) for name, meaning in HELP.findall(shown) if not name.endswith("_created")}
    assert {name: (kind, meaning) for name, kind, _, meaning in rows} == said
    labels = {name: set(re.findall(r"\w+", labels)) for name, _, labels, _ in rows}
    seen = {name: set(LABEL.findall(pairs)) for name, pairs in SAMPLE.findall(shown) if name in labels}
    assert "vivesphere_bus_queue_depth" in seen
    assert seen == {name: labels[name] for name in seen}
