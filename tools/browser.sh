#!/bin/sh
# Fetches what the tests in a browser need, where this machine can: a Chromium by Debian's packages (needs root), and the
# rules of accessibility by npm. What cannot be fetched is said; the tests that need it are then skipped, saying so.
set -u
cd "$(dirname "$0")/.." || exit 1

if ! command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        echo "Installing Chromium, once"
        { apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 ||
            echo "Chromium could not be installed: tests in a browser are skipped"
    else
        echo "There is no Chromium: tests in a browser are skipped (Debian: apt-get install chromium)"
    fi
fi

folder=tests_slow/browser
if [ ! -f "$folder/node_modules/axe-core/axe.min.js" ]; then
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >/dev/null 2>&1 ||
        echo "axe-core could not be fetched by npm: tests of accessibility are skipped"
fi
