# Sourced, not run: which toolchain compiles the filters. The one place that decides it.
#
#   installed  the cargo in PATH has the wasm32-wasip1 standard library (rustup target add)
#   debian     Debian's toolchain, which builds that library from its source package
#
# FERROX_WASM_TOOLCHAIN=installed|debian overrides the choice.

WASM_TARGET=wasm32-wasip1
# lld links wasm; wasi-libc is the C library beneath std.
DEBIAN_WASM_PACKAGES=(rustc-web cargo-web rust-web-src lld-22 wasi-libc)

installed_has_wasm() {
    [ -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$WASM_TARGET" ]
}

debian_has_wasm() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && [ -d /usr/lib/wasm32-wasi ] && [ -x /usr/bin/wasm-ld-22 ] &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

# Prints the toolchain that is ready for use; fails when there is none.
wasm_toolchain() {
    case "${FERROX_WASM_TOOLCHAIN:-}" in
    '')
        if installed_has_wasm; then
            echo installed
        elif debian_has_wasm; then
            echo debian
        else
            return 1
        fi
        ;;
    installed) installed_has_wasm && echo installed ;;
    debian) debian_has_wasm && echo debian ;;
    *)
        echo "FERROX_WASM_TOOLCHAIN must be 'installed' or 'debian', not '$FERROX_WASM_TOOLCHAIN'" >&2
        return 1
        ;;
    esac
}
