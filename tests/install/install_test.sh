#!/bin/sh
# Installs into a folder, moves the folder, and runs the program there from somewhere else:
# install_test.sh CMAKE BUILD_DIR
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "$1"
  exit 1
}

"$1" --install "$2" --prefix "$scratch/first" >/dev/null
prefix="$scratch/moved to"  # with a space, since a home folder may have one
mv "$scratch/first" "$prefix"
for path in lib/aftersales/plugins/amazon_reports.so share/aftersales/demo/us \
  share/aftersales/protos/aftersales/v1/return_service.proto \
  share/aftersales/protos/google/rpc/status.proto; do
  [ -e "$prefix/$path" ] || fail "$path was not installed"
done
cd /

"$prefix/bin/aftersales" --version
"$prefix/bin/aftersales" demo --once --listen 127.0.0.1:0 >"$scratch/demo" 2>&1 ||
  { cat "$scratch/demo"; fail "the demo failed"; }
grep -q '^7. ' "$scratch/demo" || fail "the demo did not come to its last step"

/usr/bin/python3 "$tests/with_demo.py" "$prefix/bin/aftersales" \
  "$prefix/bin/aftersales" plugins list --address '{address}' >"$scratch/plugins"
cat "$scratch/plugins"
for id in amazon-reports dhl epacket files; do
  grep -q "^$id .*healthy" "$scratch/plugins" || fail "the plugin $id is not there or not healthy"
done
