#!/bin/sh
# Builds an example plugin against an installation, as its README says, and runs its test:
# credit_notes_test.sh python|cpp|host CMAKE BUILD_DIR
set -eu
tests=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$tests/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for part in sdk protos; do
  "$2" -DCMAKE_INSTALL_PREFIX="$scratch/prefix" -P "$3/$part/cmake_install.cmake" >/dev/null
done
# Copies, so that a test leaves nothing in the source tree. The Python one has the messages that the
# test itself needs.
cp -r "$source/examples/plugins/credit_notes_cpp" "$scratch/cpp"
cp -r "$source/examples/plugins/credit_notes_python" "$scratch/python"
"$scratch/python/build.sh" "$scratch/prefix"
cd "$tests"
case $1 in
  host)
    /usr/bin/python3 -B credit_notes_host_test.py "$3/bin/aftersales" \
      "$scratch/python/credit_notes.plugin"
    exit
    ;;
  python) set -- "$scratch/python/credit_notes.plugin" ;;
  cpp)
    "$2" -S "$scratch/cpp" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" >/dev/null
    "$2" --build "$scratch/build" --parallel 2
    set -- "$3/bin/aftersales" plugin-runner "$scratch/build/plugins/credit_notes.so"
    ;;
esac
# Not exec: the folder is to be removed.
/usr/bin/python3 -B credit_notes_test.py "$scratch/python/lib" "$@"
