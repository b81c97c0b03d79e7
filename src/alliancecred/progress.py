"""What is said on the way, on standard error: lines, or on a terminal a bar that says what is being done."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def plain(text: object) -> str:
    r"""Return text without the control characters that could steer a terminal.

    Examples
    --------
    >>> plain("red" + chr(27) + "[31m" + chr(10) + "next")
    'red[31m\nnext'
    """
    return "".join(c for c in str(text) if c == "\n" or c.isprintable())


def tell(text: str) -> None:
    """Print a text on standard error, if anybody still reads it."""
    with suppress(BrokenPipeError):
        print(plain(text), file=sys.stderr, flush=True)


@contextmanager
def saying(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function to call with a line of text at each step; lines carry the seconds since the start."""
    if quiet:
        yield lambda text: None
        return
    start = time.perf_counter()

    def line(text: str) -> str:
        return f"[{time.perf_counter() - start:6.1f} s] {plain(text)}"

    if not sys.stderr.isatty():
        yield lambda text: tell(line(text))
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(bar_width=12), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("starting", total=None)

        def step(text: str) -> None:
            shown.console.print(line(text), markup=False, soft_wrap=True)
            shown.update(task, description=plain(text))

        yield step
