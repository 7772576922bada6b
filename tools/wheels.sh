#!/bin/sh
# Download the wheels that blender_manifest.toml names into wheels/: exactly these, with their hashes checked.
#
#   tools/wheels.sh
#
# Needs a Python 3 with pip. May be run again at any time: wheels/ is made anew only when something differs.
set -eu
cd "$(dirname "$0")/.."
die() { echo "wheels: $*" >&2; exit 1; }

pinned=tools/requirements-wheels.txt
wanted=$(sed -n 's|.*"\./wheels/\(.*\.whl\)".*|\1|p' blender_manifest.toml | LC_ALL=C sort)
here() { ls wheels 2>/dev/null | LC_ALL=C sort; }
ready="$(cksum < $pinned) $wanted"
if [ "$(here)" = "$wanted" ] && [ "$(cat wheels/.ready 2>/dev/null)" = "$ready" ]; then exit 0; fi

python=
for name in ${PYTHON:-} python3.11 python3 python; do
    if "$name" -m pip --version >/dev/null 2>&1; then python=$name; break; fi
done
[ -n "$python" ] || die "no Python with pip found: install it (Debian: apt-get install python3-pip), or say PYTHON=/path/to/python3"

# A wheel that the manifest does not name would be packed as a plain file, so nothing old may stay.
rm -rf wheels
mkdir wheels
tags=$(echo "$wanted" | sed 's|.*-\(.*\)\.whl|\1|; s|\..*||' | grep -v '^any$')
for tag in $tags; do
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --implementation cp --python-version 3.11 --abi abi3 --platform "$tag" --dest wheels -r $pinned
done
[ "$(here)" = "$wanted" ] || die "pip brought other wheels than the manifest names: $(here | tr '\n' ' ')"
echo "$ready" > wheels/.ready
