#!/usr/bin/env bash
# Builds etcd, kube-apiserver and kube-controller-manager into one program and links it under its three names.
# Usage: build.sh <directory>, where it makes <directory>/control-plane and <directory>/bin/.
set -euo pipefail

into=$(mkdir -p "$1/bin" && cd "$1" && pwd)
cd "$(dirname "$0")"
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)

echo "Kubernetes $version is built from source, once: 4 to 5 minutes on 2 cores, longer with an empty download cache."
echo "  downloading modules ..."
go mod download
packages=$(go list -deps . | wc -l)
started=$SECONDS
echo "  compiling at most $packages packages (those in Go's cache are not compiled again) ..."

# kubectl and Helm refuse a server that does not know its version.
stamp="-X k8s.io/component-base/version.gitVersion=$version"
go build -v -trimpath -ldflags "-s -w $stamp" -o "$into/control-plane.new" . 2>&1 | while read -r line; do
    case $line in
    *" "*) echo "  $line" ;; # a compiler's message; names of packages have no spaces
    *)
        compiled=$((${compiled:-0} + 1))
        if ((compiled % 100 == 0)); then
            echo "  $compiled of $packages packages after $((SECONDS - started)) s"
        fi
        ;;
    esac
done
mv "$into/control-plane.new" "$into/control-plane"
for name in etcd kube-apiserver kube-controller-manager; do
    ln -sf ../control-plane "$into/bin/$name"
done
echo "  done after $((SECONDS - started)) s: $(du -h "$into/control-plane" | cut -f1)"
