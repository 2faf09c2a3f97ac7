#!/bin/sh
# Build what is compiled with the compiler's checks of memory and arithmetic in it, run its tests, and build it
# again as it was.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
checks="-fsanitize=address,undefined"

build() {
  rm -rf build
  $python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
}

trap build EXIT
CFLAGS="-g $checks -fno-sanitize-recover=undefined" LDFLAGS="$checks" build
libraries="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)"
# The interpreter itself frees nothing when it ends.
LD_PRELOAD="$libraries" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc $python -m pytest tests/store/index/test_listing.py "$@"
