// The mathematical functions of ops/math.h, for the target that this file is compiled for: errors within the bounds
// that the header states, exceptional cases exactly. An argument n > 1 takes n times as many points ("math_test 1000":
// every float).
#include "executor.h"
#include "ops/math.h"

#include "op_harness.h"
#include "ulp.h"

namespace t = receptive::RECEPTIVE_TARGET;

namespace {

// f of x, with packs as wide as the target's.
template <class T, class F>
void evaluate(const std::vector<T>& x, std::vector<T>& y, F f) {
  constexpr int N = t::kLanes<T>;
  y.resize(x.size());
  std::size_t i = 0;
  for (; i + N <= x.size(); i += N) f(t::Pack<T, N>::read(&x[i])).write(&y[i]);
  for (; i < x.size(); ++i) y[i] = f(t::Pack<T, 1>(x[i]))[0];
}

template <class T>
bool same_bits(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

// Largest error of f against reference over the arguments in [low, high] (NaN too); a scalar pack gives the same bits.
template <class T, class F, class R>
void bounded(const char* name, double bound, const std::vector<T>& arguments, T low, T high, F f, R reference) {
  std::vector<T> x, y;
  for (const T v : arguments) {
    if (!(v < low) && !(v > high)) x.push_back(v);
  }
  evaluate(x, y, f);
  double worst = 0;
  T where = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = ulp::error<T>(y[i], reference(ulp::Wide<T>(x[i])));
    if (e > worst) worst = e, where = x[i];
    if (i % 8 == 0) {
      const T single = f(t::Pack<T, 1>(x[i]))[0];
      EXPECT(same_bits(single, y[i]), "%s(%a) is %a in a pack, %a alone", name, double(x[i]), double(y[i]),
             double(single));
    }
  }
  std::printf("%-8s %-18s %.3f ulp of %.1f allowed, at %a\n", sizeof(T) == 4 ? "float" : "double", name, worst, bound,
              double(where));
  EXPECT(worst <= bound, "%s: %.3f ulp at %a", name, worst, double(where));
}

// Phi(x) with the rounding of x / sqrt 2 made good, which the steep tail would magnify.
template <class W>
W normal_cdf(W x) {
  const W s = std::sqrt(W(0.5));
  const W s_rest = std::fma(-s, s, W(0.5)) / (2 * s);
  const W z = -x * s;
  const W tail = std::erfc(z) / 2;
  if (!(std::fabs(x) < 40)) return tail;
  return tail * std::exp(-2 * z * (std::fma(-x, s, -z) - x * s_rest));
}

// sin(2 pi u), the argument reduced exactly to [-1/8, 1/8] turns.
template <class W>
W sin_turns(W u) {
  const W q = std::nearbyint(4 * u);
  const W angle = 2 * std::acos(W(-1)) * (u - q / 4);
  switch (static_cast<int>(q) % 4) {
    case 0:
      return std::sin(angle);
    case 1:
      return std::cos(angle);
    case 2:
      return -std::sin(angle);
    default:
      return -std::cos(angle);
  }
}

template <class T>
void functions(int scale) {
  constexpr T inf = std::numeric_limits<T>::infinity();
  constexpr bool single = sizeof(T) == 4;
  const auto all = ulp::sweep<T>(-20, 20, scale);
  const auto near = ulp::sweep<T>(T(-1), T(2), scale);
  const T below_one = std::nextafter(T(1), T(0));
  bounded<T>(
      "exp", 1.1, all, -inf, inf, [](auto x) { return t::exp(x); }, [](auto x) { return std::exp(x); });
  bounded<T>(
      "expm1_nonpositive", 1.5, all, -inf, 0, [](auto x) { return t::expm1_nonpositive(x); },
      [](auto x) { return std::expm1(x); });
  bounded<T>(
      "log", single ? 1.0 : 1.3, near, -inf, inf, [](auto x) { return t::log(x); }, [](auto x) { return std::log(x); });
  bounded<T>(
      "log1p_unit", 1.5, near, 0, 1, [](auto x) { return t::log1p_unit(x); }, [](auto x) { return std::log1p(x); });
  bounded<T>(
      "tanh", 3, all, -inf, inf, [](auto x) { return t::tanh(x); }, [](auto x) { return std::tanh(x); });
  bounded<T>(
      "sigmoid", 3, all, -inf, inf, [](auto x) { return t::sigmoid(x); },
      [](auto x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); });
  bounded<T>(
      "softplus", 2.5, all, -inf, inf, [](auto x) { return t::softplus(x); },
      [](auto x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); });
  bounded<T>(
      "normal.cdf", single ? 6.5 : 8, all, -inf, inf, [](auto x) { return t::normal(x).cdf; },
      [](auto x) { return normal_cdf(x); });
  bounded<T>(
      "sin_2pi", 2, near, 0, below_one, [](auto x) { return t::sin_2pi(x); }, [](auto u) { return sin_turns(u); });
  bounded<T>(
      "cos_2pi", 2, near, 0, below_one, [](auto x) { return t::cos_2pi(x); },
      [](auto u) { return sin_turns(u + decltype(u)(0.25)); });
  bounded<T>(
      "floor", 0, all, -inf, inf, [](auto x) { return t::floor(x); }, [](auto x) { return std::floor(x); });
  bounded<T>(
      "ceil", 0, all, -inf, inf, [](auto x) { return t::ceil(x); }, [](auto x) { return std::ceil(x); });
  bounded<T>(
      "round", 0, all, -inf, inf, [](auto x) { return t::round(x); }, [](auto x) { return std::nearbyint(x); });
  bounded<T>(
      "sqrt", 0.5, all, -inf, inf, [](auto x) { return t::sqrt(x); }, [](auto x) { return std::sqrt(x); });
}

// Zeros keep the sign that the mathematical limit has; ulp::error does not tell them apart.
template <class T>
void signed_zeros() {
  const auto bits = [](auto f, T x, T expected, const char* name) {
    const T got = f(t::Pack<T, 1>(x))[0];
    EXPECT(same_bits(got, expected), "%s(%g) is %g", name, double(x), double(got));
  };
  constexpr T inf = std::numeric_limits<T>::infinity();
  for (const T zero : {T(0), T(-0.0)}) {
    bits([](auto x) { return t::tanh(x); }, zero, zero, "tanh");
    bits([](auto x) { return t::floor(x); }, zero, zero, "floor");
    bits([](auto x) { return t::ceil(x); }, zero, zero, "ceil");
    bits([](auto x) { return t::round(x); }, zero, zero, "round");
    bits([](auto x) { return t::sqrt(x); }, zero, zero, "sqrt");
    bits([](auto x) { return t::log(x); }, zero, -inf, "log");
    bits([](auto x) { return t::exp(x); }, zero, T(1), "exp");
    bits([](auto x) { return t::expm1_nonpositive(x); }, zero, T(0), "expm1_nonpositive");
  }
  bits([](auto x) { return t::ceil(x); }, T(-0.25), T(-0.0), "ceil");
  bits([](auto x) { return t::round(x); }, T(-0.5), T(-0.0), "round");
  bits([](auto x) { return t::round(x); }, T(2.5), T(2), "round");
  bits([](auto x) { return t::round(x); }, T(3.5), T(4), "round");
  bits([](auto x) { return t::exp(x); }, -inf, T(0), "exp");
  bits([](auto x) { return t::sigmoid(x); }, -inf, T(0), "sigmoid");
}

template <class T>
T pow_of(T x, T y) {
  return t::pow(t::Pack<T, 1>(x), t::Pack<T, 1>(y))[0];
}

template <class T>
void power(int scale) {
  // Every pair of exceptional arguments, against the C library: zeros, infinities and NaN exactly.
  auto special = ulp::edges<T>();
  for (const T v : {T(0.25), T(1e-3), T(7), T(1e5), T(127), T(1023.5)}) special.push_back(v), special.push_back(-v);
  for (const T x : special) {
    for (const T y : special) {
      const T got = pow_of(x, y);
      const auto exact = std::pow(ulp::Wide<T>(x), ulp::Wide<T>(y));
      EXPECT(ulp::error<T>(got, exact) <= 2, "pow(%a, %a) is %a", double(x), double(y), double(got));
      EXPECT(std::isnan(exact) || std::signbit(got) == std::signbit(exact), "pow(%a, %a) is %a", double(x), double(y),
             double(got));
    }
  }
  // Bases of all sizes and near 1, exponents up to where the result overflows or vanishes.
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> unit(-1, 1);
  const double range = std::numeric_limits<T>::max_exponent;
  std::vector<T> x, y;
  for (int i = 0; i < 600000 * scale / ulp::kThin; ++i) {
    const int kind = i % 4;
    const double base = kind == 0   ? std::exp2(unit(random) * range)
                        : kind == 1 ? 1 + 0.4 * unit(random)
                        : kind == 2 ? 1 + std::ldexp(unit(random), -static_cast<int>(random() % 50))
                                    : 10 + 10 * unit(random);
    x.push_back(static_cast<T>(base));
    const double limit = 1.1 * range / std::fabs(std::log2(static_cast<double>(x.back())));
    y.push_back(static_cast<T>(unit(random) * (limit < 1e30 ? limit : 1e30)));
  }
  constexpr int N = t::kLanes<T>;
  double worst = 0;
  for (std::size_t i = 0; i + N <= x.size(); i += N) {
    const auto r = t::pow(t::Pack<T, N>::read(&x[i]), t::Pack<T, N>::read(&y[i]));
    for (int l = 0; l < N; ++l) {
      const double e = ulp::error<T>(r[l], std::pow(ulp::Wide<T>(x[i + l]), ulp::Wide<T>(y[i + l])));
      if (e > worst) worst = e;
      EXPECT(e <= 2, "pow(%a, %a): %.3f ulp", double(x[i + l]), double(y[i + l]), e);
    }
  }
  std::printf("%-8s %-18s %.3f ulp of 2.0 allowed\n", sizeof(T) == 4 ? "float" : "double", "pow", worst);
}

}  // namespace

int main(int argc, char** argv) {
  const int scale = argc > 1 ? std::atoi(argv[1]) : 1;
  functions<float>(scale);
  functions<double>(scale < 20 ? scale : 20);
  signed_zeros<float>();
  signed_zeros<double>();
  power<float>(scale);
  power<double>(scale < 20 ? scale : 20);
  return harness::report("math");
}
