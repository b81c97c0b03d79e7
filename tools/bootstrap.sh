#!/bin/sh
# Finds or fetches what the Makefile needs: uv, a Python, the locked packages. Needs Python 3 with venv or pip, and no
# rights; writes to .uv/ and .venv/, and uv keeps its cache and its Pythons where it always does in your home.
#
#   sh tools/bootstrap.sh           make .venv exactly as uv.lock says
#   sh tools/bootstrap.sh uv ARG…   run uv, fetching it into .uv/ where the machine has none
#
# Set UV_PYTHON=/path/to/python (3.12 to 3.14) to choose the interpreter yourself.
set -u
cd "$(dirname "$0")/.." || exit 1
export UV_PROJECT_ENVIRONMENT=.venv

say() { printf '%s\n' "$@" >&2; }
fail() { say "" "$@"; exit 1; }

# One line per Python on this machine, the preferred ones first: the PATH, then pyenv's, then the system's.
# pyenv's own files are asked for by path, since its shims refuse to run where .python-version names a missing one.
pythons() {
    for minor in 13 14 12; do
        command -v "python3.$minor"
        ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.$minor.*/bin/python3 2>/dev/null
    done
    command -v python3
    command -v python
    ls -d /usr/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3 2>/dev/null
    true
}

# The first uv that runs and is new enough (uv itself compares with required-version in pyproject.toml).
find_uv() {
    for uv in uv .uv/bin/uv "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do
        "$uv" python dir >/dev/null 2>&1 && return 0
    done
    return 1
}

fetch_uv() {
    say "uv was not found: fetching it from the Python package index into .uv/ (once)"
    log=$(mktemp) || exit 1
    pythons | {
        while IFS= read -r python; do
            "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' </dev/null || continue
            rm -rf .uv
            if "$python" -m venv .uv </dev/null; then
                .uv/bin/python -m pip install uv </dev/null
                exit
            fi
            rm -rf .uv # no venv module (Debian without python3-venv)? pip alone will do, externally managed or not
            if "$python" -m pip --version </dev/null; then
                "$python" -m pip install --target .uv uv </dev/null
                exit
            fi
        done
        exit 1
    } >"$log" 2>&1 || {
        tail -n 6 "$log" >&2
        rm -rf "$log" .uv
        fail "uv could not be fetched: no Python 3.8 or newer with pip and a way to the package index was found." \
            "Any one of these mends it:" \
            "  install uv      https://docs.astral.sh/uv/getting-started/installation/" \
            "  Debian, Ubuntu  apt install python3-venv" \
            "  Fedora          dnf install uv" \
            "  macOS           brew install uv" \
            "then run make again."
    }
    rm -f "$log"
}

# The first Python that this library runs on, as the path of the real executable.
find_python() {
    { [ -z "${UV_PYTHON:-}" ] || printf '%s\n' "$UV_PYTHON"; pythons; managed_pythons; } | while IFS= read -r python; do
        "$python" -c '
import sys
if not (3, 12) <= sys.version_info < (3, 15) or sys.implementation.name != "cpython":
    sys.exit(1)
print(sys.executable)' 2>/dev/null </dev/null && break
    done
}

managed_pythons() {
    for minor in 13 14 12; do
        ls -d "$("$uv" python dir 2>/dev/null)"/cpython-3.$minor.*/bin/python3 2>/dev/null
    done
    true
}

make_environment() {
    if [ -f .venv/.synced ] && [ "$(cat .venv/.synced)" != "$PWD" ]; then
        rm -rf .venv # made by this script in another folder: its scripts name that folder
    fi
    python=$(find_python)
    if [ -z "$python" ]; then
        say "No Python 3.12, 3.13 or 3.14 was found: asking uv to download one"
        "$uv" python install --no-bin 3.13 || fail \
            "This library needs Python 3.12, 3.13 or 3.14; none was found, and uv could not download one (see above)." \
            "Install one (from your system's packages, python.org or pyenv) and run make again," \
            "or name it: make test UV_PYTHON=/path/to/python3.13"
        python=$(find_python)
    fi
    "$uv" sync --locked --compile-bytecode --python "$python" || fail \
        "The environment could not be made from uv.lock (see above)." \
        "If packages could not be downloaded: is the network there? If the lock file is out of date: uv lock"
    printf '%s\n' "$PWD" >.venv/.synced
}

find_uv || { fetch_uv && find_uv; } || fail "uv was fetched into .uv/ but does not run; remove .uv/ and try again."
if [ "${1:-}" = uv ]; then
    shift
    exec "$uv" "$@"
fi
make_environment
