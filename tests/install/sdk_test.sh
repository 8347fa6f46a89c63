#!/bin/sh
# Builds a plugin against an installed SDK, with every compiler that is here, and has the installed
# program check it and run it in a host: sdk_test.sh CMAKE BUILD_DIR
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "$1"
  exit 1
}

"$1" --install "$2" --prefix "$scratch/prefix" >/dev/null
cp -r "$tests/install/sdk_project" "$scratch/project"
built=0
for compiler in g++ clang++-14; do
  command -v "$compiler" >/dev/null || { echo "without $compiler, which is not installed"; continue; }
  tree=$scratch/$compiler
  "$1" -S "$scratch/project" -B "$tree" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_PREFIX_PATH="$scratch/prefix" >"$tree.log" 2>&1 &&
    "$1" --build "$tree" >>"$tree.log" 2>&1 || { cat "$tree.log"; fail "$compiler: it does not build"; }
  (cd "$tree" && ctest --no-tests=error --output-on-failure) ||
    fail "$compiler: the check of the plugin failed"
  for where in --isolate --in-process; do
    "$scratch/prefix/bin/aftersales" serve --listen 127.0.0.1:0 --data-dir "$scratch/data" \
      --plugin "$tree/plugins/harbour.so" "$where" harbour >"$scratch/host.log" 2>&1 &
    host=$!
    for _ in $(seq 100); do
      grep -q 'loaded Harbour books 2.1.0' "$scratch/host.log" && break
      kill -0 $host 2>/dev/null || break
      sleep 0.1
    done
    kill $host 2>/dev/null || true
    wait $host 2>/dev/null || true
    grep -q 'loaded Harbour books 2.1.0' "$scratch/host.log" ||
      { cat "$scratch/host.log"; fail "$compiler: the host does not load it ($where)"; }
  done
  built=$((built + 1))
done
[ $built -gt 0 ] || fail "there is neither g++ nor clang++-14"
