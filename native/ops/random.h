// Random numbers: element i of the output is element offset + i of the stream of `seed` (philox.h), words w0 .. w3.
//   randomUniform   low + u (high - low), u = 24 bits of w0 (float32) or 53 bits of w0, w1 (float64) in [0, 1); in
//   [low, high) randomNormal    mean + std sqrt(-2 ln u1) cos(2 pi u2) (Box & Muller 1958); float32: u1 in (0, 1] from
//   the 32 bits of w0, so
//                   that values reach 6.66 standard deviations, u2 from 24 bits of w1; float64: 53 bits of w0, w1 and
//                   of w2, w3
//   randomInteger   low + floor((w0 + 2^32 w1) (high - low) / 2^64): each value's probability differs from 1 / (high -
//   low) by
//                   less than 2^-64
// The same bits on every target and device: this family is compiled without contraction of multiply and add.
#pragma once

#include "executor.h"
#include "math_log.h"
#include "math_trig.h"
#include "philox.h"

namespace receptive::RECEPTIVE_TARGET {

struct UniformAttrs {
  std::int64_t seed[2];
  std::int64_t offset;
  double low;
  double high;
};

struct NormalAttrs {
  std::int64_t seed[2];
  std::int64_t offset;
  double mean;
  double std;
};

struct RandomIntegerAttrs {
  std::int64_t seed[2];
  std::int64_t offset;
  std::int64_t low;
  std::int64_t high;
};

struct RandomStream {
  PhiloxKey key;
  std::uint64_t offset;

  template <class Attrs>
  RECEPTIVE_FN static RandomStream of(const Attrs& a) {
    return {{static_cast<std::uint32_t>(a.seed[0]), static_cast<std::uint32_t>(a.seed[1])},
            static_cast<std::uint64_t>(a.offset)};
  }
};

// x < 2^53 as a double, exactly; most targets convert no unsigned 64-bit integers. Each half goes into the bits of a
// power of two large enough to hold it as a fraction.
template <int N>
RECEPTIVE_FN Pack<double, N> to_double(Pack<std::uint64_t, N> x) {
  const auto low = bit_cast<double>((x & std::uint64_t{0xffffffffu}) | std::uint64_t{0x4330000000000000u});
  const auto high = bit_cast<double>((x >> 32) | std::uint64_t{0x4530000000000000u});
  return (high - 0x1p84) + (low - 0x1p52);
}

// The words of N elements that take 32 bits a lane: those of the elements 0, 2, 4 … and of the others, in 64 bits a
// lane each.
template <int N>
struct NarrowWords {
  PhiloxWords<N / 2> even;
  PhiloxWords<N / 2> odd;

  RECEPTIVE_FN NarrowWords(const RandomStream& stream, std::int64_t begin)
      : even(philox_stream<N / 2>(stream.key, stream.offset + static_cast<std::uint64_t>(begin), 2)),
        odd(philox_stream<N / 2>(stream.key, stream.offset + static_cast<std::uint64_t>(begin) + 1, 2)) {}

  // The low 32 bits of f(words) for each element.
  template <class F>
  RECEPTIVE_FN Pack<std::uint32_t, N> each(F f) const {
    const auto both = (f(even) & std::uint64_t{0xffffffffu}) | (f(odd) << 32);
    return Pack<std::uint32_t, N>(reinterpret_cast<typename Pack<std::uint32_t, N>::Vector>(both.v));
  }
};
template <>
struct NarrowWords<1> {
  PhiloxWords<1> words;

  RECEPTIVE_FN NarrowWords(const RandomStream& stream, std::int64_t begin)
      : words(philox_stream<1>(stream.key, stream.offset + static_cast<std::uint64_t>(begin), 1)) {}
  template <class F>
  RECEPTIVE_FN Pack<std::uint32_t, 1> each(F f) const {
    return Pack<std::uint32_t, 1>(static_cast<std::uint32_t>(f(words)[0]));
  }
};

template <int kWord>
struct WordOf {
  template <int N>
  RECEPTIVE_FN Pack<std::uint64_t, N> operator()(const PhiloxWords<N>& words) const {
    return words.w[kWord];
  }
};

// The upper 24 bits of a word as a fraction.
template <int N>
RECEPTIVE_FN Pack<float, N> fraction24(Pack<std::uint32_t, N> word) {
  return convert<float>(bit_cast<std::int32_t>(word >> 8)) * 0x1p-24f;
}

template <class T>
struct UniformBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  RandomStream stream;
  T* out;
  // low + u * span, all of them halved and the result doubled where high - low would overflow.
  T low;
  T span;
  T unit;
  T least;  // results stay in [least, below]
  T below;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    constexpr int N = P::count;
    Pack<T, N> u;
    if constexpr (sizeof(T) == 4) {
      u = fraction24(NarrowWords<N>(stream, at).each(WordOf<0>{}));
    } else {
      u = to_double(philox_stream<N>(stream.key, stream.offset + static_cast<std::uint64_t>(at), 1).pair(0) >> 11) *
          0x1p-53;
    }
    const Pack<T, N> value = (u * span + low) * unit;
    p.store(out + at, maximum_ordered(Pack<T, N>(least), minimum_ordered(Pack<T, N>(below), value)));
  }
};

// The number before x > -inf.
RECEPTIVE_FN float number_before(float x) {
  std::int32_t bits = 0;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  if (x == 0) return -0x1p-149f;
  bits += x > 0 ? -1 : 1;
  __builtin_memcpy(&x, &bits, sizeof(bits));
  return x;
}
RECEPTIVE_FN double number_before(double x) {
  std::int64_t bits = 0;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  if (x == 0) return -0x1p-1074;
  bits += x > 0 ? -1 : 1;
  __builtin_memcpy(&x, &bits, sizeof(bits));
  return x;
}

// x as a T, at most the largest finite one.
template <class T>
RECEPTIVE_FN T finite(double x) {
  const double most = number_before(static_cast<T>(__builtin_inf()));
  return static_cast<T>(x > most ? most : x < -most ? -most : x);
}

template <class T>
RECEPTIVE_FN UniformBody<T> uniform_body(const UniformAttrs& a, T* out) {
  const T low = finite<T>(a.low);
  const T high = finite<T>(a.high);
  const T span = high - low;
  const T below = high > low ? number_before(high) : low;
  if (span - span == 0) return {RandomStream::of(a), out, low, span, T(1), low, below};  // finite
  return {RandomStream::of(a), out, low * T(0.5), high * T(0.5) - low * T(0.5), T(2), low, below};
}

template <class T>
struct NormalBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  RandomStream stream;
  T* out;
  T mean;
  T deviation;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    constexpr int N = P::count;
    Pack<T, N> u1, u2;
    if constexpr (sizeof(T) == 4) {
      const NarrowWords<N> words(stream, at);
      const auto w0 = words.each(WordOf<0>{});
      const auto rest = convert<float>(bit_cast<std::int32_t>((w0 & 255u) + 1u)) * 0x1p-32f;
      u1 = fraction24(w0) + rest;
      u2 = fraction24(words.each(WordOf<1>{}));
    } else {
      const auto words = philox_stream<N>(stream.key, stream.offset + static_cast<std::uint64_t>(at), 1);
      u1 = to_double((words.pair(0) >> 11) + std::uint64_t{1}) * 0x1p-53;
      u2 = to_double(words.pair(2) >> 11) * 0x1p-53;
    }
    const Pack<T, N> z = sqrt(log(u1) * T(-2)) * cos_2pi(u2);
    p.store(out + at, z * deviation + mean);
  }
};

// floor(x * range / 2^64)
template <int N>
RECEPTIVE_FN Pack<std::uint64_t, N> multiply_high(Pack<std::uint64_t, N> x, std::uint64_t range) {
  using Word = Pack<std::uint64_t, N>;
  const Word r0(range), r1(range >> 32), x1 = x >> 32;
  const Word low = multiply_words(x, r0), a = multiply_words(x1, r0), b = multiply_words(x, r1);
  const Word middle = (low >> 32) + (a & std::uint64_t{0xffffffffu}) + (b & std::uint64_t{0xffffffffu});
  return multiply_words(x1, r1) + (a >> 32) + (b >> 32) + (middle >> 32);
}

struct ScaledPair {
  std::uint64_t range;

  template <int N>
  RECEPTIVE_FN Pack<std::uint64_t, N> operator()(const PhiloxWords<N>& words) const {
    return multiply_high(words.pair(0), range);
  }
};

// int32, uint8, float32: all values fit int32, in which `low` is added modulo 2^32.
template <class T>
struct IntegerBody {
  using Element = std::int32_t;
  static constexpr bool kOverlap = true;
  RandomStream stream;
  T* out;
  std::uint64_t range;
  std::uint32_t low;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    constexpr int N = P::count;
    const auto value = NarrowWords<N>(stream, at).each(ScaledPair{range});
    const auto shifted = bit_cast<std::int32_t>(value + low);
    if constexpr (sizeof(T) == 4 && static_cast<T>(0.5) == T{}) {
      p.store(out + at, shifted);
    } else {
      p.store(out + at, convert<T>(shifted));
    }
  }
};

template <>
struct IntegerBody<double> {
  using Element = double;
  static constexpr bool kOverlap = true;
  RandomStream stream;
  double* out;
  std::uint64_t range;
  double low;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    const auto words = philox_stream<P::count>(stream.key, stream.offset + static_cast<std::uint64_t>(at), 1);
    p.store(out + at, to_double(multiply_high(words.pair(0), range)) + low);
  }
};

template <class X>
struct RandomBase {
  static constexpr int minInputs = 0, maxInputs = 0, outputs = 1;

  static const char* check(const OpCall& call) {
    return is_float(call.outputs[0].dtype) ? nullptr : "only float32 and float64";
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {100 * size, size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
};

template <class X>
struct RandomUniform : RandomBase<X> {
  using Attrs = UniformAttrs;
  static constexpr const char* name = "randomUniform";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(UniformAttrs, seed), RECEPTIVE_INTEGER(UniformAttrs, offset),
                                     RECEPTIVE_REAL(UniformAttrs, low), RECEPTIVE_REAL(UniformAttrs, high)};
  static void run(X& executor, const OpCall& call) {
    const View& out = call.outputs[0];
    dispatch_float(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(1, out.size, uniform_body<T>(attrs_of<UniformAttrs>(call), static_cast<T*>(out.data)));
    });
  }
};

template <class X>
struct RandomNormal : RandomBase<X> {
  using Attrs = NormalAttrs;
  static constexpr const char* name = "randomNormal";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(NormalAttrs, seed), RECEPTIVE_INTEGER(NormalAttrs, offset),
                                     RECEPTIVE_REAL(NormalAttrs, mean), RECEPTIVE_REAL(NormalAttrs, std)};
  static void run(X& executor, const OpCall& call) {
    const View& out = call.outputs[0];
    const auto& a = attrs_of<NormalAttrs>(call);
    dispatch_float(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(
          1, out.size,
          NormalBody<T>{RandomStream::of(a), static_cast<T*>(out.data), static_cast<T>(a.mean), static_cast<T>(a.std)});
    });
  }
};

template <class X>
struct RandomInteger {
  using Attrs = RandomIntegerAttrs;
  static constexpr const char* name = "randomInteger";
  static constexpr Field fields[] = {
      RECEPTIVE_INTEGER(RandomIntegerAttrs, seed), RECEPTIVE_INTEGER(RandomIntegerAttrs, offset),
      RECEPTIVE_INTEGER(RandomIntegerAttrs, low), RECEPTIVE_INTEGER(RandomIntegerAttrs, high)};
  static constexpr int minInputs = 0, maxInputs = 0, outputs = 1;

  // Bounds within which every integer is a value of the dtype.
  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<RandomIntegerAttrs>(call);
    const auto within = [&a](std::int64_t least, std::int64_t end) {
      if (a.low >= a.high) return "low is not below high";
      if (a.low < least || a.high > end) return "the bounds leave the dtype";
      return a.high - a.low > (std::int64_t{1} << 53) ? "the range exceeds 2^53" : static_cast<const char*>(nullptr);
    };
    switch (call.outputs[0].dtype) {
      case DType::int32:
        return within(-(std::int64_t{1} << 31), std::int64_t{1} << 31);
      case DType::uint8:
        return within(0, 256);
      case DType::float32:
        return within(-(std::int64_t{1} << 24), std::int64_t{1} << 24);
      case DType::float64:
        return within(-(std::int64_t{1} << 53), std::int64_t{1} << 53);
      case DType::boolean:
        break;
    }
    return "no integers of this dtype";
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {120 * size, size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    const View& out = call.outputs[0];
    const auto& a = attrs_of<RandomIntegerAttrs>(call);
    const auto range = static_cast<std::uint64_t>(a.high - a.low);
    dispatch_number(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      using Low = std::conditional_t<sizeof(T) == 8, double, std::uint32_t>;
      executor.rows(1, out.size,
                    IntegerBody<T>{RandomStream::of(a), static_cast<T*>(out.data), range, static_cast<Low>(a.low)});
    });
  }
};

template <class X>
using RandomFamily = Family<X, RandomUniform<X>, RandomNormal<X>, RandomInteger<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
