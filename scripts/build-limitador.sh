#!/usr/bin/env bash
# Builds limitador as a rate limit service, for 'make bench-rate-limit': target/rivals/release/ferrox-rival-limitador.
#
# limitador 0.14 does not compile for Redis without RocksDB, since a module and a function that both need stand under RocksDB's
# feature alone. So it is built from a copy of the published source in which these two lines name both features.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

OUT=target/rivals
manifest=tests/rivals/limitador/Cargo.toml

# Prints the folder of limitador's source, which cargo has fetched.
published() {
    cargo metadata --locked --format-version 1 --manifest-path "$manifest" |
        python3 -c 'import json, os, sys
found = [p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "limitador"]
print(os.path.dirname(found[0]))'
}

source=$(published)
mkdir -p "$OUT"
# Into place in one step, and only when it changed: cargo compiles again what is newer.
rm -rf "$OUT/limitador.new"
cp -r "$source" "$OUT/limitador.new"
for file in counter storage/keys; do
    sed -i 's/^\( *\)#\[cfg(feature = "disk_storage")\]$/\1#[cfg(any(feature = "disk_storage", feature = "redis_storage"))]/' \
        "$OUT/limitador.new/src/$file.rs"
done
if ! diff -rq "$OUT/limitador.new" "$OUT/limitador" >/dev/null 2>&1; then
    rm -rf "$OUT/limitador"
    mv "$OUT/limitador.new" "$OUT/limitador"
fi
rm -rf "$OUT/limitador.new"

# A copy, since the lock file must not tell of the other source.
mkdir -p "$OUT/service"
cp -ru tests/rivals/limitador/. "$OUT/service"
cargo build --release --manifest-path "$OUT/service/Cargo.toml" --target-dir "$OUT" \
    --config "patch.crates-io.limitador.path='$PWD/$OUT/limitador'"
