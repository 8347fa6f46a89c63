#!/bin/sh
# Runs an example client against a demo host: client_test.sh python|node AFTERSALES SCRATCH_DIR
# Exits with 77 (skipped) where the client's language is not installed; CI must have them all.
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
clients=$tests/../examples/clients

skip() {
  echo "$1"
  [ -n "${CI:-}" ] && exit 1
  echo "skipped"
  exit 77
}

case $1 in
  python)
    /usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null ||
      skip "install Debian's python3-grpcio and python3-protobuf"
    set -- "$2" /usr/bin/python3 "$clients/python/client.py"
    ;;
  node)
    command -v npm >/dev/null || skip "install Node.js 18 or later with npm"
    # In a copy, so that a test leaves nothing in the source tree.
    mkdir -p "$3" && cp "$clients"/node/package*.json "$clients/node/client.mjs" "$3"
    (cd "$3" && npm ci --silent --no-audit --no-fund) || skip "npm could not fetch the packages"
    export AFTERSALES_PROTOS="$tests/../protos:$tests/../core/status"
    set -- "$2" node "$3/client.mjs"
    ;;
esac
exec /usr/bin/python3 "$tests/with_demo.py" "$@" "{address}" sellers/acme
