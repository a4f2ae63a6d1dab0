// Samples of seeds: pictures as .ppm or .pgm files, texts on standard output.
//
//   sample [--image FILE.npy] [--prefix TEXT] [--label NUMBER] [--set NAME=VALUE] SEED...
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>

#include "generator.hpp"
#include "npy.hpp"

int main(int count, char** given) try {
  generator::Choices choices;
  std::vector<std::uint64_t> seeds;
  for (int place = 1; place < count; ++place) {
    const std::string word = given[place];
    const std::string value = place + 1 < count ? given[place + 1] : "";
    if (word.rfind("--", 0) == 0) ++place;
    if (word == "--image") {
      for (const auto& one : generator::model::inputs) {
        if (one.source == generator::Source::image) choices.inputs[one.name] = generator::read_npy(value);
      }
    } else if (word == "--prefix") {
      choices.prefix = generator::Generator::encode(value);
    } else if (word == "--label") {
      choices.label = std::stoll(value);
    } else if (word == "--set") {
      const std::size_t sign = value.find('=');
      choices.settings[value.substr(0, sign)] = std::stof(value.substr(sign + 1));
    } else {
      seeds.push_back(std::strtoull(word.c_str(), nullptr, 10));
    }
  }
  if (!choices.inputs.empty()) {
    seeds.clear();
    for (std::int64_t row = 0; row < choices.inputs.begin()->second.shape[0]; ++row) seeds.push_back(row);
  }
  if (seeds.empty()) seeds.push_back(0);
  generator::Generator network(generator::open_runtime(generator::model::file, generator::model::output));
  const generator::Tensor made = network.sample(seeds, choices);
  for (std::size_t row = 0; row < seeds.size(); ++row) {
    if (const auto* tokens = std::get_if<std::vector<std::int32_t>>(&made.values)) {
      const auto steps = static_cast<std::size_t>(made.shape[1]);
      std::cout << generator::Generator::decode(tokens->data() + row * steps, steps) << '\n';
      continue;
    }
    const auto& pixels = std::get<std::vector<std::uint8_t>>(made.values);
    const std::size_t size = pixels.size() / seeds.size();
    const bool grey = made.shape[3] == 1;
    std::ofstream file(std::to_string(seeds[row]) + (grey ? ".pgm" : ".ppm"), std::ios::binary);
    file << (grey ? "P5 " : "P6 ") << made.shape[2] << ' ' << made.shape[1] << " 255\n";
    file.write(reinterpret_cast<const char*>(pixels.data() + row * size), static_cast<std::streamsize>(size));
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
