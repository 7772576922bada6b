#!/bin/sh
# Build or validate the extension with Blender's own tool.
#
#   tools/extension.sh zip        make dist/ID-VERSION.zip, look into it, validate it
#   tools/extension.sh validate   validate this directory, and the zip where there is one
#
# BLENDER=PATH names the application; else `blender` on PATH; else the same tool out of the bpy of .venv.
set -eu
cd "$(dirname "$0")/.."
say() { echo "extension: $*"; }
die() { say "$*" >&2; exit 1; }

value() { sed -n "s|^$1 = \"\(.*\)\"|\1|p" blender_manifest.toml; }
id=$(value id) zip=dist/$(value id)-$(value version).zip
most=3500000 # bytes

if [ -n "${BLENDER:-}" ]; then
    blender=$(command -v "$BLENDER") || die "there is no application '$BLENDER': check BLENDER=PATH"
else
    blender=$(command -v blender) || blender=
fi
if [ -z "$blender" ]; then
    tool=$(find .venv/lib -path '*/bl_pkg/cli/blender_ext.py' 2>/dev/null | head -n 1)
    [ -n "$tool" ] || die "no Blender found: say BLENDER=/path/to/blender, or run 'make ready' once and use its bpy"
fi
tool() { # with preferences of its own: the add-ons and repositories of whoever builds have no part in it
    if [ -n "$blender" ]; then
        "$blender" --factory-startup --command extension "$@"
    else
        .venv/bin/python -I "$tool" "$@"
    fi
}

check_zip() { # only what Blender needs, and small
    strange=$(python3 -m zipfile -l "$zip" | awk 'NR > 1 {print $1}' |
        grep -vE '^(__init__\.py|blender_manifest\.toml|LICENSE|README\.md|(dispatch|operators|ui)/([a-z_0-9]+/)*([a-z_0-9]+\.py)?|dispatch/assets/(report\.(css|js)|plotly\.(min\.js|LICENSE\.txt))|wheels/([^/]*\.whl)?)$') || true
    [ -z "$strange" ] || die "the zip holds what does not belong there; mend paths_exclude_pattern: $strange"
    size=$(wc -c <"$zip")
    [ "$size" -lt $most ] || die "the zip has $size bytes, $most are the most"
    say "$zip, $size bytes"
}

case ${1:-} in
zip)
    sh tools/wheels.sh
    sh tools/assets.sh
    mkdir -p dist
    rm -f "dist/$id"-*.zip
    tool build --source-dir . --output-filepath "$zip"
    check_zip
    tool validate "$zip"
    ;;
validate)
    tool validate .
    [ ! -f "$zip" ] || tool validate "$zip"
    ;;
*) die "say zip or validate" ;;
esac
