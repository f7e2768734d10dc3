#!/usr/bin/env bash
# Builds a release in dist/: an archive with the binary, its licences, the README and an SBOM; the SBOM as a separate file; and
# SHA256SUMS. The archive is reproducible if the compiler's output is.
#
#   scripts/dist.sh
#
# DIST_BINARY           path of a binary to package; by default, the script builds one
# SPLADE_REVISION       revision of the source; by default, that of the git repository
# SPLADE_REVISION_DATE  date of the revision, as YYYY-MM-DD
# SOURCE_DATE_EPOCH     modification time of the files in the archive, in seconds since 1970; by default, that of the revision
#
# The binary links everything statically except glibc (2.34 or later) and libgcc_s. A static glibc can load the name services of
# the system (systemd-resolved, LDAP and so on) only if they are of the same glibc version, so host names might not resolve on
# other systems.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CYCLONEDX=0.5.9
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)

# Runs git and ignores failures. Prints nothing outside of a git repository.
run_git() {
  if [[ -e .git ]]; then git "$@" 2>/dev/null || true; fi
}

if [[ -z ${SPLADE_REVISION:-} ]]; then
  SPLADE_REVISION=$(run_git rev-parse --short=12 HEAD)
  SPLADE_REVISION_DATE=$(run_git log -1 --format=%cs)
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(run_git log -1 --format=%ct)}
  if [[ -n $(run_git status --porcelain) ]]; then SPLADE_REVISION+=-dirty; fi
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
    echo "error: the binary reports $("$binary" --version), expected $version ($SPLADE_REVISION)" >&2
    exit 1
  fi
fi
needed=$(readelf -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
if foreign=$(grep -Ev '^(libc|libm|libgcc_s|ld-linux-[a-z0-9_-]*)\.so\.[0-9]+$' <<<"$needed"); then
  printf 'error: %s links shared libraries that other systems may lack:\n%s\n' "$binary" "$foreign" >&2
  exit 1
fi

if [[ $("$target/tools/bin/cargo-cyclonedx" cyclonedx --version 2>/dev/null) != *" $CYCLONEDX" ]]; then
  cargo install --quiet --locked --version "=$CYCLONEDX" --root "$target/tools" --target-dir "$target/tools-build" \
    cargo-cyclonedx
  rm -rf "$target/tools-build"
fi
# cargo-cyclonedx writes its output next to the Cargo.toml of each package.
trap 'rm -rf "$work" sbom.cdx.json xtask/sbom.cdx.json' EXIT
"$target/tools/bin/cargo-cyclonedx" cyclonedx --quiet --format json --spec-version 1.5 --target "$triple" \
  --no-build-deps --override-filename sbom.cdx
# Removes the build directory from the SBOM, for privacy and reproducibility.
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
