// Unary ops, activations and their gradients against formulas in more precision: values, derivatives by central
// differences, every length around a register's, in place, exceptional values, integers that wrap.
#include "op_harness.h"
#include "ops/activation.h"
#include "ops/unary.h"
#include "ulp.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;
using harness::Guarded;

namespace {

using Wide = long double;
const auto kUnary = t::UnaryFamily<t::Executor>::list();
const auto kActivation = t::ActivationFamily<t::Executor>::list();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Row {
  const char* name;
  receptive::OpList list;
  Wide (*value)(Wide);
  const char* gradient;  // null where there is none
  bool saves_output;
  double low, high;  // where value and derivative are compared
  std::vector<double> kinks;
  std::vector<std::pair<const char*, double>> attributes;
};

Wide sigmoid(Wide x) { return 1 / (1 + std::exp(-x)); }
Wide softplus(Wide x) { return std::log1p(std::exp(x)); }
Wide relu6(Wide x) { return std::min<Wide>(std::max<Wide>(x, 0), 6); }

const std::vector<Row> kRows = {
    {"neg", kUnary, [](Wide x) { return -x; }, nullptr, false, -9, 9, {}, {}},
    {"abs", kUnary, [](Wide x) { return std::fabs(x); }, "absGrad", false, -9, 9, {0}, {}},
    {"sign", kUnary, [](Wide x) { return Wide((x > 0) - (x < 0)); }, nullptr, false, -9, 9, {}, {}},
    {"square", kUnary, [](Wide x) { return x * x; }, "squareGrad", false, -9, 9, {}, {}},
    {"exp", kUnary, [](Wide x) { return std::exp(x); }, "expGrad", true, -9, 9, {}, {}},
    {"log", kUnary, [](Wide x) { return std::log(x); }, "logGrad", false, 0.5, 9, {}, {}},
    {"sqrt", kUnary, [](Wide x) { return std::sqrt(x); }, "sqrtGrad", true, 0.5, 9, {}, {}},
    {"rsqrt", kUnary, [](Wide x) { return 1 / std::sqrt(x); }, "rsqrtGrad", true, 0.5, 9, {}, {}},
    {"reciprocal", kUnary, [](Wide x) { return 1 / x; }, "reciprocalGrad", true, 0.5, 9, {}, {}},
    {"floor", kUnary, [](Wide x) { return std::floor(x); }, nullptr, false, -9, 9, {}, {}},
    {"ceil", kUnary, [](Wide x) { return std::ceil(x); }, nullptr, false, -9, 9, {}, {}},
    {"round", kUnary, [](Wide x) { return std::nearbyint(x); }, nullptr, false, -9, 9, {}, {}},
    {"clamp",
     kUnary,
     [](Wide x) { return std::min<Wide>(std::max<Wide>(x, -1), 2); },
     "clampGrad",
     false,
     -9,
     9,
     {-1, 2},
     {{"low", -1}, {"high", 2}}},
    {"relu", kActivation, [](Wide x) { return std::max<Wide>(x, 0); }, "reluGrad", true, -9, 9, {0}, {}},
    {"relu6", kActivation, relu6, "relu6Grad", true, -9, 9, {0, 6}, {}},
    {"leakyRelu",
     kActivation,
     [](Wide x) { return x > 0 ? x : x / 8; },
     "leakyReluGrad",
     false,
     -9,
     9,
     {0},
     {{"slope", 0.125}}},
    {"elu",
     kActivation,
     [](Wide x) { return x > 0 ? x : std::expm1(x) / 2; },
     "eluGrad",
     false,
     -9,
     9,
     {0},
     {{"alpha", 0.5}}},
    {"selu",
     kActivation,
     [](Wide x) { return 1.0507009873554804934L * (x > 0 ? x : 1.6732632423543772848L * std::expm1(x)); },
     "seluGrad",
     false,
     -9,
     9,
     {0},
     {}},
    {"gelu",
     kActivation,
     [](Wide x) { return x * std::erfc(-x / std::sqrt(Wide(2))) / 2; },
     "geluGrad",
     false,
     -9,
     9,
     {},
     {}},
    {"geluTanh",
     kActivation,
     [](Wide x) { return x * sigmoid(2 * std::sqrt(2 / std::acos(Wide(-1))) * (x + 0.044715L * x * x * x)); },
     "geluTanhGrad",
     false,
     -9,
     9,
     {},
     {}},
    {"silu", kActivation, [](Wide x) { return x * sigmoid(x); }, "siluGrad", false, -30, 30, {}, {}},
    {"mish", kActivation, [](Wide x) { return x * std::tanh(softplus(x)); }, "mishGrad", false, -30, 30, {}, {}},
    {"softplus", kActivation, softplus, "softplusGrad", false, -30, 30, {}, {}},
    {"sigmoid", kActivation, sigmoid, "sigmoidGrad", true, -9, 9, {}, {}},
    {"hardSigmoid", kActivation, [](Wide x) { return relu6(x + 3) / 6; }, "hardSigmoidGrad", false, -9, 9, {-3, 3}, {}},
    {"hardSwish", kActivation, [](Wide x) { return x * relu6(x + 3) / 6; }, "hardSwishGrad", false, -9, 9, {-3, 3}, {}},
    {"tanh", kActivation, [](Wide x) { return std::tanh(x); }, "tanhGrad", true, -6, 6, {}, {}},
};

std::mt19937_64 generator(5);
double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(generator); }

Call call_of(const Row& row, const char* name) {
  Call call(row.list, name);
  for (const auto& [attribute, value] : row.attributes) call.set(attribute, {value});
  return call;
}

template <class T>
bool same_bits(Guarded<T>& a, std::size_t i, Guarded<T>& b, std::size_t j) {
  return std::memcmp(&a[i], &b[j], sizeof(T)) == 0;
}

// Values and derivatives on [low, high]. The absolute term is for sums that cancel (the zero of gelu's derivative).
template <class T>
void values(const Row& row) {
  constexpr double eps = std::numeric_limits<T>::epsilon();
  const std::size_t n = 1000;
  Guarded<T> x(n), y(n), g(n), d(n);
  for (std::size_t i = 0; i < n; ++i)
    x[i] = static_cast<T>(uniform(row.low, row.high)), g[i] = static_cast<T>(uniform(-2, 2));
  EXPECT(call_of(row, row.name).in(x).out(y).run() == nullptr, "%s", row.name);
  // The sigmoid of a cubic magnifies the rounding of its argument.
  const double tolerance = std::strcmp(row.name, "geluTanh") == 0 ? 400 * eps : 10 * eps;
  for (std::size_t i = 0; i < n; ++i) {
    const Wide exact = row.value(x[i]);
    const Wide error = std::fabs(Wide(y[i]) - exact);
    EXPECT(error <= tolerance * std::fabs(exact), "%s(%g) = %g, not %g", row.name, double(x[i]), double(y[i]),
           double(exact));
  }
  EXPECT(y.intact(), "%s", row.name);
  if (row.gradient == nullptr) return;
  EXPECT(call_of(row, row.gradient).in(g).in(row.saves_output ? y : x).out(d).run() == nullptr, "%s", row.gradient);
  for (std::size_t i = 0; i < n; ++i) {
    const Wide h = 1e-4L;
    bool near_kink = false;
    for (const double kink : row.kinks) near_kink = near_kink || std::fabs(x[i] - kink) < 2 * h;
    if (near_kink) continue;
    // Fourth-order difference: its error, about h^4, is below the tolerance of both types.
    const Wide a = x[i];
    const Wide slope =
        (8 * (row.value(a + h) - row.value(a - h)) - (row.value(a + 2 * h) - row.value(a - 2 * h))) / (12 * h);
    const Wide exact = slope * g[i];
    const Wide bound =
        1e-11 * std::fabs(exact) + 1e-11 + 2 * (tolerance + 20 * eps) * (std::fabs(exact) + std::fabs(g[i]));
    EXPECT(std::fabs(d[i] - exact) <= bound, "%s at %g: %g, not %g", row.gradient, double(x[i]), double(d[i]),
           double(exact));
  }
}

// Whatever the length and the place in a register, an element has the same bits; in place too, and for any number of
// threads.
template <class T>
void lengths(const Row& row) {
  const std::size_t total = 200;
  Guarded<T> x(total), g(total), reference(total), gradient(total);
  for (std::size_t i = 0; i < total; ++i)
    x[i] = static_cast<T>(uniform(row.low, row.high)), g[i] = static_cast<T>(uniform(-2, 2));
  call_of(row, row.name).in(x).out(reference).run();
  if (row.gradient != nullptr) call_of(row, row.gradient).in(g).in(x).out(gradient).run();
  for (std::size_t n = 0; n < 70; ++n) {
    const std::size_t first = n % 13;
    Guarded<T> part(n), part_g(n), y(n), d(n);
    for (std::size_t i = 0; i < n; ++i) part[i] = x[first + i], part_g[i] = g[first + i];
    call_of(row, row.name).in(part).out(y).run();
    if (row.gradient != nullptr) call_of(row, row.gradient).in(part_g).in(part).out(d).run();
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT(same_bits(y, i, reference, first + i), "%s, length %zu", row.name, n);
      EXPECT(row.gradient == nullptr || same_bits(d, i, gradient, first + i), "%s, length %zu", row.gradient, n);
    }
    EXPECT(y.intact() && d.intact(), "%s, length %zu", row.name, n);
    if (row.gradient != nullptr) call_of(row, row.gradient).in(part_g).in(part).out(part_g).run();  // over g
    call_of(row, row.name).in(part).out(part).run();                                                // over x
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT(same_bits(part, i, y, i), "%s in place, length %zu", row.name, n);
      EXPECT(row.gradient == nullptr || same_bits(part_g, i, d, i), "%s in place, length %zu", row.gradient, n);
    }
  }
  Guarded<T> large(200001), one(large.size), three(large.size);
  for (std::size_t i = 0; i < large.size; ++i) large[i] = x[i % total];
  call_of(row, row.name).in(large).out(one).run(1);
  call_of(row, row.name).in(large).out(three).run(3);
  EXPECT(std::memcmp(one.data(), three.data(), large.size * sizeof(T)) == 0, "%s on three threads", row.name);
  EXPECT(one.intact() && three.intact(), "%s", row.name);
}

struct Special {
  const char* name;
  double x;
  double expected;  // a zero's sign counts
};

// What the headers say of values at the ends and at zero. NaN gives NaN in every row, checked apart.
const std::vector<Special> kSpecial = {
    {"neg", 0, -0.0},           {"abs", -0.0, 0},          {"sign", -0.0, -0.0},        {"sign", -kInf, -1},
    {"exp", -kInf, 0},          {"exp", kInf, kInf},       {"log", 0, -kInf},           {"log", -0.0, -kInf},
    {"log", -1, kNan},          {"log", kInf, kInf},       {"sqrt", -0.0, -0.0},        {"sqrt", -1, kNan},
    {"rsqrt", 0, kInf},         {"rsqrt", kInf, 0},        {"reciprocal", -0.0, -kInf}, {"reciprocal", -kInf, -0.0},
    {"floor", -0.5, -1},        {"floor", -0.0, -0.0},     {"ceil", -0.5, -0.0},        {"round", -0.5, -0.0},
    {"round", 2.5, 2},          {"round", kInf, kInf},     {"clamp", -kInf, -1},        {"clamp", kInf, 2},
    {"relu", -0.0, 0},          {"relu", -kInf, 0},        {"relu", kInf, kInf},        {"relu6", -0.0, 0},
    {"relu6", kInf, 6},         {"leakyRelu", -0.0, -0.0}, {"leakyRelu", -kInf, -kInf}, {"elu", -0.0, -0.0},
    {"elu", -kInf, -0.5},       {"elu", kInf, kInf},       {"selu", -0.0, -0.0},        {"selu", kInf, kInf},
    {"gelu", -kInf, -0.0},      {"gelu", kInf, kInf},      {"gelu", -0.0, -0.0},        {"geluTanh", -kInf, -0.0},
    {"geluTanh", kInf, kInf},   {"silu", -kInf, -0.0},     {"silu", kInf, kInf},        {"silu", -0.0, -0.0},
    {"mish", -kInf, -0.0},      {"mish", kInf, kInf},      {"softplus", -kInf, 0},      {"softplus", kInf, kInf},
    {"sigmoid", -kInf, 0},      {"sigmoid", kInf, 1},      {"hardSigmoid", -kInf, 0},   {"hardSigmoid", kInf, 1},
    {"hardSwish", -kInf, -0.0}, {"hardSwish", kInf, kInf}, {"tanh", -0.0, -0.0},        {"tanh", -kInf, -1},
    {"tanh", kInf, 1},          {"sigmoid", 0, 0.5},       {"hardSwish", -3, -0.0},     {"hardSwish", 3, 3},
};

// Gradients for g = 1 at kinks and ends, from what the op saved: PyTorch's choice, or the limit.
const std::vector<Special> kSpecialGradients = {
    {"absGrad", 0, 0},           {"absGrad", -0.0, 0},       {"clampGrad", -1, 1},      {"clampGrad", 2, 1},
    {"clampGrad", 2.5, 0},       {"reluGrad", 0, 0},         {"relu6Grad", 0, 0},       {"relu6Grad", 6, 0},
    {"leakyReluGrad", 0, 0.125}, {"eluGrad", 0, 0.5},        {"eluGrad", -kInf, 0},     {"hardSigmoidGrad", -3, 0},
    {"hardSigmoidGrad", 3, 0},   {"hardSwishGrad", -3, 0},   {"hardSwishGrad", 3, 1},   {"hardSwishGrad", kInf, 1},
    {"geluGrad", -kInf, 0},      {"geluGrad", kInf, 1},      {"geluGrad", 0, 0.5},      {"geluTanhGrad", -kInf, 0},
    {"geluTanhGrad", kInf, 1},   {"siluGrad", -kInf, 0},     {"siluGrad", kInf, 1},     {"mishGrad", -kInf, 0},
    {"mishGrad", kInf, 1},       {"softplusGrad", -kInf, 0}, {"softplusGrad", kInf, 1}, {"seluGrad", -kInf, 0},
    {"sigmoidGrad", 0, 0},       {"sigmoidGrad", 1, 0},      {"tanhGrad", 1, 0},        {"tanhGrad", -1, 0},
    {"sqrtGrad", 0, kInf},       {"logGrad", 0, kInf},
};

const Row& row_of(const char* name) {
  for (const Row& row : kRows) {
    if (std::strcmp(row.name, name) == 0 || (row.gradient != nullptr && std::strcmp(row.gradient, name) == 0))
      return row;
  }
  std::printf("no row %s\n", name), std::exit(2);
}

template <class T>
T single(const Row& row, const char* name, T a, const T* b = nullptr) {
  Guarded<T> x(1), saved(1), y(1);
  x[0] = a;
  auto call = call_of(row, name);
  call.in(x);
  if (b != nullptr) saved[0] = *b, call.in(saved);
  call.out(y).run();
  return y[0];
}

template <class T>
void specials() {
  const auto equal = [](T a, T b) {
    return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
  };
  for (const Special& s : kSpecial) {
    const T got = single<T>(row_of(s.name), s.name, static_cast<T>(s.x));
    EXPECT(equal(got, static_cast<T>(s.expected)), "%s(%g) = %g, not %g", s.name, s.x, double(got), s.expected);
  }
  for (const Special& s : kSpecialGradients) {
    const T saved = static_cast<T>(s.x);
    const T got = single<T>(row_of(s.name), s.name, T(1), &saved);
    EXPECT(got == static_cast<T>(s.expected), "%s(%g) = %g, not %g", s.name, s.x, double(got), s.expected);
  }
  const T nan = static_cast<T>(kNan);
  for (const Row& row : kRows) {
    EXPECT(std::isnan(single<T>(row, row.name, nan)), "%s(NaN)", row.name);
    if (row.gradient != nullptr) EXPECT(std::isnan(single<T>(row, row.gradient, T(1), &nan)), "%s(NaN)", row.gradient);
  }
}

template <class T>
void integers() {
  constexpr T low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  const auto check = [](const char* name, T x, T expected) {
    const T got = single<T>(row_of(name), name, x);
    EXPECT(got == expected, "%s(%lld) = %lld", name, static_cast<long long>(x), static_cast<long long>(got));
  };
  for (const T x : {low, T(low + 1), T(0), T(1), T(2), T(3), T(100), T(high - 1), high}) {
    const auto wide = static_cast<std::int64_t>(x);
    check("abs", x, static_cast<T>(wide < 0 ? -wide : wide));
    check("sign", x, static_cast<T>((x > 0) - (x < 0)));
    check("square", x, static_cast<T>(static_cast<std::uint64_t>(wide) * static_cast<std::uint64_t>(wide)));
    check("clamp", x, wide > 2 ? T(2) : wide < -1 ? T(-1) : x);
    if (std::is_signed_v<T>) check("neg", x, static_cast<T>(-wide));
  }
}

void refusals() {
  Guarded<float> x(8), y(8), shorter(7);
  Guarded<double> wide(8);
  Guarded<std::uint8_t> bytes(8), other(8);
  EXPECT(Call(kUnary, "exp").in(x).out(shorter).run() != nullptr, "sizes");
  EXPECT(Call(kUnary, "exp").in(x).out(wide).run() != nullptr, "types");
  EXPECT(Call(kUnary, "exp").in(bytes).out(other).run() != nullptr, "exp of uint8");
  EXPECT(Call(kUnary, "neg").in(bytes).out(other).run() != nullptr, "neg of uint8");
  EXPECT(Call(kUnary, "expGrad").in(x).in(shorter).out(y).run() != nullptr, "sizes");
  Call across(kUnary, "exp");
  across.in(x).out(y);
  across.call.inputs[0].size = across.call.outputs[0].size = 7;
  across.call.outputs[0].data = x.data() + 1;
  EXPECT(across.run() != nullptr, "an output that lies across the input");
  Call logic(kUnary, "logicalNot");
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(i / 3);
  logic.in(bytes).out(other);
  logic.call.inputs[0].dtype = logic.call.outputs[0].dtype = receptive::DType::boolean;
  EXPECT(logic.run() == nullptr, "logicalNot");
  for (int i = 0; i < 8; ++i) EXPECT(other[i] == (i < 3), "logicalNot of %d", bytes[i]);
}

}  // namespace

int main() {
  for (const Row& row : kRows) {
    values<float>(row);
    values<double>(row);
    lengths<float>(row);
    lengths<double>(row);
  }
  specials<float>();
  specials<double>();
  integers<std::int32_t>();
  integers<std::uint8_t>();
  refusals();
  return harness::report("pointwise");
}
