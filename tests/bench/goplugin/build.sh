#!/bin/sh
# build.sh PROTOS OUT: makes OUT/goplugin. The first line of what it says is why it could not.
set -u
here=$(dirname "$(readlink -f "$0")")
protos=$1
out=$2
PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || { echo "Go is not installed"; exit 1; }
command -v protoc >/dev/null || { echo "protoc is not installed"; exit 1; }

work=$out/goplugin.src
mkdir -p "$work" && cp "$here/go.mod" "$here/go.sum" "$here/main.go" "$work" && cd "$work" || exit 1
export GOFLAGS=-mod=mod GOTOOLCHAIN=local
go build -o "$work/protoc-gen-go" google.golang.org/protobuf/cmd/protoc-gen-go >go.log 2>&1 ||
  { echo "the Go modules cannot be had or built: $(tail -n 1 go.log)"; exit 1; }
# The contract names no Go packages; they are given here, one for each of its own.
options=
for file in "$protos"/aftersales/v1/*.proto "$protos"/aftersales/plugin/v1/*.proto; do
  name=${file#"$protos"/}
  options="$options --go_opt=M$name=goplugin/$(dirname "$name")"
done
# shellcheck disable=SC2086
protoc -I"$protos" --plugin="$work/protoc-gen-go" --go_out="$work" --go_opt=module=goplugin $options \
  "$protos"/aftersales/v1/*.proto "$protos"/aftersales/plugin/v1/*.proto >protoc.log 2>&1 ||
  { echo "protoc failed: $(tail -n 1 protoc.log)"; exit 1; }
go build -o "$out/goplugin" . >go.log 2>&1 || { echo "go build failed: $(tail -n 1 go.log)"; exit 1; }
