// The generator of this folder: seeds to samples. C++17, no library but the runtime.
//
// Noise is the same, bit for bit, in Python, JavaScript and C++. Words come from Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the 64-bit seed is the key, low word first; word w of stream s is
// word w mod 4 of the block at counter (w div 4, s, 0, 0). The maps use only operations that IEEE 754 rounds correctly, so
// compile without fused multiply-add and without fast math: -ffp-contract=off, or /fp:strict.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "model.hpp"
#include "runtime.hpp"

namespace generator {

namespace noise {

constexpr int kCells = 65536;
// Wichura's PPND16 (Algorithm AS 241, 1988), highest power first: above and below the line, centre and tail.
constexpr std::array<double, 8> kCentreAbove{2509.0809287301226727,  33430.575583588128105, 67265.770927008700853,
                                             45921.953931549871457,  13731.693765509461125, 1971.5909503065514427,
                                             133.14166789178437745,  3.387132872796366608};
constexpr std::array<double, 8> kCentreBelow{5226.495278852545925,  28729.085735721942674, 39307.89580009271061,
                                             21213.794301586595867, 5394.1960214247511077, 687.1870074920579083,
                                             42.313330701600911252, 1.0};
constexpr std::array<double, 8> kTailAbove{7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
                                           1.27045825245236838258,   3.64784832476320460504,   5.7694972214606914055,
                                           4.6303378461565452959,    1.42343711074968357734};
constexpr std::array<double, 8> kTailBelow{1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
                                           0.14810397642748007459,    0.68976733498510000455,  1.6763848301838038494,
                                           2.05319162663775882187,    1.0};
// Of log(1 + f) = f - (f*f/2 - s*(f*f/2 + R(s*s))), s = f/(2 + f): the coefficients of R, highest first.
constexpr std::array<double, 7> kLog{0.1479819860511658591, 0.1531383769920937332, 0.1818357216161805012, 0.2222219843214978396,
                                     0.2857142874366239149, 0.3999999999940941908, 0.6666666666666735130};

template <std::size_t N>
double horner(const std::array<double, N>& coefficients, double x) {
  double value = coefficients[0];
  for (std::size_t place = 1; place < N; ++place) {
    const double product = value * x;
    value = product + coefficients[place];
  }
  return value;
}

// Natural logarithm of a positive normal number, from basic operations.
inline double log(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  const bool below = mantissa < 0.7071067811865476;
  const double f = (below ? 2.0 * mantissa : mantissa) - 1.0;
  const double k = exponent - (below ? 1.0 : 0.0);
  const double s = f / (f + 2.0);
  const double z = s * s;
  const double half = 0.5 * f * f;
  const double series = z * horner(kLog, z);
  const double scaled = s * (half + series);
  const double low = k * 1.90821492927058770002e-10;
  const double high = k * 6.93147180369123816490e-01;
  return high - ((half - (scaled + low)) - f);
}

inline double quantile(double probability) {
  const double q = probability - 0.5;
  if (std::fabs(q) <= 0.425) {
    const double square = q * q;
    const double r = 0.180625 - square;
    return q * (horner(kCentreAbove, r) / horner(kCentreBelow, r));
  }
  const double r = std::sqrt(-log(0.5 - std::fabs(q))) - 1.6;
  return std::copysign(horner(kTailAbove, r) / horner(kTailBelow, r), q);
}

// The first words of a stream.
inline std::vector<std::uint32_t> words(std::uint64_t seed, std::uint32_t stream, std::size_t count) {
  std::vector<std::uint32_t> drawn;
  drawn.reserve(count + 3);
  for (std::uint32_t block = 0; drawn.size() < count; ++block) {
    std::array<std::uint32_t, 4> c{block, stream, 0, 0};
    auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0], p2 = std::uint64_t{0xCD9E8D57} * c[2];
      c = {static_cast<std::uint32_t>(p2 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p2),
           static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    drawn.insert(drawn.end(), c.begin(), c.end());
  }
  drawn.resize(count);
  return drawn;
}

// U(0, 1), ends excluded.
inline std::vector<float> uniforms(std::uint64_t seed, std::uint32_t stream, std::size_t count) {
  std::vector<float> values;
  values.reserve(count);
  for (const std::uint32_t word : words(seed, stream, count)) {
    values.push_back(static_cast<float>(std::min((word + 0.5) * 0x1p-32, 1.0 - 0x1p-24)));
  }
  return values;
}

// N(0, 1): the inverse distribution function, linear between multiples of 2**-16.
inline std::vector<float> normals(std::uint64_t seed, std::uint32_t stream, std::size_t count) {
  static const std::vector<double> knots = [] {
    std::vector<double> table(kCells);
    for (int place = 1; place < kCells; ++place) table[place] = quantile(static_cast<double>(place) / kCells);
    return table;
  }();
  std::vector<float> values;
  values.reserve(count);
  for (const std::uint32_t word : words(seed, stream, count)) {
    const std::uint32_t cell = word >> 16;
    if (cell == 0 || cell == kCells - 1) {
      values.push_back(static_cast<float>(quantile((word + 0.5) * 0x1p-32)));
      continue;
    }
    const double slope = (knots[cell + 1] - knots[cell]) * 0x1p-16;
    const double above = ((word & 0xFFFF) + 0.5) * slope;
    values.push_back(static_cast<float>(knots[cell] + above));
  }
  return values;
}

// One of 0 .. categories - 1, all equally likely.
inline std::vector<std::int64_t> classes(std::uint64_t seed, std::uint32_t stream, std::size_t count, std::int64_t categories) {
  std::vector<std::int64_t> values;
  for (const float uniform : uniforms(seed, stream, count)) {
    const float scaled = uniform * static_cast<float>(categories);
    values.push_back(std::min(static_cast<std::int64_t>(scaled), categories - 1));
  }
  return values;
}

}  // namespace noise

// What may be chosen beside the seed.
struct Choices {
  std::map<std::string, float> settings;    // such as {"temperature", 0.7f}; what is left out has its default
  std::optional<std::int64_t> label;        // the class of all samples; none: drawn from the seeds
  std::vector<std::int32_t> prefix;         // tokens that all texts begin with
  std::int64_t steps = 0;                   // the most tokens of a text; 0: as many as the network makes
  Tensors inputs;                           // instead of what would be drawn, one row for each seed; images too
  std::int64_t batch = 0;                   // samples in one run; 0: as many as the network takes
};

class Generator {
 public:
  explicit Generator(std::unique_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}

  // One sample for each seed: uint8 (n, height, width, channels), or tokens int32 (n, steps). A seed is a sample, in any batch.
  // Throws std::invalid_argument where something does not fit.
  Tensor sample(const std::vector<std::uint64_t>& seeds, const Choices& choices = {}) {
    if (seeds.empty()) throw std::invalid_argument("give one or more seeds");
    const auto count = static_cast<std::int64_t>(seeds.size());
    const Tensors given = given_inputs(count, choices);
    const std::int64_t size = std::min(choices.batch > 0 ? choices.batch : model::batch.max, model::batch.max);
    Tensor all;
    for (std::int64_t start = 0; start < count; start += size) {
      const std::int64_t wanted = std::min(size, count - start);
      // A network that takes no fewer samples makes the last of them several times.
      std::vector<std::int64_t> places;
      for (std::int64_t place = 0; place < std::max(wanted, model::batch.min); ++place) {
        places.push_back(std::min(start + place, start + wanted - 1));
      }
      append(all, runtime_->run(inputs_of(seeds, places, given)), wanted);
    }
    return all;
  }

  // The text of a row of tokens, up to its end, as UTF-8.
  static std::string decode(const std::int32_t* tokens, std::size_t count) {
    std::string text;
    for (std::size_t place = 0; place < count && tokens[place] != model::end; ++place) {
      if (model::joint == Joint::spaces && place > 0) text += ' ';
      text += model::tokens.at(static_cast<std::size_t>(tokens[place]));
    }
    return model::joint == Joint::bytes ? bytes_of_letters(text) : text;
  }

  // The tokens of a text whose words are separated by spaces; where tokens are no words, give tokens.
  static std::vector<std::int32_t> encode(const std::string& text) {
    if (model::joint != Joint::spaces) throw std::invalid_argument("this vocabulary is not of words: give tokens as prefix");
    std::vector<std::int32_t> found;
    for (std::size_t start = text.find_first_not_of(" \t\n"); start != std::string::npos;) {
      const std::size_t end = text.find_first_of(" \t\n", start);
      const auto known = std::find(model::tokens.begin(), model::tokens.end(), text.substr(start, end - start));
      const auto number = static_cast<std::int32_t>(known - model::tokens.begin());
      found.push_back(known == model::tokens.end() ? model::unknown : std::max(number, model::unknown));
      start = end == std::string::npos ? end : text.find_first_not_of(" \t\n", end);
    }
    return found;
  }

 private:
  static const Input& named(const std::string& name) {
    for (const Input& one : model::inputs) {
      if (name == one.name) return one;
    }
    throw std::invalid_argument("there is no input '" + name + "'");
  }

  template <typename T>
  static Tensor filled(std::int64_t count, T value) {
    return {{count}, std::vector<T>(static_cast<std::size_t>(count), value)};
  }

  static Tensors given_inputs(std::int64_t count, const Choices& choices) {
    Tensors given = choices.inputs;
    for (const auto& [name, value] : choices.settings) {
      const Input& one = named(name);
      if (one.source != Source::setting || !(value >= one.low && value <= one.high)) {
        throw std::invalid_argument("setting '" + name + "' is not there, or not that low or high");
      }
      given[name] = filled(count, value);
    }
    if (choices.label) {
      const auto one = std::find_if(model::inputs.begin(), model::inputs.end(),
                                    [](const Input& each) { return each.source == Source::category; });
      if (one == model::inputs.end()) throw std::invalid_argument("this network takes no label");
      if (*choices.label < 0 || *choices.label >= one->categories) throw std::invalid_argument("there is no such class");
      given[one->name] = filled(count, *choices.label);
    }
    if (!choices.prefix.empty() || choices.steps > 0) {
      const std::int64_t steps = choices.steps > 0 ? choices.steps : model::steps.max;
      const auto length = static_cast<std::int64_t>(choices.prefix.size());
      if (steps < model::steps.min || steps > model::steps.max || length >= steps) {
        throw std::invalid_argument("a text is not that long, or its prefix fills it");
      }
      std::vector<std::int32_t> rows(static_cast<std::size_t>(count * steps), -1);  // -1: the network chooses
      for (std::int64_t row = 0; row < count; ++row) {
        std::copy(choices.prefix.begin(), choices.prefix.end(), rows.begin() + row * steps);
      }
      given["prefix"] = {{count, steps}, std::move(rows)};
    }
    for (const auto& [name, tensor] : given) {
      if (named(name).rows && (tensor.shape.empty() || tensor.shape[0] != count)) {
        throw std::invalid_argument("input '" + name + "' has not one row for each seed");
      }
    }
    return given;
  }

  static Tensors inputs_of(const std::vector<std::uint64_t>& seeds, const std::vector<std::int64_t>& places, const Tensors& given) {
    const auto prefix = given.find("prefix");
    const std::int64_t steps = prefix != given.end() ? prefix->second.shape[1] : model::steps.max;
    Tensors made;
    for (const Input& one : model::inputs) {
      const auto found = given.find(one.name);
      if (found != given.end()) {
        made[one.name] = one.rows ? rows_of(found->second, places) : found->second;
        continue;
      }
      if (one.source == Source::image) throw std::invalid_argument("this network makes images of images: give one");
      std::vector<std::int64_t> shape = one.shape;
      std::replace(shape.begin(), shape.end(), kSteps, steps);
      std::int64_t size = 1;
      for (std::size_t axis = one.rows ? 1 : 0; axis < shape.size(); ++axis) size *= shape[axis];
      const std::size_t rows = one.rows ? places.size() : 1;
      if (one.rows) shape[0] = static_cast<std::int64_t>(rows);
      Tensor tensor{shape, {}};
      if (one.type == Type::float32) tensor.values = std::vector<float>();
      if (one.type == Type::int64) tensor.values = std::vector<std::int64_t>();
      if (one.type == Type::int32) tensor.values = std::vector<std::int32_t>();
      if (one.type == Type::uint8) tensor.values = std::vector<std::uint8_t>();
      for (std::size_t row = 0; row < rows; ++row) {
        const std::uint64_t seed = seeds[static_cast<std::size_t>(places[row])];
        std::visit([&](auto& values) { draw(one, seed, static_cast<std::size_t>(size), values); }, tensor.values);
      }
      made[one.name] = std::move(tensor);
    }
    return made;
  }

  template <typename T>
  static void draw(const Input& one, std::uint64_t seed, std::size_t size, std::vector<T>& values) {
    const auto add = [&](const auto& drawn) {
      for (const auto value : drawn) values.push_back(static_cast<T>(value));
    };
    if (one.source == Source::normal) {
      add(noise::normals(seed, one.stream, size));
    } else if (one.source == Source::uniform) {
      add(noise::uniforms(seed, one.stream, size));
    } else if (one.source == Source::category) {
      add(noise::classes(seed, one.stream, size, one.categories));
    } else {
      values.insert(values.end(), size, static_cast<T>(one.value));
    }
  }

  static Tensor rows_of(const Tensor& tensor, const std::vector<std::int64_t>& places) {
    Tensor made{tensor.shape, {}};
    made.shape[0] = static_cast<std::int64_t>(places.size());
    std::visit(
        [&](const auto& values) {
          const auto size = static_cast<std::ptrdiff_t>(values.size()) / static_cast<std::ptrdiff_t>(tensor.shape[0]);
          std::decay_t<decltype(values)> rows;
          for (const std::int64_t place : places) {
            rows.insert(rows.end(), values.begin() + place * size, values.begin() + (place + 1) * size);
          }
          made.values = std::move(rows);
        },
        tensor.values);
    return made;
  }

  static void append(Tensor& all, Tensor part, std::int64_t wanted) {
    std::visit(
        [&](auto& values) {
          values.resize(values.size() / static_cast<std::size_t>(part.shape[0]) * static_cast<std::size_t>(wanted));
          if (all.shape.empty()) {
            all.shape = part.shape;
            all.shape[0] = wanted;
            all.values = std::move(values);
            return;
          }
          auto& before = std::get<std::decay_t<decltype(values)>>(all.values);
          before.insert(before.end(), values.begin(), values.end());
          all.shape[0] += wanted;
        },
        part.values);
  }

  // Letters of a byte-level vocabulary, which are UTF-8 of at most two bytes, as the bytes they stand for.
  static std::string bytes_of_letters(const std::string& letters) {
    std::vector<char> byte_of(512, '?');
    int others = 0;
    for (int byte = 0; byte < 256; ++byte) {
      const bool plain = (byte >= 0x21 && byte < 0x7F) || (byte >= 0xA1 && byte < 0xAD) || byte >= 0xAE;
      byte_of[static_cast<std::size_t>(plain ? byte : 256 + others++)] = static_cast<char>(byte);
    }
    std::string bytes;
    for (std::size_t place = 0; place < letters.size(); ++place) {
      auto letter = static_cast<unsigned char>(letters[place]);
      unsigned point = letter;
      if (letter >= 0xC0) point = (letter & 0x1Fu) << 6 | (static_cast<unsigned char>(letters[++place]) & 0x3Fu);
      bytes += byte_of.at(point);
    }
    return bytes;
  }

  std::unique_ptr<Runtime> runtime_;
};

}  // namespace generator
