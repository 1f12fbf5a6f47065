// Softmax, the losses over classes and their gradients against formulas in double: lines of one pack and of many, lines
// side by side, more classes than fit the room near a line; special values, bad labels, threads.
#include "ops/loss.h"
#include "ops/softmax.h"

#include <algorithm>
#include <functional>

#include "op_harness.h"

using namespace receptive;
using harness::Call;
using harness::Guarded;

namespace {

using Executor = RECEPTIVE_TARGET::Executor;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Shape {
  std::int64_t outer, n, inner;
  std::size_t size() const { return static_cast<std::size_t>(outer * n * inner); }
  std::size_t lines() const { return static_cast<std::size_t>(outer * inner); }
  std::size_t at(std::size_t line, std::int64_t k) const {
    const auto l = static_cast<std::int64_t>(line);
    return static_cast<std::size_t>((l / inner * n + k) * inner + l % inner);
  }
};

const Shape kShapes[] = {{1, 1, 1},     {5, 10, 1},    {3, 16, 1},    {2, 17, 1},  {3, 1000, 1},
                         {1, 40000, 1}, {70, 1100, 1}, {4, 10, 3},    {2, 21, 16}, {2, 21, 100},
                         {1, 600, 5},   {1, 700, 37},  {3, 4, 20000}, {0, 5, 3},   {3, 5, 0}};

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 3e-6 : 1e-14;

Call& with_extents(Call& call, const Shape& s) {
  return call.set("outer", {static_cast<double>(s.outer)})
      .set("n", {static_cast<double>(s.n)})
      .set("inner", {static_cast<double>(s.inner)});
}

template <class T>
Guarded<T> random_values(std::size_t n, unsigned seed, double low, double high) {
  Guarded<T> x(n);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<T>(uniform(random));
  return x;
}

// Softmax of a line in double, and the logarithm of its sum of exponentials.
struct Line {
  std::vector<double> p;
  double logSum;

  template <class T>
  Line(const Shape& s, Guarded<T>& x, std::size_t line) {
    double max = -kInf, sum = 0;
    // (Not std::fmax: GCC 12 for arm64 dies of an internal error when it vectorises a reduction of it.)
    for (std::int64_t k = 0; k < s.n; ++k) max = std::max(max, static_cast<double>(x[s.at(line, k)]));
    for (std::int64_t k = 0; k < s.n; ++k) sum += std::exp(static_cast<double>(x[s.at(line, k)]) - max);
    for (std::int64_t k = 0; k < s.n; ++k) p.push_back(std::exp(static_cast<double>(x[s.at(line, k)]) - max) / sum);
    logSum = max + std::log(sum);
  }
};

// Runs the op with one thread and with three, which must agree in every bit, and compares with expected(line, k).
template <class T>
void compare(OpList ops, const char* op, const Shape& s, const std::function<void(Call&)>& arguments, std::size_t size,
             const std::function<double(std::size_t, std::int64_t)>& expected, double scale = 1) {
  Guarded<T> out(size), threaded(size);
  for (const int threads : {1, 3}) {
    Call call(ops, op);
    arguments(call);
    const char* wrong = with_extents(call.out(threads == 1 ? out : threaded), s).run(threads);
    EXPECT(wrong == nullptr, "%s [%ld, %ld, %ld]: %s", op, s.outer, s.n, s.inner, wrong);
  }
  EXPECT(out.intact() && threaded.intact(), "%s [%ld, %ld, %ld] wrote beside its output", op, s.outer, s.n, s.inner);
  EXPECT(std::memcmp(out.data(), threaded.data(), size * sizeof(T)) == 0, "%s [%ld, %ld, %ld] differs with threads", op,
         s.outer, s.n, s.inner);
  const bool per_line = size == s.lines() && size != s.size();
  for (std::size_t line = 0; line < s.lines(); ++line) {
    for (std::int64_t k = 0; k < (per_line ? 1 : s.n); ++k) {
      const double want = expected(line, k);
      const auto got = static_cast<double>(out[per_line ? line : s.at(line, k)]);
      if (std::fabs(got - want) <= kTolerance<T> * (scale + std::fabs(want))) continue;
      EXPECT(false, "%s [%ld, %ld, %ld] line %zu, %ld: %.9g, not %.9g", op, s.outer, s.n, s.inner, line, k, got, want);
      return;
    }
  }
}

template <class T>
void softmax_values() {
  const OpList ops = RECEPTIVE_TARGET::SoftmaxFamily<Executor>::list();
  for (const Shape& s : kShapes) {
    auto x = random_values<T>(s.size(), 1, -6, 6);
    auto g = random_values<T>(s.size(), 2, -1, 1);
    Guarded<T> y(s.size()), logs(s.size());
    std::vector<Line> lines;
    for (std::size_t line = 0; line < s.lines(); ++line) {
      lines.emplace_back(s, x, line);
      for (std::int64_t k = 0; k < s.n; ++k) {
        y[s.at(line, k)] = static_cast<T>(lines[line].p[static_cast<std::size_t>(k)]);
        logs[s.at(line, k)] = static_cast<T>(static_cast<double>(x[s.at(line, k)]) - lines[line].logSum);
      }
    }
    const auto p = [&](std::size_t line, std::int64_t k) { return lines[line].p[static_cast<std::size_t>(k)]; };
    compare<T>(
        ops, "softmax", s, [&](Call& c) { c.in(x); }, s.size(), p, 0);
    compare<T>(
        ops, "logSoftmax", s, [&](Call& c) { c.in(x); }, s.size(),
        [&](std::size_t line, std::int64_t k) { return static_cast<double>(x[s.at(line, k)]) - lines[line].logSum; });
    std::vector<double> dot(s.lines()), sum(s.lines());
    for (std::size_t line = 0; line < s.lines(); ++line) {
      for (std::int64_t k = 0; k < s.n; ++k) {
        dot[line] += static_cast<double>(g[s.at(line, k)]) * static_cast<double>(y[s.at(line, k)]);
        sum[line] += static_cast<double>(g[s.at(line, k)]);
      }
    }
    compare<T>(
        ops, "softmaxGrad", s, [&](Call& c) { c.in(g).in(y); }, s.size(),
        [&](std::size_t line, std::int64_t k) {
          return static_cast<double>(y[s.at(line, k)]) * (static_cast<double>(g[s.at(line, k)]) - dot[line]);
        });
    compare<T>(
        ops, "logSoftmaxGrad", s, [&](Call& c) { c.in(g).in(logs); }, s.size(),
        [&](std::size_t line, std::int64_t k) {
          return static_cast<double>(g[s.at(line, k)]) - std::exp(static_cast<double>(logs[s.at(line, k)])) * sum[line];
        });
  }
}

template <class T>
void class_losses() {
  const OpList ops = RECEPTIVE_TARGET::LossFamily<Executor>::list();
  for (const Shape& s : kShapes) {
    if (s.n == 0) continue;
    auto x = random_values<T>(s.size(), 3, -5, 5);
    auto t = random_values<T>(s.size(), 4, 0, 2.0 / static_cast<double>(s.n));
    auto g = random_values<T>(s.lines(), 5, -2, 2);
    auto one = random_values<T>(1, 6, 1, 2);
    Guarded<std::int32_t> labels(s.lines());
    std::mt19937 random(7);
    std::vector<Line> lines;
    std::vector<double> weight(s.lines()), soft(s.lines());
    for (std::size_t line = 0; line < s.lines(); ++line) {
      labels[line] = static_cast<std::int32_t>(random() % static_cast<unsigned>(s.n));
      lines.emplace_back(s, x, line);
      for (std::int64_t k = 0; k < s.n; ++k) {
        weight[line] += static_cast<double>(t[s.at(line, k)]);
        soft[line] +=
            static_cast<double>(t[s.at(line, k)]) * (lines[line].logSum - static_cast<double>(x[s.at(line, k)]));
      }
    }
    const auto value = [&](std::size_t line, std::int64_t k) { return static_cast<double>(x[s.at(line, k)]); };
    const auto p = [&](std::size_t line, std::int64_t k) { return lines[line].p[static_cast<std::size_t>(k)]; };
    compare<T>(
        ops, "crossEntropy", s, [&](Call& c) { c.in(x).in(labels); }, s.lines(),
        [&](std::size_t line, std::int64_t) { return lines[line].logSum - value(line, labels[line]); });
    compare<T>(
        ops, "softCrossEntropy", s, [&](Call& c) { c.in(x).in(t); }, s.lines(),
        [&](std::size_t line, std::int64_t) { return soft[line]; }, 10);
    compare<T>(
        ops, "nllLoss", s, [&](Call& c) { c.in(x).in(labels); }, s.lines(),
        [&](std::size_t line, std::int64_t) { return -value(line, labels[line]); }, 0);
    for (auto* upstream : {&g, &one}) {
      const auto scaled = [&](std::size_t line) {
        return 0.5 * static_cast<double>((*upstream)[upstream->size == 1 ? 0 : line]);
      };
      compare<T>(
          ops, "crossEntropyGrad", s, [&](Call& c) { c.in(*upstream).in(x).in(labels).set("scale", {0.5}); }, s.size(),
          [&](std::size_t line, std::int64_t k) { return (p(line, k) - (k == labels[line] ? 1 : 0)) * scaled(line); });
      compare<T>(
          ops, "softCrossEntropyGrad", s, [&](Call& c) { c.in(*upstream).in(x).in(t).set("scale", {0.5}); }, s.size(),
          [&](std::size_t line, std::int64_t k) {
            return (p(line, k) * weight[line] - static_cast<double>(t[s.at(line, k)])) * scaled(line);
          });
      compare<T>(
          ops, "nllLossGrad", s, [&](Call& c) { c.in(*upstream).in(labels).set("scale", {0.5}); }, s.size(),
          [&](std::size_t line, std::int64_t k) { return k == labels[line] ? -scaled(line) : 0.0; }, 0);
    }
  }
}

// A line with NaN or +inf is NaN, one of -inf alone too; -inf beside finite values gives 0; the other lines stay.
template <class T>
void special_lines() {
  const OpList ops = RECEPTIVE_TARGET::SoftmaxFamily<Executor>::list();
  for (const Shape& s : {Shape{3, 7, 1}, Shape{3, 16, 1}, Shape{3, 70, 1}, Shape{1, 7, 3}, Shape{1, 600, 40}}) {
    for (const double special : {kNan, kInf, -kInf}) {
      for (const bool all : {false, true}) {
        auto x = random_values<T>(s.size(), 8, -300, 300);  // exp alone would overflow
        for (std::int64_t k = 0; k < s.n; ++k) {
          if (all || k == s.n - 1) x[s.at(1, k)] = static_cast<T>(special);
        }
        Guarded<T> y(s.size()), logs(s.size());
        Call softmax(ops, "softmax"), logSoftmax(ops, "logSoftmax");
        with_extents(softmax.in(x).out(y), s).run();
        with_extents(logSoftmax.in(x).out(logs), s).run();
        for (std::size_t line = 0; line < 3; ++line) {
          double sum = 0;
          for (std::int64_t k = 0; k < s.n; ++k) sum += static_cast<double>(y[s.at(line, k)]);
          const bool bad = line == 1 && (all || special != -kInf);
          EXPECT(bad ? std::isnan(sum) : std::fabs(sum - 1) < 1e-5, "[%ld, %ld, %ld] with %g: line %zu sums to %g",
                 s.outer, s.n, s.inner, special, line, sum);
          for (std::int64_t k = 0; bad && k < s.n; ++k) {
            EXPECT(std::isnan(y[s.at(line, k)]) && std::isnan(logs[s.at(line, k)]), "%ld of a line with %g", k,
                   special);
          }
        }
        if (!all && special == -kInf) {
          EXPECT(y[s.at(1, s.n - 1)] == T(0), "softmax of -inf");
          EXPECT(logs[s.at(1, s.n - 1)] == -std::numeric_limits<T>::infinity(), "logSoftmax of -inf");
        }
      }
    }
  }
}

template <class T>
void bad_labels() {
  const OpList ops = RECEPTIVE_TARGET::LossFamily<Executor>::list();
  for (const Shape& s : {Shape{40, 10, 1}, Shape{40, 100, 1}, Shape{2, 10, 20}}) {
    auto x = random_values<T>(s.size(), 9, -5, 5);
    auto g = random_values<T>(s.lines(), 10, 1, 2);
    Guarded<std::int32_t> labels(s.lines());
    for (std::size_t i = 0; i < labels.size; ++i) labels[i] = static_cast<std::int32_t>(i % 10);
    labels[13] = -1;
    labels[7] = static_cast<std::int32_t>(s.n);
    labels[30] = std::numeric_limits<std::int32_t>::min();
    for (const char* op : {"crossEntropy", "nllLoss", "crossEntropyGrad", "nllLossGrad"}) {
      const bool grad = std::strstr(op, "Grad") != nullptr;
      Guarded<T> out(grad ? s.size() : s.lines());
      Call call(ops, op);
      if (grad) call.in(g).set("scale", {1});
      if (std::strcmp(op, "nllLossGrad") != 0) call.in(x);
      Fault fault{-1, 0, 0};
      const char* wrong = with_extents(call.in(labels).out(out), s).run(2, &fault);
      EXPECT(wrong == nullptr && out.intact(), "%s: %s", op, wrong);
      EXPECT(fault.position == 7 && fault.value == s.n && fault.limit == s.n, "%s: fault at %ld, value %ld, limit %ld",
             op, fault.position, fault.value, fault.limit);
      for (std::size_t line = 0; line < s.lines(); ++line) {
        const bool bad = line == 7 || line == 13 || line == 30;
        for (std::int64_t k = 0; k < (grad ? s.n : 1); ++k) {
          EXPECT(std::isnan(out[grad ? s.at(line, k) : line]) == bad, "%s: line %zu, %ld", op, line, k);
        }
      }
    }
  }
}

void refusals() {
  const OpList ops = RECEPTIVE_TARGET::LossFamily<Executor>::list();
  Guarded<float> x(12), lines(4), three(3);
  Guarded<std::int32_t> labels(4), few(3);
  const auto refused = [&](const char* what, const char* op, const Shape& s, auto& target, auto& out) {
    Call call(ops, op);
    with_extents(call.in(x).in(target).out(out), s);
    EXPECT(call.entry->check(call.call) != nullptr, "%s passed", what);
  };
  refused("too few labels", "crossEntropy", {4, 3, 1}, few, lines);
  refused("too small an output", "crossEntropy", {4, 3, 1}, labels, three);
  refused("extents that are not the size", "crossEntropy", {4, 4, 1}, labels, lines);
  refused("float labels", "crossEntropy", {4, 3, 1}, lines, lines);
  refused("probabilities of another size", "softCrossEntropy", {4, 3, 1}, three, lines);
  refused("an int32 output", "nllLoss", {4, 3, 1}, labels, labels);
  Call grad(ops, "crossEntropyGrad");
  with_extents(grad.in(three).in(x).in(labels).out(x), {4, 3, 1});
  EXPECT(grad.entry->check(grad.call) != nullptr, "a gradient of 3 for 4 lines passed");
}

}  // namespace

int main() {
  softmax_values<float>();
  softmax_values<double>();
  class_losses<float>();
  class_losses<double>();
  special_lines<float>();
  special_lines<double>();
  bad_labels<float>();
  bad_labels<double>();
  refusals();
  return harness::report("lines");
}
