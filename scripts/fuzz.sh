#!/usr/bin/env bash
# Fuzzes the auth filter: each target so many seconds, one after the other; ends at the first finding, which is then in
# fuzz/artifacts/. What reached new code is added to fuzz/corpus/, which keeps the fewest inputs that reach all of it.
#
#   scripts/fuzz.sh SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET...]}
shift

export PATH=$PWD/.ferrox/venv/bin:$PATH
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

# There is no unsafe code of ours for a sanitizer to watch, and a stable compiler has none.
cargo fuzz build --sanitizer none --debug-assertions
built=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release
mkdir -p fuzz/artifacts

for target in "${targets[@]}"; do
    corpus=fuzz/corpus/$target
    found=$(mktemp -d)
    "$built/$target" -max_total_time="$seconds" -max_len=2048 -dict=fuzz/words.dict -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target-" "$found" "$corpus"
    least=$(mktemp -d)
    "$built/$target" -use_counters=0 -set_cover_merge=1 "$least" "$corpus" "$found"
    rm -r "$corpus" "$found"
    mv "$least" "$corpus"
    chmod 755 "$corpus"
done
