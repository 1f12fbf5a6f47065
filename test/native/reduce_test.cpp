// reduce() and its family: values against plain loops, the same bits for any number of threads and for a row alone,
// NaN, infinities, empty axes, rounding error of long sums.
#include "ops/reduce.h"

#include "op_harness.h"

using namespace receptive;
using harness::Call;
using harness::Guarded;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const OpList kOps = RECEPTIVE_TARGET::ReduceFamily<RECEPTIVE_TARGET::Executor>::list();

struct Shape {
  std::int64_t outer, n, inner;
};

template <class T, class Out>
void reduce(const char* op, const Shape& s, Guarded<T>& x, Guarded<Out>& out, int threads = 1) {
  const auto as_double = [](std::int64_t v) { return static_cast<double>(v); };
  Call call(kOps, op);
  const char* wrong = call.in(x)
                          .out(out)
                          .set("outer", {as_double(s.outer)})
                          .set("n", {as_double(s.n)})
                          .set("inner", {as_double(s.inner)})
                          .run(threads);
  EXPECT(wrong == nullptr, "%s [%ld, %ld, %ld]: %s", op, s.outer, s.n, s.inner, wrong);
  EXPECT(out.intact(), "%s [%ld, %ld, %ld] wrote beside its output", op, s.outer, s.n, s.inner);
}

// The plain loops. Sums of small integers are exact in any order.
template <class T>
double expected(const std::string& op, const Shape& s, Guarded<T>& x, std::int64_t o, std::int64_t i) {
  double sum = 0, best = 0;
  std::int64_t position = -1;
  const double sign = op == "min" || op == "argmin" ? -1 : 1;
  for (std::int64_t k = 0; k < s.n; ++k) {
    const auto v = static_cast<double>(x[static_cast<std::size_t>((o * s.n + k) * s.inner + i)]);
    sum += v;
    if (position < 0 || sign * v > sign * best || (std::isnan(v) && !std::isnan(best))) {
      best = v;
      position = k;
    }
  }
  if (op == "sum") return sum;
  if (op == "mean") return sum / static_cast<double>(s.n);
  return op == "max" || op == "min" ? best : static_cast<double>(position);
}

template <class T, class Out>
void compare(const char* op, const Shape& s, Guarded<T>& x, int threads) {
  Guarded<Out> out(static_cast<std::size_t>(s.outer * s.inner));
  reduce(op, s, x, out, threads);
  for (std::int64_t o = 0; o < s.outer; ++o) {
    for (std::int64_t i = 0; i < s.inner; ++i) {
      const auto want = static_cast<Out>(expected(op, s, x, o, i));
      const Out got = out[static_cast<std::size_t>(o * s.inner + i)];
      if (got == want || (std::isnan(static_cast<double>(got)) && std::isnan(static_cast<double>(want)))) continue;
      EXPECT(false, "%s [%ld, %ld, %ld] at %ld, %ld: %g, not %g", op, s.outer, s.n, s.inner, o, i,
             static_cast<double>(got), static_cast<double>(want));
      return;
    }
  }
}

// Every path: rows shorter and longer than a pack, a block, a piece; few lanes along inner; tiles, their overlaps and
// pieces.
const Shape kShapes[] = {
    {1, 1, 1},      {3, 2, 1},      {5, 10, 1},    {7, 17, 1},      {40, 63, 1},   {3, 64, 1},    {2, 4097, 1},
    {2, 70001, 1},  {1, 300007, 1}, {70, 5000, 1}, {3, 10, 2},      {2, 1000, 3},  {5, 77, 5},    {1, 120001, 7},
    {2, 5, 8},      {3, 9, 15},     {2, 65, 16},   {2, 130, 17},    {1, 3000, 63}, {3, 40, 64},   {2, 33, 100},
    {1, 5000, 130}, {2, 7, 1000},   {1, 70, 5003}, {1, 2500, 1029}, {4, 1, 777},   {300, 3, 513}, {1, 1030, 515},
    {9, 0, 5},      {0, 4, 3},      {3, 4, 0},
};

template <class T>
Guarded<T> small_integers(const Shape& s, unsigned seed) {
  Guarded<T> x(static_cast<std::size_t>(s.outer * s.n * s.inner));
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < x.size; ++i) {
    x[i] = static_cast<T>(static_cast<int>(random() % 17) - (std::is_same_v<T, std::uint8_t> ? 0 : 8));
  }
  return x;
}

template <class T, class Sum>
void values_of(unsigned seed) {
  for (const Shape& s : kShapes) {
    auto x = small_integers<T>(s, seed);
    for (const int threads : {1, 3}) {
      compare<T, Sum>("sum", s, x, threads);
      if constexpr (std::is_floating_point_v<T>) compare<T, T>("mean", s, x, threads);
      if (s.n == 0) continue;
      compare<T, T>("max", s, x, threads);
      compare<T, T>("min", s, x, threads);
      compare<T, std::int32_t>("argmax", s, x, threads);
      compare<T, std::int32_t>("argmin", s, x, threads);
    }
  }
}

template <class T>
void same_bits() {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (const Shape& s : kShapes) {
    Guarded<T> x(static_cast<std::size_t>(s.outer * s.n * s.inner));
    for (std::size_t i = 0; i < x.size; ++i) x[i] = static_cast<T>(uniform(random));
    const auto results = static_cast<std::size_t>(s.outer * s.inner);
    Guarded<T> one(results), many(results);
    reduce("sum", s, x, one, 1);
    for (const int threads : {2, 5}) {
      reduce("sum", s, x, many, threads);
      EXPECT(std::memcmp(one.data(), many.data(), results * sizeof(T)) == 0,
             "sum [%ld, %ld, %ld] differs with %d threads", s.outer, s.n, s.inner, threads);
    }
    const Shape alone{1, s.n, s.inner};
    for (std::int64_t o = 0; o < s.outer; o += 1 + s.outer / 3) {
      Guarded<T> row(static_cast<std::size_t>(s.n * s.inner)), result(static_cast<std::size_t>(s.inner));
      for (std::size_t i = 0; i < row.size; ++i) row[i] = x[static_cast<std::size_t>(o) * row.size + i];
      reduce("sum", alone, row, result, 3);
      EXPECT(std::memcmp(result.data(), one.data() + o * s.inner, result.size * sizeof(T)) == 0,
             "sum [%ld, %ld, %ld]: row %ld alone differs", s.outer, s.n, s.inner, o);
    }
  }
}

// One special value, in every position of short rows and some of long ones, among others.
template <class T>
void special_values() {
  for (const Shape& s :
       {Shape{1, 9, 1}, Shape{2, 70, 1}, Shape{1, 9, 3}, Shape{1, 40, 33}, Shape{1, 6, 600}, Shape{1, 5000, 1}}) {
    const std::int64_t size = s.outer * s.n * s.inner;
    for (const double special : {kNan, kInf, -kInf}) {
      for (std::int64_t at = 0; at < size; at += 1 + size / 40) {
        auto x = small_integers<T>(s, 3);
        x[static_cast<std::size_t>(at)] = static_cast<T>(special);
        x[static_cast<std::size_t>(size - 1)] = static_cast<T>(special);
        for (const char* op : {"max", "min", "sum"}) compare<T, T>(op, s, x, 1);
        for (const char* op : {"argmax", "argmin"}) compare<T, std::int32_t>(op, s, x, 1);
      }
    }
    for (const double value : {kNan, kInf, -kInf}) {  // the same everywhere: position 0
      Guarded<T> x(static_cast<std::size_t>(size));
      for (std::size_t i = 0; i < x.size; ++i) x[i] = static_cast<T>(value);
      for (const char* op : {"max", "min"}) compare<T, T>(op, s, x, 1);
      for (const char* op : {"argmax", "argmin"}) compare<T, std::int32_t>(op, s, x, 1);
    }
  }
}

void extreme_integers() {
  constexpr std::int32_t low = std::numeric_limits<std::int32_t>::min(),
                         high = std::numeric_limits<std::int32_t>::max();
  for (const std::int64_t n : {std::int64_t{3}, std::int64_t{50}, std::int64_t{700}}) {
    Guarded<std::int32_t> x(static_cast<std::size_t>(n)), out(1);
    for (const std::int32_t value : {low, high}) {
      for (std::size_t i = 0; i < x.size; ++i) x[i] = value;
      for (const char* op : {"max", "min", "argmax", "argmin"})
        compare<std::int32_t, std::int32_t>(op, {1, n, 1}, x, 1);
    }
    for (std::size_t i = 0; i < x.size; ++i) x[i] = high;
    reduce("sum", {1, n, 1}, x, out);
    const auto wrapped = static_cast<std::int32_t>(static_cast<std::uint32_t>(n) * 0x7fffffffu);
    EXPECT(out[0] == wrapped, "sum of %ld times 2^31 - 1 is %d, not %d", n, out[0], wrapped);
  }
}

void rounding() {
  const std::int64_t n = 1 << 24;
  Guarded<float> x(static_cast<std::size_t>(n)), out(1);
  for (std::size_t i = 0; i < x.size; ++i) x[i] = 0.1f;
  for (const Shape& s : {Shape{1, n, 1}, Shape{1, n / 4, 4}, Shape{1, n / 256, 256}}) {
    Guarded<float> sums(static_cast<std::size_t>(s.inner));
    reduce("sum", s, x, sums);
    const double exact = static_cast<double>(s.n) * static_cast<double>(0.1f);
    const double error = std::fabs(static_cast<double>(sums[0]) - exact) / exact;
    // 63 additions in a block, 3 merges of accumulators, 15 in each of at most 6 levels, 6 across the lanes; half an
    // ulp each.
    EXPECT(error <= (63 + 3 + 6 * 15 + 6) * std::ldexp(1.0, -24), "relative error %g of [1, %ld, %ld]", error, s.n,
           s.inner);
  }
}

void refusals() {
  Guarded<float> x(12), out(4), narrow(3);
  Guarded<std::int32_t> index(4);
  const auto refuse = [](const char* op, auto& in, auto& result, double outer, double n, double inner,
                         const char* what) {
    Call call(kOps, op);
    call.in(in).out(result).set("outer", {outer}).set("n", {n}).set("inner", {inner});
    EXPECT(call.entry->check(call.call) != nullptr, "%s was not refused", what);
  };
  refuse("sum", x, out, 4, 4, 1, "an input too small");
  refuse("sum", x, narrow, 4, 3, 1, "an output too small");
  refuse("sum", x, out, -4, -3, 1, "negative extents");
  refuse("sum", x, out, 4294967296.0, 4294967296.0, 0, "a product of 0 for 12 elements");
  refuse("sum", x, out, 4611686018427387904.0, 4, 3, "a product that overflows");
  refuse("sum", x, index, 4, 3, 1, "int32 for a float sum");
  refuse("argmax", x, out, 4, 3, 1, "float32 for positions");
  refuse("mean", index, index, 4, 1, 1, "the mean of integers");
  Guarded<float> none(0);
  for (const char* op : {"max", "min"}) refuse(op, none, out, 4, 0, 1, "an empty axis");
  refuse("argmax", none, index, 4, 0, 1, "an empty axis");
}

void empty_axis() {
  Guarded<float> none(0), out(6);
  reduce("sum", {2, 0, 3}, none, out);
  for (std::size_t i = 0; i < 6; ++i) EXPECT(out[i] == 0.0f, "empty sum %g", static_cast<double>(out[i]));
  reduce("mean", {2, 0, 3}, none, out);
  for (std::size_t i = 0; i < 6; ++i) EXPECT(std::isnan(out[i]), "empty mean %g", static_cast<double>(out[i]));
}

}  // namespace

int main() {
  values_of<float, float>(1);
  values_of<double, double>(2);
  values_of<std::int32_t, std::int32_t>(3);
  values_of<std::uint8_t, std::int32_t>(4);
  same_bits<float>();
  same_bits<double>();
  special_values<float>();
  special_values<double>();
  extreme_integers();
  rounding();
  refusals();
  empty_axis();
  return harness::report("reduce");
}
