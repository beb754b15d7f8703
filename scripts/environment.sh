# Sourced by the other scripts: makes .venv with costguard and the extras asked for, once for each state of the files
# that decide what is in it, so that a second run needs no network.
#
#   . scripts/environment.sh; prepare "test"      → .venv/bin/python

set -eu

prepare() {
    extras=$1
    python=${PYTHON:-}
    if [ -z "$python" ]; then
        for candidate in python3 python3.13 python3.12 python3.11; do
            if command -v "$candidate" >/dev/null 2>&1 &&
                "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
                python=$candidate
                break
            fi
        done
    fi
    if [ -z "$python" ]; then
        echo "costguard needs Python 3.11 or newer; none was found (set PYTHON to name one)" >&2
        exit 2
    fi
    # One stamp for each set of extras; a changed pyproject.toml or interpreter makes a fresh environment.
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "costguard needs Python 3.11 or newer; $python is not" >&2
        exit 2
    fi
    state=$(pwd && cat pyproject.toml && "$python" -c 'import sys; print(sys.version, sys.executable)')
    sum=$(printf '%s' "$state" | cksum | tr ' ' '-')
    stamp=".venv/costguard-$extras-$sum"
    if [ ! -e "$stamp" ]; then
        if [ ! -e .venv/costguard-any-"$sum" ]; then
            rm -rf .venv
            "$python" -m venv .venv
        fi
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" >&2
        touch "$stamp" .venv/costguard-any-"$sum"
    fi
}
