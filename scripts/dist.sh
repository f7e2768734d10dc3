#!/usr/bin/env bash
# Makes a release in dist/: the binary with its licences, the README and a bill of materials in an archive, the bill beside
# it, and SHA256SUMS. The same source gives the same archive, if the compiler gives the same binary.
#
#   scripts/dist.sh
#
# DIST_BINARY           a binary to pack instead of one that is built here
# SPLADE_REVISION       what the source is, where there is no git: a revision
# SPLADE_REVISION_DATE  and its date, as YYYY-MM-DD
# SOURCE_DATE_EPOCH     the time of the files in the archive, in seconds; without it the revision's
#
# The binary has everything in it but glibc (2.34 or later) and libgcc_s. It is not linked with a static glibc: that loads
# the system's name services (systemd-resolved, LDAP and so on) only if they are of its own version, so that some servers'
# names would not resolve on other systems.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CYCLONEDX=0.5.9
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)

# What of it git knows, unless it is said.
from_git() {
  if [[ -e .git ]]; then git "$@" 2>/dev/null || true; fi
}

if [[ -z ${SPLADE_REVISION:-} ]]; then
  SPLADE_REVISION=$(from_git rev-parse --short=12 HEAD)
  SPLADE_REVISION_DATE=$(from_git log -1 --format=%cs)
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(from_git log -1 --format=%ct)}
  if [[ -n $(from_git status --porcelain) ]]; then SPLADE_REVISION+=-dirty; fi
fi
export SPLADE_REVISION=${SPLADE_REVISION:-unknown} SPLADE_REVISION_DATE=${SPLADE_REVISION_DATE:-}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
triple=$(rustc -vV | sed -n 's/^host: //p')
name=splade-sidecar-$version-$SPLADE_REVISION-$triple

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files=$work/$name
mkdir "$files"

binary=${DIST_BINARY:-}
if [[ -z $binary ]]; then
  cargo build --release --locked
  binary=$target/release/splade-sidecar
  if [[ $("$binary" --version) != *"$version ($SPLADE_REVISION"* ]]; then
    echo "error: $("$binary" --version) is not $version ($SPLADE_REVISION)" >&2
    exit 1
  fi
fi
needed=$(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
if foreign=$(grep -Ev '^(libc|libm|libgcc_s|ld-linux-[a-z0-9_-]*)\.so\.[0-9]+$' <<<"$needed"); then
  printf 'error: %s needs libraries that other systems may not have:\n%s\n' "$binary" "$foreign" >&2
  exit 1
fi

if [[ $("$target/tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null) != *" $CYCLONEDX" ]]; then
  cargo install --quiet --locked --version "=$CYCLONEDX" --root "$target/tools" --target-dir "$target/tools-build" \
    cargo-cyclonedx
  rm -rf "$target/tools-build"
fi
# It writes beside the Cargo.toml of each package.
trap 'rm -rf "$work" sbom.cdx.json xtask/sbom.cdx.json' EXIT
"$target/tools/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --target "$triple" \
  --no-build-deps --override-filename sbom.cdx
# Where it was built is nobody's business, and differs.
sed "s|file://$PWD|file:///splade-sidecar|g" sbom.cdx.json >"$files/sbom.cdx.json"
python3 scripts/third_party.py "$triple" >"$files/THIRD-PARTY.txt"
cp LICENSE README.md CHANGELOG.md "$files/"
install -m 755 "$binary" "$files/splade-sidecar"

rm -rf dist
mkdir dist
cp "$files/sbom.cdx.json" "dist/$name.cdx.json"
tar --create --directory "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
  --mode=u=rwX,go=rX "$name" | gzip --no-name --best >"dist/$name.tar.gz"
(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
