// Ops with broadcasting operands (binary, where, the gradients of prelu) and casts against plain loops, on random
// layouts with different numbers everywhere; in place; and what check() makes of hostile attributes.
#include <algorithm>
#include <functional>

#include "op_harness.h"
#include "ops/binary.h"
#include "ops/cast.h"
#include "ops/where.h"
#include "ulp.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;
using harness::Guarded;
using receptive::DType;

namespace {

const auto kBinary = t::BinaryFamily<t::Executor>::list();
const auto kWhere = t::WhereFamily<t::Executor>::list();
const auto kCast = t::CastFamily<t::Executor>::list();

std::mt19937_64 generator(9);
int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

// An output and operands that repeat along some of its dimensions.
struct Layout {
  std::vector<std::int64_t> dims;
  std::vector<std::vector<std::int64_t>> strides;
  std::vector<std::size_t> sizes;
  std::size_t size = 1;

  static Layout random(int operands) {
    Layout l;
    const int rank = pick(0, 5);
    for (int d = 0; d < rank; ++d) l.dims.push_back(pick(1, d == rank - 1 ? 90 : 4));
    if (pick(0, 40) == 0 && rank > 0) l.dims[pick(0, rank - 1)] = 0;
    for (const auto n : l.dims) l.size *= static_cast<std::size_t>(n);
    for (int k = 0; k < operands; ++k) {
      std::vector<std::int64_t> strides(l.dims.size());
      std::int64_t step = 1;
      for (int d = rank - 1; d >= 0; --d) {
        const bool repeats = pick(0, 2) == 0;
        strides[d] = repeats ? 0 : step;
        if (!repeats) step *= l.dims[d];
      }
      l.strides.push_back(strides);
      l.sizes.push_back(static_cast<std::size_t>(step));
    }
    return l;
  }

  std::size_t at(int operand, std::size_t flat) const {
    std::int64_t offset = 0;
    for (int d = static_cast<int>(dims.size()) - 1; d >= 0; --d) {
      offset += static_cast<std::int64_t>(flat) % dims[d] * strides[operand][d];
      flat /= static_cast<std::size_t>(dims[d]);
    }
    return static_cast<std::size_t>(offset);
  }
};

void set(Call& call, const char* name, const std::vector<std::int64_t>& values) {
  for (int f = 0; f < call.entry->fieldCount; ++f) {
    if (std::strcmp(call.entry->fields[f].name, name) != 0 || values.empty()) continue;
    std::memcpy(call.call.attrs + call.entry->fields[f].offset, values.data(), values.size() * sizeof(std::int64_t));
  }
}

Call call_of(receptive::OpList list, const char* name, const Layout& l) {
  Call call(list, name);
  set(call, "rank", {static_cast<std::int64_t>(l.dims.size())});
  set(call, "dims", l.dims);
  return call;
}

// Small integers, so that results are exact; often equal, some of them 0, NaN and -0 among floats.
template <class T>
void fill(Guarded<T>& tensor, bool boolean = false) {
  for (std::size_t i = 0; i < tensor.size; ++i) {
    tensor[i] = static_cast<T>(boolean ? pick(0, 1) : pick(std::is_unsigned_v<T> ? 0 : -5, 5));
    if constexpr (std::is_floating_point_v<T>) {
      if (pick(0, 20) == 0) tensor[i] = pick(0, 1) == 0 ? std::numeric_limits<T>::quiet_NaN() : T(-0.0);
    } else if (!boolean && pick(0, 10) == 0) {
      tensor[i] = pick(0, 1) == 0 ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min();
    }
  }
}

template <class T>
bool equal(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return (std::isnan(a) && std::isnan(b)) || a == b;
  return a == b;
}

template <class T>
T wrap(std::uint64_t bits) {
  return static_cast<T>(bits);
}

// The arithmetic of T, integers in 64 bits and cut.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a + b;
  return wrap<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
template <class T>
T minus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a - b;
  return wrap<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
template <class T>
T times(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a * b;
  return wrap<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
template <class T>
T extreme(T a, T b, bool larger) {
  if (a != a) return a;
  if (b != b) return b;
  return (a > b) == larger ? a : b;
}

// One op on random layouts: two tensors, and each side as the scalar; one thread and three.
template <class T, class Out>
void binary(const char* name, const std::function<Out(T, T)>& expected, DType dtype, DType out_dtype) {
  for (int round = 0; round < 60; ++round) {
    const Layout l = Layout::random(2);
    const int side = pick(0, 2);
    const double scalar = pick(std::is_unsigned_v<T> ? 0 : -3, 3) + (std::is_floating_point_v<T> ? 0.5 : 0.0);
    Guarded<T> a(l.sizes[0]), b(l.sizes[1]);
    fill(a, dtype == DType::boolean), fill(b, dtype == DType::boolean);
    for (const int threads : {1, 3}) {
      Guarded<Out> y(l.size);
      Call call = call_of(kBinary, name, l);
      set(call, "aStrides", l.strides[0]);
      set(call, "bStrides", l.strides[1]);
      set(call, "scalarSide", {side});
      call.set("scalar", {scalar});
      if (side != 1) call.in(a);
      if (side != 2) call.in(b);
      call.out(y);
      for (int k = 0; k < call.call.inputCount; ++k) call.call.inputs[k].dtype = dtype;
      call.call.outputs[0].dtype = out_dtype;
      const char* wrong = call.run(threads);
      EXPECT(wrong == nullptr, "%s: %s", name, wrong);
      EXPECT(y.intact(), "%s", name);
      for (std::size_t i = 0; i < l.size; ++i) {
        const T x = side == 1 ? static_cast<T>(scalar) : a[l.at(0, i)];
        const T z = side == 2 ? static_cast<T>(scalar) : b[l.at(1, i)];
        EXPECT(equal(y[i], expected(x, z)), "%s(%g, %g) = %g, side %d", name, double(x), double(z), double(y[i]), side);
      }
    }
  }
}

template <class T>
void arithmetic(DType dtype) {
  const auto op = [dtype](const char* name, T (*f)(T, T)) { binary<T, T>(name, f, dtype, dtype); };
  op("add", plus<T>);
  op("sub", minus<T>);
  op("mul", times<T>);
  op("maximum", [](T a, T b) { return extreme(a, b, true); });
  op("minimum", [](T a, T b) { return extreme(a, b, false); });
  if constexpr (std::is_floating_point_v<T>) {
    op("div", [](T a, T b) { return a / b; });
    op("prelu", [](T a, T b) { return a > 0 ? a : a * b; });
  }
}

template <class T>
void comparisons(DType dtype) {
  const auto op = [dtype](const char* name, std::uint8_t (*f)(T, T)) {
    binary<T, std::uint8_t>(name, f, dtype, DType::boolean);
  };
  op("equal", [](T a, T b) { return std::uint8_t(a == b); });
  op("notEqual", [](T a, T b) { return std::uint8_t(a != b); });
  op("less", [](T a, T b) { return std::uint8_t(a < b); });
  op("lessEqual", [](T a, T b) { return std::uint8_t(a <= b); });
  op("greater", [](T a, T b) { return std::uint8_t(a > b); });
  op("greaterEqual", [](T a, T b) { return std::uint8_t(a >= b); });
  if (dtype != DType::boolean) return;
  op("logicalAnd", [](T a, T b) { return std::uint8_t(a != 0 && b != 0); });
  op("logicalOr", [](T a, T b) { return std::uint8_t(a != 0 || b != 0); });
  op("logicalXor", [](T a, T b) { return std::uint8_t((a != 0) != (b != 0)); });
}

// Scalar exponents, the two among them that take another path included.
template <class T>
void powers() {
  for (const double exponent : {2.0, -1.0, 3.0, 0.5, -0.75, 0.0}) {
    Guarded<T> x(40), y(40);
    fill(x);
    x[3] = std::numeric_limits<T>::infinity(), x[4] = -x[3], x[5] = T(1.7), x[6] = T(123.25);
    Call call(kBinary, "pow");
    call.set("rank", {1}).set("dims", {40}).set("aStrides", {1}).set("scalar", {exponent}).set("scalarSide", {2});
    EXPECT(call.in(x).out(y).run() == nullptr, "pow");
    for (std::size_t i = 0; i < 40; ++i) {
      const auto exact = std::pow(ulp::Wide<T>(x[i]), ulp::Wide<T>(static_cast<T>(exponent)));
      EXPECT(ulp::error<T>(y[i], exact) <= (exponent == 2 || exponent == -1 ? 0.5 : 2.0), "pow(%g, %g) = %g",
             double(x[i]), exponent, double(y[i]));
    }
  }
}

template <class T>
void where(DType dtype) {
  for (int round = 0; round < 80; ++round) {
    const Layout l = Layout::random(3);
    Guarded<std::uint8_t> c(l.sizes[0]);
    Guarded<T> a(l.sizes[1]), b(l.sizes[2]), y(l.size);
    fill(c, true), fill(a), fill(b);
    Call call = call_of(kWhere, "where", l);
    set(call, "cStrides", l.strides[0]), set(call, "aStrides", l.strides[1]), set(call, "bStrides", l.strides[2]);
    call.in(c).in(a).in(b).out(y);
    call.call.inputs[0].dtype = DType::boolean;
    call.call.inputs[1].dtype = call.call.inputs[2].dtype = call.call.outputs[0].dtype = dtype;
    EXPECT(call.run(pick(1, 3)) == nullptr && y.intact(), "where");
    for (std::size_t i = 0; i < l.size; ++i) {
      T& expected = c[l.at(0, i)] != 0 ? a[l.at(1, i)] : b[l.at(2, i)];
      EXPECT(std::memcmp(&y[i], &expected, sizeof(T)) == 0, "where, element %zu", i);
    }
  }
}

template <class T>
void prelu_gradients() {
  for (int round = 0; round < 80; ++round) {
    const Layout l = Layout::random(3);
    Guarded<T> g(l.sizes[0]), x(l.sizes[1]), slope(l.sizes[2]), dx(l.size), ds(l.size);
    fill(g), fill(x), fill(slope);
    const auto run = [&](const char* name, Guarded<T>& out) {
      Call call = call_of(kWhere, name, l);
      set(call, "aStrides", l.strides[0]), set(call, "bStrides", l.strides[1]), set(call, "cStrides", l.strides[2]);
      EXPECT(call.in(g).in(x).in(slope).out(out).run() == nullptr && out.intact(), "%s", name);
    };
    run("preluGradInput", dx);
    run("preluGradSlope", ds);
    for (std::size_t i = 0; i < l.size; ++i) {
      const T gi = g[l.at(0, i)], xi = x[l.at(1, i)], si = slope[l.at(2, i)];
      EXPECT(equal(dx[i], std::isnan(xi) ? xi : xi > 0 ? gi : gi * si), "preluGradInput at %g", double(xi));
      EXPECT(equal(ds[i], xi > 0 ? T(0) : gi * xi), "preluGradSlope at %g", double(xi));
    }
  }
}

// The rule of casts for one value.
template <class From, class To>
To cast_value(From x, DType to) {
  if (to == DType::boolean) return static_cast<To>(!(x == From(0)));
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(x)) return 0;
    if (x <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (double(x) >= double(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  }
  return static_cast<To>(x);
}

template <class From, class To>
void cast(DType from, DType to) {
  std::vector<From> values;
  for (int i = -300; i <= 300; ++i) values.push_back(static_cast<From>(i));
  if constexpr (std::is_floating_point_v<From>) {
    for (const From v : ulp::edges<From>()) values.push_back(v);
    for (const double v :
         {2147483647.0, 2147483648.0, 2147483520.0, 2147483646.5, 255.5, 254.9, 0.9, 1e300, 16777217.0, 1e-40}) {
      values.push_back(static_cast<From>(v)), values.push_back(static_cast<From>(-v));
    }
  } else {
    values.push_back(std::numeric_limits<From>::max()), values.push_back(std::numeric_limits<From>::min());
  }
  Guarded<From> x(values.size());
  Guarded<To> y(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) x[i] = from == DType::boolean ? From(values[i] != 0) : values[i];
  Call call(kCast, "cast");
  call.in(x).out(y);
  call.call.inputs[0].dtype = from, call.call.outputs[0].dtype = to;
  EXPECT(call.run() == nullptr && y.intact(), "cast");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const To expected = cast_value<From, To>(x[i], to);
    EXPECT(equal(y[i], expected), "cast %d -> %d of %g gives %g", int(from), int(to), double(x[i]), double(y[i]));
  }
}

template <class From>
void casts(DType from) {
  cast<From, float>(from, DType::float32);
  cast<From, double>(from, DType::float64);
  cast<From, std::int32_t>(from, DType::int32);
  cast<From, std::uint8_t>(from, DType::uint8);
  cast<From, std::uint8_t>(from, DType::boolean);
}

// Over an operand: allowed where each element is read from its own place, refused where it is not.
void in_place() {
  Guarded<float> a(60), b(20), scaled(60);
  fill(a), fill(b);
  for (std::size_t i = 0; i < 60; ++i) scaled[i] = a[i] * b[i % 20];
  const auto call = [&](receptive::View out, std::initializer_list<double> a_strides, bool b_is_a) {
    Call c(kBinary, "mul");
    c.set("rank", {2}).set("dims", {3, 20}).set("aStrides", a_strides).set("bStrides", {0, 1});
    c.in(a).in(b_is_a ? a : b);
    c.call.outputs[0] = out;
    c.call.outputCount = 1;
    return c.run();
  };
  EXPECT(call(harness::view(a), {0, 1}, false) != nullptr, "a repeated operand as output");
  EXPECT(call(harness::view(a), {20, 1}, true) != nullptr, "an operand and its own repeated row");
  receptive::View shifted = harness::view(a);
  shifted.data = a.data() + 1;
  EXPECT(call(shifted, {20, 1}, false) != nullptr, "an output that lies across an operand");
  EXPECT(call(harness::view(a), {20, 1}, false) == nullptr, "in place");
  for (std::size_t i = 0; i < 60; ++i) EXPECT(equal(a[i], scaled[i]), "in place, element %zu", i);

  Guarded<float> x(37);
  fill(x);
  x[5] = 1e20f;
  std::vector<std::int32_t> expected;
  for (std::size_t i = 0; i < 37; ++i) expected.push_back(cast_value<float, std::int32_t>(x[i], DType::int32));
  Call over(kCast, "cast");
  over.in(x).out(x);
  over.call.outputs[0].dtype = DType::int32;
  EXPECT(over.run() == nullptr && std::memcmp(x.data(), expected.data(), 37 * 4) == 0, "cast in place");
}

// Whatever the attributes, a call is refused or stays within its buffers (guard words; run this under ASan too).
void hostile() {
  const std::int64_t numbers[] = {
      0, 1, 2, 3, 5, 7, 8, 9, -1, 64, 1 << 20, INT64_MAX, INT64_MIN, INT64_MAX / 2, 1LL << 32, 1LL << 62};
  int accepted = 0;
  for (int round = 0; round < 60000; ++round) {
    const bool three = pick(0, 1) == 0;
    Call call(three ? kWhere : kBinary, three ? "preluGradInput" : "add");
    for (int f = 0; f < call.entry->fieldCount; ++f) {
      const auto& field = call.entry->fields[f];
      if (field.kind != receptive::Field::Kind::integer) continue;
      for (int i = 0; i < field.count; ++i) {
        const bool tame = pick(0, 9) != 0;
        const std::int64_t value = tame ? pick(0, 3) : numbers[pick(0, 15)];
        std::memcpy(call.call.attrs + field.offset + i * 8, &value, 8);
      }
    }
    Guarded<float> a(pick(1, 12)), b(pick(1, 12)), c(pick(1, 12)), y(pick(0, 12));
    for (auto* tensor : {&a, &b, &c}) std::fill_n(tensor->data(), tensor->size, 1.0f);
    call.in(a);
    if (three || pick(0, 1) == 0) call.in(b);
    if (three) call.in(c);
    call.out(y);
    const bool legal = call.run() == nullptr;
    accepted += legal ? 1 : 0;
    // Beyond its ends a tensor reads as NaN.
    for (std::size_t i = 0; legal && i < y.size; ++i) EXPECT(!std::isnan(y[i]), "round %d reads past an end", round);
    EXPECT(y.intact() && a.intact() && b.intact() && c.intact(), "round %d", round);
  }
  EXPECT(accepted > 100, "only %d calls were legal", accepted);
}

}  // namespace

int main() {
  arithmetic<float>(DType::float32);
  arithmetic<double>(DType::float64);
  arithmetic<std::int32_t>(DType::int32);
  arithmetic<std::uint8_t>(DType::uint8);
  comparisons<float>(DType::float32);
  comparisons<double>(DType::float64);
  comparisons<std::int32_t>(DType::int32);
  comparisons<std::uint8_t>(DType::uint8);
  comparisons<std::uint8_t>(DType::boolean);
  powers<float>();
  powers<double>();
  where<float>(DType::float32);
  where<double>(DType::float64);
  where<std::int32_t>(DType::int32);
  where<std::uint8_t>(DType::uint8);
  where<std::uint8_t>(DType::boolean);
  prelu_gradients<float>();
  prelu_gradients<double>();
  casts<float>(DType::float32);
  casts<double>(DType::float64);
  casts<std::int32_t>(DType::int32);
  casts<std::uint8_t>(DType::uint8);
  casts<std::uint8_t>(DType::boolean);
  in_place();
  hostile();
  return harness::report("broadcast");
}
