// Reads .npy files of uint8 and int32.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "runtime.hpp"

namespace generator {

inline Tensor read_npy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream whole;
  whole << file.rdbuf();
  const std::string bytes = whole.str();
  if (bytes.size() < 12 || bytes.compare(1, 5, "NUMPY") != 0) throw std::runtime_error("no .npy file: " + path);
  const auto at = [&](std::size_t place) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[place])); };
  const bool wide = at(6) > 1;
  const std::size_t start = wide ? 12 + at(8) + (at(9) << 8) + (at(10) << 16) : 10 + at(8) + (at(9) << 8);
  const std::string header = bytes.substr(10, start - 10);
  Tensor tensor;
  std::stringstream sizes(header.substr(header.find('(') + 1));
  for (std::int64_t size = 0; sizes >> size; sizes.ignore(1)) tensor.shape.push_back(size);
  const char* body = bytes.data() + start;
  const std::size_t length = bytes.size() - start;
  if (header.find("'|u1'") != std::string::npos) {
    tensor.values = std::vector<std::uint8_t>(body, body + length);
  } else if (header.find("'<i4'") != std::string::npos) {
    std::vector<std::int32_t> values(length / 4);
    std::copy(body, body + 4 * values.size(), reinterpret_cast<char*>(values.data()));
    tensor.values = std::move(values);
  } else {
    throw std::runtime_error("neither uint8 nor int32: " + path);
  }
  return tensor;
}

}  // namespace generator
