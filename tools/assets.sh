#!/bin/sh
# Bring plotly.min.js and its license into dispatch/assets/, out of the pinned package: reports made by the installed
# extension need it.
#
#   tools/assets.sh
#
# Needs a Python 3 with pip. May be run again at any time: nothing is done when all is there.
set -eu
cd "$(dirname "$0")/.."
die() { echo "assets: $*" >&2; exit 1; }

pinned=tools/requirements-assets.txt assets=dispatch/assets
ready="$(cksum < $pinned)"
if [ -f $assets/plotly.min.js ] && [ -f $assets/plotly.LICENSE.txt ] && [ "$(cat $assets/.plotly 2>/dev/null)" = "$ready" ]; then
    exit 0
fi

python=
for name in ${PYTHON:-} python3.11 python3 python; do
    if "$name" -m pip --version >/dev/null 2>&1; then python=$name; break; fi
done
[ -n "$python" ] || die "no Python with pip found: install it (Debian: apt-get install python3-pip), or say PYTHON=/path/to/python3"

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$temp" -r $pinned
"$python" -m zipfile -e "$temp"/plotly-*.whl "$temp"
cp "$temp"/plotly/package_data/plotly.min.js $assets/plotly.min.js
cp "$temp"/plotly-*.dist-info/licenses/LICENSE.txt $assets/plotly.LICENSE.txt
echo "$ready" > $assets/.plotly
