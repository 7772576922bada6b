#!/bin/sh
# See that the shared libraries are there which Blender's module takes from the system (a bare server lacks them).
#
#   tools/system-libraries.sh VENV
#
# As root with apt-get: installs what is missing. Otherwise prints the command to run, and fails.
set -eu
[ "$(uname -s)" = Linux ] || exit 0
module=$(find "$1"/lib/python3*/site-packages/bpy -maxdepth 1 -name '__init__*.so' | head -n 1)
[ -n "$module" ] || { echo "system-libraries: no bpy in $1" >&2; exit 1; }
missing() { ldd "$module" | awk '/not found/ {print $1}' | sort -u; }

package() { # SONAME: the Debian package that holds it
    case $1 in
        libX11.so.6) echo libx11-6 ;;
        libXext.so.6) echo libxext6 ;;
        libXfixes.so.3) echo libxfixes3 ;;
        libXi.so.6) echo libxi6 ;;
        libXrender.so.1) echo libxrender1 ;;
        libXt.so.6) echo libxt6 ;;
        libXxf86vm.so.1) echo libxxf86vm1 ;;
        libxkbcommon.so.0) echo libxkbcommon0 ;;
        libSM.so.6) echo libsm6 ;;
        libICE.so.6) echo libice6 ;;
        libGL.so.1) echo libgl1 ;;
        libGLX.so.0) echo libglx0 ;;
        libOpenGL.so.0) echo libopengl0 ;;
        libEGL.so.1) echo libegl1 ;;
        libgomp.so.1) echo libgomp1 ;;
        *) echo "$1" ;;
    esac
}

lost=$(missing)
[ -n "$lost" ] || exit 0
packages=$(for name in $lost; do package "$name"; done | sort -u | tr '\n' ' ')
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "system-libraries: installing $packages"
    log=$(mktemp)
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } \
        >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; rm -f "$log"; exit 1; }
    rm -f "$log"
    lost=$(missing)
    [ -n "$lost" ] || exit 0
fi
echo "system-libraries: Blender's module needs libraries that this machine lacks: $(echo $lost)" >&2
echo "system-libraries: install them, then run make again. On Debian and Ubuntu: apt-get install --no-install-recommends $packages" >&2
exit 1
