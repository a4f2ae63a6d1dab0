// What runs the network. Two are here: runtime_openvino.cpp and runtime_onnxruntime.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace generator {

// Values of an input or output, row by row.
struct Tensor {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<std::int64_t>, std::vector<std::int32_t>, std::vector<std::uint8_t>> values;
};

using Tensors = std::map<std::string, Tensor>;

class Runtime {
 public:
  virtual ~Runtime() = default;
  // The output that is the sample. Throws std::exception where the runtime fails.
  virtual Tensor run(const Tensors& inputs) = 0;
};

// Opens a model file, in the precision of its types. `threads` 0: as many as there are.
std::unique_ptr<Runtime> open_runtime(const std::string& file, const std::string& output, int threads = 0);

}  // namespace generator
