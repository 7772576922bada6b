#!/bin/sh
# Make a virtual environment with bpy and everything our tests use.
#
#   tools/environment.sh DIR BPY_VERSION
#
# Needs Python 3.11 (bpy is built for that one) with pip; not the venv package of some distributions, which brings
# a pip of its own. May be run again at any time: a DIR that is complete is left alone.
set -eu
cd "$(dirname "$0")/.."
say() { echo "environment: $*"; }
die() { say "$*" >&2; exit 1; }

dir=$1 version=$2
wanted="$version $(cat tools/requirements.txt tools/requirements-dev.txt | cksum)"
if [ -f "$dir/.ready" ] && [ "$(cat "$dir/.ready")" = "$wanted" ] && "$dir/bin/python" -c '' 2>/dev/null; then exit 0; fi

python=
for name in ${PYTHON:-} python3.11 python3 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then python=$name; break; fi
done
[ -n "$python" ] || die "no Python 3.11 found (bpy needs exactly this version): install it, or say PYTHON=/path/to/python3.11"
"$python" -m pip --version >/dev/null 2>&1 || die "$python has no pip: install it (Debian: apt-get install python3-pip)"

say "$dir with bpy $version (a download of about 400 MB the first time)"
rm -rf "$dir"
"$python" -m venv --without-pip "$dir"
"$python" -m pip --python "$dir/bin/python" install --quiet --disable-pip-version-check \
    "bpy==$version" -r tools/requirements-dev.txt
sh tools/system-libraries.sh "$dir"
"$dir/bin/python" -c 'import bpy' >/dev/null || die "bpy $version does not start in $dir"
echo "$wanted" > "$dir/.ready"
