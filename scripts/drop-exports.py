#!/usr/bin/env python3
"""Takes functions out of what a WebAssembly module exports.

    drop-exports.py MODULE NAME...

Envoy calls a filter's callback only if the module exports it, and the SDK exports all of them: each is a way into V8
and back, which costs a request about a microsecond though the filter does nothing there. A name that the module does not
export is an error.
"""

import sys

EXPORT_SECTION = 7


def leb128(data, at):
    """An unsigned number of the binary format (WebAssembly core specification section 5.2.2), and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def encode(value):
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def without(exports, names):
    """The export section (5.5.10) without those names."""
    count, at = leb128(exports, 0)
    kept, missing = [], set(names)
    for _ in range(count):
        length, start = leb128(exports, at)
        name = exports[start : start + length].decode()
        _, end = leb128(exports, start + length + 1)
        if name in missing:
            missing.remove(name)
        else:
            kept.append(exports[at:end])
        at = end
    if missing:
        sys.exit(f"drop-exports: the module does not export {', '.join(sorted(missing))}")
    return encode(len(kept)) + b"".join(kept)


def main(path, *names):
    with open(path, "rb") as file:
        module = file.read()
    at, out = 8, module[:8]
    while at < len(module):
        size, start = leb128(module, at + 1)
        content = module[start : start + size]
        if module[at] == EXPORT_SECTION:
            content = without(content, names)
        out += module[at : at + 1] + encode(len(content)) + content
        at = start + size
    with open(path, "wb") as file:
        file.write(out)


main(*sys.argv[1:])
