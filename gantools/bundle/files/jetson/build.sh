#!/usr/bin/env bash
# Builds generator.engine on the device that runs it, with TensorRT 10 (JetPack 6) or 11 (JetPack 7).
#   ./build.sh             for the GPU, in the types of the graph
#   ./build.sh --dla 0     for DLA core 0 of an Orin, with the GPU for what DLA does not take
# TRTEXEC names the program where it is elsewhere.
set -euo pipefail
cd "$(dirname "$0")"

core=""
if [ "${1:-}" = "--dla" ]; then core="${2:?--dla takes the number of a core}"; fi
trtexec="${TRTEXEC:-$(command -v trtexec || echo /usr/src/tensorrt/bin/trtexec)}"
if ! command -v "$trtexec" > /dev/null; then
  echo "error: trtexec is not at $trtexec" >&2
  echo "  hint: sudo apt install tensorrt, or TRTEXEC=/path/to/trtexec ./build.sh" >&2
  exit 3
fi
# Its output tells the version in a line that ends with something like [TensorRT v100300], which is 10.3.0.
version="$("$trtexec" --help 2>&1 | sed -n 's/.*TensorRT v\([0-9]\{6\}\).*/\1/p' | head -n 1)"
major="${version:0:2}"
if [ "$major" != 10 ] && [ "$major" != 11 ]; then
  echo "error: TensorRT 10 or 11 is needed, and $trtexec is ${version:-of an unknown version}" >&2
  exit 3
fi

arguments=(--onnx=generator.onnx --saveEngine=generator.engine --skipInference)
if [ -z "$core" ]; then
  arguments+=(@SHAPES@)
  # Types of the graph decide; TensorRT 11 knows nothing else.
  if [ "$major" = 10 ]; then arguments+=(--stronglyTyped); fi
else
  if [ "$version" -ge 100800 ] && [ "$version" -lt 110401 ]; then
    echo "error: TensorRT $version has no DLA: 10.7 was the last, and 11.4.1 on JetPack 7.2.2 is the next" >&2
    exit 3
  fi
  # One size: DLA has no dynamic dimensions.
  arguments+=(@FIXED@ "--useDLACore=$core" --allowGPUFallback)
  # TensorRT 10 does not take types of the graph to DLA: it is told to use fp16.
  if [ "$major" = 10 ]; then arguments+=(--fp16); fi
fi
"$trtexec" "${arguments[@]}"
