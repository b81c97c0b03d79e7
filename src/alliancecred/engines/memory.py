"""How much memory a fit will take; refused before it runs where the machine has less."""

from pathlib import Path

import psutil

from ..errors import TooLargeError

FLOAT = 8
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")
_PARTS = ("/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat")
_CACHE = ("inactive_file", "total_inactive_file")  # files that were read, given up when memory is asked for


def free_memory() -> int:
    """Return the bytes this process may still take: what the machine, or the container it is in, has left.

    Examples
    --------
    >>> free_memory() > 0
    True
    """
    left = [int(psutil.virtual_memory().available), *_limit_of_process()]
    for limit, used, parts, cache in zip(_LIMITS, _USED, _PARTS, _CACHE, strict=True):
        try:
            most, now = Path(limit).read_text().strip(), Path(used).read_text().strip()
            held = dict(line.split() for line in Path(parts).read_text().splitlines())
        except OSError:
            continue
        if most.isdigit():
            left.append(int(most) - int(now) + int(held.get(cache, 0)))
    return max(min(left), 0)


def _limit_of_process() -> list[int]:
    """Return what ``ulimit -v`` leaves this process, where there is such a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return [] if most == resource.RLIM_INFINITY else [most - int(psutil.Process().memory_info().vms)]


def demand(floats: dict[str, int]) -> None:
    """Refuse a fit that needs more numbers of eight bytes than there is room for.

    Parameters
    ----------
    floats
        What needs memory → how many numbers.

    Raises
    ------
    TooLargeError
        With the estimate and what it consists of.

    Examples
    --------
    >>> demand({"draws": 1_000})
    """
    need, free = FLOAT * sum(floats.values()), free_memory()
    if need <= free:
        return
    parts = ", ".join(f"{what} {_size(FLOAT * n)}" for what, n in sorted(floats.items(), key=lambda x: -x[1]))
    raise TooLargeError(
        f"the fit would need about {_size(need)} of memory and {_size(free)} is free ({parts}) "
        "→ ask for fewer draws, leave out terms of many levels, or use a larger machine"
    )


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
