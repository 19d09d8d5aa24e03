#!/usr/bin/env bash
# Compiles the filters to WebAssembly and puts them into .ferrox/wasm/ (or $FERROX_WASM_DIR).
#
#   build-wasm.sh           the three filters
#   build-wasm.sh --empty   a filter that does nothing, for the benchmark
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/wasm-toolchain.sh

TARGET_DIR=${FERROX_WASM_TARGET_DIR:-target/wasm}
OUT=${FERROX_WASM_DIR:-.ferrox/wasm}

build=(build --profile wasm --target "$WASM_TARGET" --target-dir "$TARGET_DIR")
case "${1:-}" in
'')
    build+=(-p ferrox-auth -p ferrox-rate-limit -p ferrox-cache-key --lib)
    modules=(ferrox_auth ferrox_rate_limit ferrox_cache_key)
    ;;
--empty)
    build+=(-p ferrox-host --example empty)
    modules=(examples/empty)
    ;;
*)
    echo "build-wasm: unknown argument '$1'" >&2
    exit 1
    ;;
esac

toolchain=$(wasm_toolchain) || {
    echo "build-wasm: no toolchain for $WASM_TARGET is ready, run 'make setup'" >&2
    exit 1
}
case "$toolchain" in
installed) cargo "${build[@]}" ;;
debian)
    # RUSTC_BOOTSTRAP lets a stable compiler build std. It must be told of the linker and of wasi-libc, which
    # rustup's toolchain would bring.
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 PATH=/usr/bin:$PATH \
        RUSTFLAGS="-L native=/usr/lib/wasm32-wasi -C linker=/usr/bin/wasm-ld-22" \
        /usr/bin/cargo "${build[@]}" -Zbuild-std=std,panic_abort
    ;;
esac

# Auth has decided when the request's headers came.
unused_by_auth=(proxy_on_response_{headers,body,trailers} proxy_on_done proxy_on_log)

mkdir -p "$OUT"
for module in "${modules[@]}"; do
    name=$(basename "$module").wasm
    # By rename: a running Envoy never reads half a file.
    cp "$TARGET_DIR/$WASM_TARGET/wasm/$module.wasm" "$OUT/.$name.new"
    [ "$module" != ferrox_auth ] || scripts/drop-exports.py "$OUT/.$name.new" "${unused_by_auth[@]}"
    mv -f "$OUT/.$name.new" "$OUT/$name"
done
