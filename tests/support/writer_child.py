"""A process that does nothing but write: 100 callers at once, who say each number as soon as they are told that it is on disk.

`python -m tests.support.writer_child <folder>`. It ends when it is killed.
"""

import asyncio
import itertools
import sys
from pathlib import Path

from tests.kernel.db.world import a_world, put_and_emit

CALLERS = 100


async def main(folder: Path) -> None:
    numbers = itertools.count()
    async with a_world(folder) as world:

        async def caller() -> None:
            while True:
                number = next(numbers)
                await world.notes.write(put_and_emit, str(number))
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()

        await asyncio.gather(*(caller() for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
