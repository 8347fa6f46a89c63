#!/bin/sh
# Makes lib/, which the plugin needs beside it: the messages of the contract, and the helper that
# serves them. Both come from an installation of Aftersales.
# usage: ./build.sh [PREFIX]      PREFIX is $AFTERSALES_PREFIX or /opt/aftersales by default
set -eu
cd "$(dirname "$0")"
here=$(pwd)
prefix=${1:-${AFTERSALES_PREFIX:-/opt/aftersales}}
if [ ! -d "$prefix/share/aftersales/protos/aftersales/plugin" ]; then
  echo "$prefix holds no installation of Aftersales; give its prefix: ./build.sh PREFIX" >&2
  exit 1
fi
umask 022  # the host refuses what others may write
rm -rf lib
mkdir lib
cp "$prefix/share/aftersales/python/aftersales_plugin.py" lib/
cd "$prefix/share/aftersales/protos"
protoc -I. --python_out="$here/lib" aftersales/plugin/v1/*.proto \
  $(ls aftersales/v1/*.proto | grep -v '_service\.proto$')
chmod go-w "$here" "$here"/*.plugin
