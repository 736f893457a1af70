#!/usr/bin/env bash
# Makes decode.wasm: libjpeg-turbo's decoder for 8-bit JPEGs, with its code for vector units, for WebAssembly; and LICENSES.txt,
# what its parts are under.
#
#   build.sh [FOLDER]     where to write both; beside this script if not given
#
# The same bytes come out each time, which the gate holds. Needs bash, curl, sha256sum, tar and Python 3 with venv; what it downloads stays in
# .cache/jpeg of the project.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here}")
work=$(realpath -m "$here/../../../.cache/jpeg")
mkdir -p "$out" "$work"
cd "$work"

# Sources as PyPI keeps them for good: simplejpeg has the whole release 3.1.2 of libjpeg-turbo in it, simde-py 0.8.2 of SIMDe.
fetch() { # FOLDER SHA256 ADDRESS
  [ -d "$1" ] && return
  curl -fsSL --retry 5 --retry-all-errors --connect-timeout 30 --max-time 300 -o "$1.tar.gz" "https://files.pythonhosted.org/packages/$3"
  echo "$2  $1.tar.gz" | sha256sum --check --quiet
  rm -rf "$1.part" && mkdir "$1.part"
  tar -xzf "$1.tar.gz" -C "$1.part" --strip-components 1 --no-same-owner
  mv "$1.part" "$1"
}
fetch simplejpeg 5ac7d9489eeb812c2e7ea5c283994a29d9fefdfe5ed7b86c09d485e0dd366689 \
  90/64/da60f0ba80570f9a36c9b6e055f4364bda2c547715296d5773d2ea6d5a60/simplejpeg-1.9.0.tar.gz
fetch simde-py d7eebe0728d44a5e1fef186ed7810407465e835a2ead45ce0c22eefadd66dbf6 \
  6d/53/5d46f64168c67597f657f3edb7ae94b7cda0fefe2db2a15568f03f70a673/simde_py-0.8.2.post1.tar.gz
# The compiler: Clang with a C library for WebAssembly.
[ -x zig/bin/python ] || python3 -m venv zig
zig/bin/python -m pip install -q --disable-pip-version-check ziglang==0.17.1
export ZIG_GLOBAL_CACHE_DIR="$work/objects" ZIG_LOCAL_CACHE_DIR="$work/objects"

turbo=simplejpeg/lib/libjpeg-turbo-3.1.2
simde=simde-py/simde_py/simde
libc=$(zig/bin/python -c 'import os, ziglang; print(os.path.dirname(ziglang.__file__))')/lib/libc
rm -rf config && mkdir config

# What CMake would find out of the compiler.
configure() { # TEMPLATE NAME=VALUE...
  local template=$1 value script=''
  shift
  for value in "$@"; do
    script+="s|@${value%%=*}@|${value#*=}|g;s|#cmakedefine ${value%%=*}\\b.*|#define ${value%%=*} ${value#*=}|;"
  done
  sed -E "$script"'s|#cmakedefine (\w+).*|/* #undef \1 */|' "$turbo/$template" >"config/$(basename "$template" .in)"
}
configure src/jconfig.h.in JPEG_LIB_VERSION=62 VERSION=3.1.2 LIBJPEG_TURBO_VERSION_NUMBER=3001002 WITH_SIMD=1
configure src/jconfigint.h.in BUILD= 'HIDDEN=__attribute__((visibility("hidden")))' \
  'INLINE=__inline__ __attribute__((always_inline))' THREAD_LOCAL= CMAKE_PROJECT_NAME=libjpeg-turbo VERSION=3.1.2 SIZE_T=4 \
  HAVE_BUILTIN_CTZL=1 WITH_SIMD=1
configure src/jversion.h.in COPYRIGHT_YEAR=1991-2025
configure simd/arm/neon-compat.h.in HAVE_VLD1_S16_X3=1 HAVE_VLD1_U16_X2=1 HAVE_VLD1Q_U8_X4=1
# Of its code for vector units, that for ARM is C, which SIMDe translates.
printf '#define SIMDE_ENABLE_NATIVE_ALIASES\n#include <simde/arm/neon.h>\n' >config/arm_neon.h

# As on other 32-bit processors with registers of 64 bits: `__x86_64__` tells jdhuff.h to use them. No environment is asked.
flags=(-target wasm32-wasi -O3 -msimd128 -DNDEBUG -D__x86_64__ -DNO_GETENV -D__ARM_NEON__ -DNEON_INTRINSICS
  -DSIMDE_FLOAT16_API=1 -Wno-everything -Iconfig "-I$turbo/src" "-I$turbo/simd/arm" "-I$turbo/simd" "-I$simde"
  "-ffile-prefix-map=$work=." -mexec-model=reactor -Wl,--gc-sections -Wl,--strip-all -Wl,-z,stack-size=131072)
sources=("$here/decode.c" "$turbo/simd/arm/aarch32/jsimd.c")
for name in jcomapi jdapimin jdapistd jdatasrc jdcoefct jdcolor jddctmgr jdhuff jdinput jdmainct jdmarker jdmaster jdmerge \
  jdphuff jdpostct jdsample jerror jidctflt jidctfst jidctint jidctred jmemmgr jmemnobs jpeg_nbits jquant1 jquant2 jutils; do
  sources+=("$turbo/src/$name.c")
done
for name in jdcolor jdmerge jdsample jidctfst jidctint jidctred; do sources+=("$turbo/simd/arm/$name-neon.c"); done
zig/bin/python -m ziglang cc "${flags[@]}" "${sources[@]}" -o decode.wasm

part() { printf '\n\n==== %s\n\n' "$1"; }
{
  echo 'decode.wasm is made of the following, besides decode.c. It is based in part on the work of the Independent JPEG Group.'
  part 'libjpeg-turbo 3.1.2' && cat "$turbo/LICENSE.md"
  part 'libjpeg, in libjpeg-turbo: README.ijg' && cat "$turbo/README.ijg"
  part 'libjpeg-turbo, code for vector units' && sed -n '2,/\*\//p' "$turbo/simd/arm/jidctint-neon.c"
  part 'SIMDe 0.8.2' && sed '/\*\//q' "$simde/simde/arm/neon.h"
  part 'wasi-libc' && cat "$libc/wasi/LICENSE" "$libc/wasi/LICENSE-MIT"
  part 'cloudlibc, in wasi-libc' && cat "$libc/wasi/libc-bottom-half/cloudlibc/LICENSE"
  part 'musl, in wasi-libc' && cat "$libc/musl/COPYRIGHT"
} >LICENSES.txt
install -m 644 decode.wasm LICENSES.txt "$out"
