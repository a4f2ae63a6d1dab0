// Self-check: noise bit for bit, and the golden samples. Exits with 1 where something differs. With --noise, noise alone.
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>

#include "generator.hpp"
#include "npy.hpp"

namespace {

constexpr int kLevels = 1;
constexpr double kShare = 0.999;  // of images: so many pixels are within so many levels of 255
int problems = 0;

void differs(const std::string& what) {
  std::cerr << "differs: " << what << '\n';
  ++problems;
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), 4 * values.size());
  return bits;
}

void check_noise() {
  std::ifstream file("golden/noise.txt");
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::size_t count = 0;
  int vectors = 0;
  for (; file >> seed >> stream >> count; ++vectors) {
    std::vector<std::uint32_t> expected(3 * count);
    for (auto& one : expected) file >> one;
    auto found = generator::noise::words(seed, stream, count);
    for (const auto& more : {bits_of(generator::noise::uniforms(seed, stream, count)), bits_of(generator::noise::normals(seed, stream, count))}) {
      found.insert(found.end(), more.begin(), more.end());
    }
    if (found != expected) differs("noise of seed " + std::to_string(seed) + ", stream " + std::to_string(stream));
  }
  if (vectors == 0) differs("golden/noise.txt is not here");
}

void check_samples(generator::Generator& network) {
  std::ifstream file("golden/golden.txt", std::ios::binary);
  std::size_t count = 0;
  int images = 0, texts = 0;
  file >> count >> images >> texts;
  std::vector<std::uint64_t> seeds(count);
  for (auto& seed : seeds) file >> seed;
  generator::Choices choices;
  for (const auto& one : generator::model::inputs) {
    if (one.source == generator::Source::image) choices.inputs[one.name] = generator::read_npy("golden/image.npy");
  }
  const generator::Tensor found = network.sample(seeds, choices), expected = generator::read_npy("golden/samples.npy");
  if (found.shape != expected.shape || found.values.index() != expected.values.index()) {
    differs("the shape of the samples");
    return;
  }
  if (!texts) {
    const auto& made = std::get<std::vector<std::uint8_t>>(found.values);
    const auto& known = std::get<std::vector<std::uint8_t>>(expected.values);
    std::size_t near = 0;
    for (std::size_t place = 0; place < made.size(); ++place) near += std::abs(int{made[place]} - int{known[place]}) <= kLevels;
    if (static_cast<double>(near) < kShare * static_cast<double>(made.size())) {
      differs(std::to_string(made.size() - near) + " of " + std::to_string(made.size()) + " pixels");
    }
    return;
  }
  if (found.values != expected.values) differs("tokens");
  const auto& tokens = std::get<std::vector<std::int32_t>>(expected.values);
  const auto steps = static_cast<std::size_t>(expected.shape[1]);
  for (std::size_t row = 0; row < count; ++row) {
    std::size_t length = 0;
    file >> length;
    file.ignore(1);
    std::string text(length, ' ');
    file.read(text.data(), static_cast<std::streamsize>(length));
    // Bytes that are no UTF-8 are compared nowhere: each language marks them in its own way.
    if (text.find("\xEF\xBF\xBD") == std::string::npos && text != generator::Generator::decode(tokens.data() + row * steps, steps)) {
      differs("the text of seed " + std::to_string(seeds[row]));
    }
  }
}

}  // namespace

int main(int count, char** given) try {
  check_noise();
  if (count < 2 || std::string(given[1]) != "--noise") {
    generator::Generator network(generator::open_runtime(generator::model::file, generator::model::output));
    check_samples(network);
  }
  if (problems == 0) std::cout << "equal to the golden samples\n";
  return problems == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
