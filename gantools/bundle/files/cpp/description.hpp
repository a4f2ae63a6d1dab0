// The words that model.hpp describes the network with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace generator {

enum class Type { float32, int64, int32, uint8 };
enum class Source { normal, uniform, category, setting, constant, image };
enum class Joint { none, spaces, nothing, bytes };

constexpr std::int64_t kBatch = -1, kSteps = -2, kFree = -3;  // sizes that are not fixed

struct Input {
  const char* name;
  Type type;
  std::vector<std::int64_t> shape;
  bool rows;  // each sample has a row of its own
  Source source;
  std::uint32_t stream;
  std::int64_t categories;
  double value, low, high;
};

struct Limits {
  std::int64_t min, max;
};

}  // namespace generator
