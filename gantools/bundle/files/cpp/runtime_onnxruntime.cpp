// ONNX Runtime, on the CPU.
#include <onnxruntime_cxx_api.h>

#include "runtime.hpp"

namespace generator {
namespace {

class OnnxRuntime final : public Runtime {
 public:
  OnnxRuntime(const std::string& file, std::string output, int threads) : output_(std::move(output)) {
    Ort::SessionOptions options;
    if (threads > 0) options.SetIntraOpNumThreads(threads);
#ifdef _WIN32
    session_ = Ort::Session(environment_, std::wstring(file.begin(), file.end()).c_str(), options);
#else
    session_ = Ort::Session(environment_, file.c_str(), options);
#endif
  }

  Tensor run(const Tensors& inputs) override {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    std::vector<const char*> names;
    std::vector<Ort::Value> tensors;
    for (const auto& [name, given] : inputs) {
      names.push_back(name.c_str());
      std::visit(
          [&, &given = given](const auto& values) {
            using T = typename std::decay_t<decltype(values)>::value_type;
            tensors.push_back(Ort::Value::CreateTensor<T>(memory, const_cast<T*>(values.data()), values.size(),
                                                          given.shape.data(), given.shape.size()));
          },
          given.values);
    }
    const char* output = output_.c_str();
    auto made = session_.Run(Ort::RunOptions{nullptr}, names.data(), tensors.data(), tensors.size(), &output, 1);
    const auto info = made[0].GetTensorTypeAndShapeInfo();
    Tensor result{info.GetShape(), {}};
    const std::size_t count = info.GetElementCount();
    if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8) {
      const auto* first = made[0].GetTensorData<std::uint8_t>();
      result.values = std::vector<std::uint8_t>(first, first + count);
    } else {
      const auto* first = made[0].GetTensorData<std::int32_t>();
      result.values = std::vector<std::int32_t>(first, first + count);
    }
    return result;
  }

 private:
  Ort::Env environment_{ORT_LOGGING_LEVEL_ERROR};
  Ort::Session session_{nullptr};
  std::string output_;
};

}  // namespace

std::unique_ptr<Runtime> open_runtime(const std::string& file, const std::string& output, int threads) {
  return std::make_unique<OnnxRuntime>(file, output, threads);
}

}  // namespace generator
