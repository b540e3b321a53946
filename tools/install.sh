#!/bin/sh
# Creates the virtual environment $1 if need be and installs requirements.lock into it, unless
# the very same lock was installed there before.
set -eu
venv=$1
installed=$venv/installed.lock

if cmp -s requirements.lock "$installed"; then
    exit 0
fi

if [ ! -x "$venv/bin/python" ]; then
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "${python:-}" ]; then
        echo "error: expected Python 3.11, 3.12 or 3.13 on the PATH. Received: $(python3 --version \
            2>&1). Install one, or name it: make $(basename "$0" .sh) PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
    echo "==> creating $venv with $("$python" --version)"
    if ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        echo "error: expected $python with venv. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi

echo "==> installing requirements.lock into $venv (about 3 GB, some minutes the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements.lock
cp requirements.lock "$installed"
echo "==> installed"
