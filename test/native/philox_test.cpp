// Philox against its published known answers, and the random ops against their formulas: bits, bounds, streams,
// moments.
#include "ops/random.h"

#include <algorithm>

#include "op_harness.h"

using namespace receptive;
using harness::Call;
using harness::Guarded;

namespace {

const OpList kOps = RECEPTIVE_TARGET::RandomFamily<RECEPTIVE_TARGET::Executor>::list();

struct Words {
  std::uint32_t w[4];
};

// The paper's definition, one word at a time.
Words reference(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xd2511f53} * c.w[0];
    const std::uint64_t p1 = std::uint64_t{0xcd9e8d57} * c.w[2];
    c = Words{{static_cast<std::uint32_t>(p1 >> 32) ^ c.w[1] ^ k0, static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ c.w[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return c;
}

Words element(std::uint64_t index, std::uint32_t k0, std::uint32_t k1) {
  return reference(Words{{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), 0, 0}}, k0, k1);
}

template <int N>
void known_answers() {
  namespace target = RECEPTIVE_TARGET;
  // Random123, kat_vectors: philox 4x32 10.
  struct Answer {
    Words counter;
    std::uint32_t key[2];
    Words result;
  };
  const Answer answers[] = {
      {{{0, 0, 0, 0}}, {0, 0}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
       {0xffffffff, 0xffffffff},
       {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       {0xa4093822, 0x299f31d0},
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Answer& answer : answers) {
    target::PhiloxWords<N> counter;
    for (int k = 0; k < 4; ++k) counter.w[k] = target::Pack<std::uint64_t, N>(std::uint64_t{answer.counter.w[k]});
    const auto words = target::philox(counter, target::PhiloxKey(answer.key[0], answer.key[1]));
    const Words scalar = reference(answer.counter, answer.key[0], answer.key[1]);
    for (int k = 0; k < 4; ++k) {
      EXPECT(scalar.w[k] == answer.result.w[k], "reference word %d: %08x", k, scalar.w[k]);
      for (int l = 0; l < N; ++l) {
        const auto word = static_cast<std::uint32_t>(words.w[k][l]);
        EXPECT(word == answer.result.w[k], "word %d of lane %d of %d: %08x, not %08x", k, l, N, word,
               answer.result.w[k]);
      }
    }
  }
}

struct Stream {
  std::uint32_t seed[2];
  double offset;
};

template <class T>
Guarded<T> draw(const char* op, std::size_t n, const Stream& s, const char* first, double a, const char* second,
                double b, int threads = 1) {
  Guarded<T> out(n);
  Call call(kOps, op);
  call.out(out)
      .set("seed", {static_cast<double>(s.seed[0]), static_cast<double>(s.seed[1])})
      .set("offset", {s.offset})
      .set(first, {a})
      .set(second, {b});
  const char* wrong = call.run(threads);
  EXPECT(wrong == nullptr, "%s: %s", op, wrong);
  EXPECT(out.intact(), "%s wrote beside its output", op);
  return out;
}

const Stream kStreams[] = {
    {{1, 2}, 0}, {{0xdeadbeef, 0x12345678}, 4294967296.0 - 1000}, {{0, 0xffffffff}, 9007199254740000.0}};

void uniform_bits() {
  for (const Stream& s : kStreams) {
    auto narrow = draw<float>("randomUniform", 3001, s, "low", 0, "high", 1);
    auto wide = draw<double>("randomUniform", 3001, s, "low", 0, "high", 1);
    auto scaled = draw<float>("randomUniform", 3001, s, "low", -2, "high", 6);
    for (std::size_t i = 0; i < narrow.size; ++i) {
      const Words w = element(static_cast<std::uint64_t>(s.offset) + i, s.seed[0], s.seed[1]);
      const double u24 = std::ldexp(static_cast<double>(w.w[0] >> 8), -24);
      const double u53 = std::ldexp(static_cast<double>((std::uint64_t{w.w[1]} << 32 | w.w[0]) >> 11), -53);
      if (narrow[i] != static_cast<float>(u24) || wide[i] != u53 || scaled[i] != static_cast<float>(-2 + 8 * u24)) {
        EXPECT(false, "uniform %zu: %g %g %g", i, static_cast<double>(narrow[i]), wide[i],
               static_cast<double>(scaled[i]));
        return;
      }
    }
  }
}

// The results stay below `high` where low + u (high - low) rounds to it, and finite where high - low is not.
template <class T>
void uniform_bounds() {
  const T most = std::numeric_limits<T>::max(), tiny = std::numeric_limits<T>::denorm_min();
  const T one = std::nextafter(T(1), T(2));
  const std::pair<T, T> bounds[] = {{T(1), one},
                                    {T(-1), T(1)},
                                    {-most, most},
                                    {T(0), tiny},
                                    {T(3), T(3)},
                                    {T(-5), T(-5) + T(0.001)},
                                    {T(16777216), T(16777218)},
                                    {T(-1), T(0)},
                                    {-most, T(0)}};
  for (const auto& [low, high] : bounds) {
    auto x = draw<T>("randomUniform", 20000, kStreams[1], "low", static_cast<double>(low), "high",
                     static_cast<double>(high));
    for (std::size_t i = 0; i < x.size; ++i) {
      const bool inside = x[i] >= low && (x[i] < high || (low == high && x[i] == low));
      if (inside) continue;
      EXPECT(false, "[%g, %g): %g", static_cast<double>(low), static_cast<double>(high), static_cast<double>(x[i]));
      break;
    }
  }
}

template <class T>
void integers(std::int64_t low, std::int64_t high) {
  for (const Stream& s : kStreams) {
    auto x = draw<T>("randomInteger", 5003, s, "low", static_cast<double>(low), "high", static_cast<double>(high));
    for (std::size_t i = 0; i < x.size; ++i) {
      const Words w = element(static_cast<std::uint64_t>(s.offset) + i, s.seed[0], s.seed[1]);
      const auto wide =
          static_cast<unsigned __int128>(std::uint64_t{w.w[1]} << 32 | w.w[0]) * static_cast<std::uint64_t>(high - low);
      const auto expected = static_cast<T>(low + static_cast<std::int64_t>(wide >> 64));
      if (x[i] == expected) continue;
      EXPECT(false, "integer in [%ld, %ld) %zu: %g, not %g", low, high, i, static_cast<double>(x[i]),
             static_cast<double>(expected));
      return;
    }
  }
}

// Box and Muller in double from the words; the op's own logarithm and cosine differ by a few units in the last place.
template <class T>
void normal_values() {
  const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-14;
  for (const Stream& s : kStreams) {
    auto x = draw<T>("randomNormal", 4001, s, "mean", 3, "std", 2);
    for (std::size_t i = 0; i < x.size; ++i) {
      const Words w = element(static_cast<std::uint64_t>(s.offset) + i, s.seed[0], s.seed[1]);
      double u1 = std::ldexp(static_cast<double>(w.w[0]) + 1, -32),
             u2 = std::ldexp(static_cast<double>(w.w[1] >> 8), -24);
      if (sizeof(T) == 4) u1 = static_cast<double>(static_cast<float>(u1));  // as rounded by the op
      if (sizeof(T) == 8) {
        u1 = std::ldexp(static_cast<double>(((std::uint64_t{w.w[1]} << 32 | w.w[0]) >> 11) + 1), -53);
        u2 = std::ldexp(static_cast<double>((std::uint64_t{w.w[3]} << 32 | w.w[2]) >> 11), -53);
      }
      const double expected = 3 + 2 * std::sqrt(-2 * std::log(u1)) * std::cos(2 * M_PI * u2);
      if (std::fabs(static_cast<double>(x[i]) - expected) <= tolerance) continue;
      EXPECT(false, "normal %zu: %.9g, not %.9g", i, static_cast<double>(x[i]), expected);
      return;
    }
  }
}

// Mean, variance, kurtosis and the largest distance to the distribution function (Kolmogorov & Smirnov) of a million
// numbers; the bounds are 5 standard errors, and 1.95 / sqrt(n), which one sample in a thousand passes.
template <class T>
void normal_distribution() {
  const std::size_t n = 1000000;
  auto x = draw<T>("randomNormal", n, {{42, 7}, 0}, "mean", 0, "std", 1);
  double m1 = 0, m2 = 0, m4 = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto v = static_cast<double>(x[i]);
    m1 += v / n, m2 += v * v / n, m4 += v * v * v * v / n;
  }
  EXPECT(std::fabs(m1) < 5e-3, "mean %g", m1);
  EXPECT(std::fabs(m2 - 1) < 5 * std::sqrt(2.0) * 1e-3, "variance %g", m2);
  EXPECT(std::fabs(m4 - 3) < 5 * std::sqrt(96.0) * 1e-3, "fourth moment %g", m4);
  std::sort(x.data(), x.data() + n);
  double distance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double cdf = 0.5 * std::erfc(-static_cast<double>(x[i]) / std::sqrt(2.0));
    distance = std::max({distance, cdf - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - cdf});
  }
  EXPECT(distance < 1.95 / std::sqrt(static_cast<double>(n)), "distance to the normal distribution %g", distance);
}

// The same elements whatever the threads, and wherever a draw begins.
template <class T>
void streams(const char* op, const char* first, double a, const char* second, double b) {
  const std::size_t n = 200003, skip = 1237;
  auto whole = draw<T>(op, n, kStreams[0], first, a, second, b);
  auto threaded = draw<T>(op, n, kStreams[0], first, a, second, b, 3);
  EXPECT(std::memcmp(whole.data(), threaded.data(), n * sizeof(T)) == 0, "%s differs with threads", op);
  auto later = draw<T>(op, n - skip, {{1, 2}, static_cast<double>(skip)}, first, a, second, b);
  EXPECT(std::memcmp(whole.data() + skip, later.data(), later.size * sizeof(T)) == 0, "%s differs after an offset", op);
  auto other = draw<T>(op, n, {{1, 3}, 0}, first, a, second, b);
  EXPECT(std::memcmp(whole.data(), other.data(), n * sizeof(T)) != 0, "%s ignores the seed", op);
}

template <class T>
void refuse(double low, double high) {
  Guarded<T> out(3);
  Call call(kOps, "randomInteger");
  call.out(out).set("seed", {0, 0}).set("offset", {0}).set("low", {low}).set("high", {high});
  EXPECT(call.entry->check(call.call) != nullptr, "integers in [%g, %g) were not refused", low, high);
}

}  // namespace

int main() {
  known_answers<1>();
  known_answers<2>();
  known_answers<4>();
  known_answers<8>();
  uniform_bits();
  uniform_bounds<float>();
  uniform_bounds<double>();
  const std::int64_t two31 = std::int64_t{1} << 31, two53 = std::int64_t{1} << 53;
  integers<std::int32_t>(-5, 7);
  integers<std::int32_t>(-two31, two31);
  integers<std::int32_t>(two31 - 1, two31);
  integers<std::uint8_t>(0, 256);
  integers<std::uint8_t>(250, 252);
  integers<float>(-(1 << 24), 1 << 24);
  integers<double>(-two53, 0);
  integers<double>(-3, two53 - 4);
  normal_values<float>();
  normal_values<double>();
  normal_distribution<float>();
  normal_distribution<double>();
  streams<float>("randomUniform", "low", 0, "high", 1);
  streams<double>("randomUniform", "low", 0, "high", 1);
  streams<float>("randomNormal", "mean", 0, "std", 1);
  streams<double>("randomNormal", "mean", 0, "std", 1);
  streams<std::int32_t>("randomInteger", "low", -100, "high", 1000);
  streams<std::uint8_t>("randomInteger", "low", 3, "high", 200);
  refuse<std::int32_t>(3, 3);
  refuse<std::int32_t>(0, 2147483649.0);
  refuse<std::uint8_t>(-1, 3);
  refuse<std::uint8_t>(0, 257);
  refuse<float>(0, 16777217.0);
  refuse<double>(-9007199254740992.0, 1);
  return harness::report("philox");
}
