// OpenVINO, on the CPU.
#include <openvino/runtime/core.hpp>
#include <openvino/runtime/properties.hpp>

#include "runtime.hpp"

namespace generator {
namespace {

template <typename T>
std::vector<T> values_of(const ov::Tensor& tensor) {
  const T* first = tensor.data<T>();
  return std::vector<T>(first, first + tensor.get_size());
}

class OpenVino final : public Runtime {
 public:
  OpenVino(const std::string& file, std::string output, int threads) : output_(std::move(output)) {
    // Left to itself OpenVINO computes fp32 in bf16 where the processor has it. This leaves the types of the graph as they are.
    ov::AnyMap settings{ov::hint::inference_precision(ov::element::f32),
                        ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY)};
    if (threads > 0) settings.insert(ov::inference_num_threads(threads));
    request_ = core_.compile_model(file, "CPU", settings).create_infer_request();
  }

  Tensor run(const Tensors& inputs) override {
    for (const auto& [name, given] : inputs) {
      const ov::Shape shape(given.shape.begin(), given.shape.end());
      std::visit(
          [&, &name = name](const auto& values) {
            using T = typename std::decay_t<decltype(values)>::value_type;
            request_.set_tensor(name, ov::Tensor(ov::element::from<T>(), shape, const_cast<T*>(values.data())));
          },
          given.values);
    }
    request_.infer();
    const ov::Tensor made = request_.get_tensor(output_);
    const ov::Shape shape = made.get_shape();
    Tensor result{{shape.begin(), shape.end()}, {}};
    if (made.get_element_type() == ov::element::u8) {
      result.values = values_of<std::uint8_t>(made);
    } else {
      result.values = values_of<std::int32_t>(made);
    }
    return result;
  }

 private:
  ov::Core core_;
  ov::InferRequest request_;
  std::string output_;
};

}  // namespace

std::unique_ptr<Runtime> open_runtime(const std::string& file, const std::string& output, int threads) {
  return std::make_unique<OpenVino>(file, output, threads);
}

}  // namespace generator
