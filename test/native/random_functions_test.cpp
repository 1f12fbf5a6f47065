// The functions that random numbers are made of, compiled as the random family is (no contraction): the same bits for
// any number of lanes, so on every target.
#include <random>

#include "executor.h"
#include "op_harness.h"
#include "ops/math.h"

namespace t = receptive::RECEPTIVE_TARGET;

namespace {

template <int N, class T, class F>
void compare(const char* name, const std::vector<T>& x, F f) {
  for (std::size_t i = 0; i + N <= x.size(); i += N) {
    const auto y = f(t::Pack<T, N>::read(&x[i]));
    for (int l = 0; l < N; ++l) {
      const T lane = y[l];
      const T alone = f(t::Pack<T, 1>(x[i + l]))[0];
      EXPECT(std::memcmp(&lane, &alone, sizeof(T)) == 0, "%s(%a): %a of %d lanes, %a alone", name, double(x[i + l]),
             double(lane), N, double(alone));
    }
  }
}

template <class T>
void functions() {
  std::mt19937_64 random(3);
  std::vector<T> x;
  for (int i = 0; i < 40000; ++i) {
    const T u = static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-53);
    x.push_back(u < 1 ? u : T(0.5));
  }
  const auto all = [&](const char* name, auto f) {
    compare<2>(name, x, f);
    compare<t::kLanes<T>>(name, x, f);
    compare<2 * t::kLanes<T>>(name, x, f);
  };
  all("log", [](auto p) { return t::log(p); });
  all("sin_2pi", [](auto p) { return t::sin_2pi(p); });
  all("cos_2pi", [](auto p) { return t::cos_2pi(p); });
}

}  // namespace

int main() {
  functions<float>();
  functions<double>();
  return harness::report("random functions");
}
