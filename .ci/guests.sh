#!/usr/bin/env bash
# Installs what plugins in other languages are built with, on a clean Debian machine, and prints what is there. It may run again
# at any time. After it, PATCHBAY_GUESTS=required makes a test fail that would otherwise skip for want of a tool.
set -euo pipefail

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
have() { command -v "$1" >/dev/null 2>&1; }
packages=()

# Rust: the machine has it by rustup; the target is a download of some 20 MB.
rustup target add wasm32-unknown-unknown

# C: clang and its linker for WebAssembly, and its sanitizers, with which the library is tested.
have clang || packages+=(clang)
have wasm-ld || packages+=(lld)
printf 'int main(void) { return 0; }' | clang -fsanitize=address -x c -o /dev/null - 2>/dev/null || packages+=(libclang-rt-dev)

# AssemblyScript: the tests install the compiler from npm's registry into the user's cache, once.
have node || packages+=(nodejs)
have npm || packages+=(npm)

# Python, TypeScript and Java, whose plugins are processes. None takes packages to run; the tests have npm fetch what TypeScript
# is built with into the user's cache, and Maven fetch JUnit and its own plugins into ~/.m2, once.
have python3 || packages+=(python3)
have javac || packages+=(openjdk-17-jdk-headless)
have mvn || packages+=(maven)

if [ "${#packages[@]}" -gt 0 ]; then
	root apt-get update -qq
	root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

for tool in cargo rustc clang wasm-ld node npm python3 javac mvn; do
	printf '%-8s %s\n' "$tool" "$("$tool" --version 2>/dev/null | head -n 1)"
done
