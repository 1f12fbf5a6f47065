// gather, gatherElements, their gradients and topk against loops over all elements, on buffers that end where they
// should: with indices out of range nothing outside of them is read or written, and the first one is the fault.
#include "ops/gather.h"

#include <algorithm>
#include <numeric>

#include "op_harness.h"
#include "ops/topk.h"

using namespace receptive;
using harness::Call;
using harness::Guarded;

namespace {

const OpList kGather = RECEPTIVE_TARGET::GatherFamily<RECEPTIVE_TARGET::Executor>::list();
const OpList kTopk = RECEPTIVE_TARGET::TopkFamily<RECEPTIVE_TARGET::Executor>::list();

std::mt19937 engine(20150611);
std::int64_t draw(std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(engine);
}

struct Problem {
  std::int64_t outer, n, count, inner;
  bool each;         // gatherElements
  std::int64_t bad;  // position of an index out of range, or -1
  int threads;

  std::int64_t indices() const { return each ? outer * count * inner : count; }
  std::string text() const {
    return "[" + std::to_string(outer) + ", " + std::to_string(n) + "->" + std::to_string(count) + ", " +
           std::to_string(inner) + (each ? "] each, bad " : "] rows, bad ") + std::to_string(bad);
  }
};

// Where element `i` of what was gathered comes from; -1 where its index is out of range.
std::int64_t origin(const Problem& p, Guarded<std::int32_t>& indices, std::int64_t i) {
  const std::int64_t column = i % p.inner, row = i / p.inner % p.count, plane = i / (p.inner * p.count);
  const std::int64_t index = indices[static_cast<std::size_t>(p.each ? i : row)];
  return index < 0 || index >= p.n ? -1 : (plane * p.n + index) * p.inner + column;
}

Call call_of(const Problem& p, const char* rows, const char* elements) {
  Call call(kGather, p.each ? elements : rows);
  const auto value = [](std::int64_t v) { return static_cast<double>(v); };
  call.set("outer", {value(p.outer)}).set("n", {value(p.n)});
  call.set("count", {value(p.count)}).set("inner", {value(p.inner)});
  return call;
}

Guarded<std::int32_t> draw_indices(const Problem& p) {
  Guarded<std::int32_t> indices(static_cast<std::size_t>(p.indices()));
  for (std::size_t i = 0; i < indices.size; ++i) indices[i] = static_cast<std::int32_t>(draw(0, p.n - 1));
  if (p.bad >= 0) indices[static_cast<std::size_t>(p.bad)] = static_cast<std::int32_t>(draw(0, 1) == 0 ? p.n : -1);
  return indices;
}

void expect_fault(const Problem& p, const Fault& fault) {
  EXPECT(fault.position == p.bad, "%s: fault at %lld", p.text().c_str(), static_cast<long long>(fault.position));
}

template <class T>
void check_gather(const Problem& p) {
  Guarded<T> x(static_cast<std::size_t>(p.outer * p.n * p.inner));
  Guarded<T> out(static_cast<std::size_t>(p.outer * p.count * p.inner));
  for (std::size_t i = 0; i < x.size; ++i) x[i] = static_cast<T>(i % 251);
  auto indices = draw_indices(p);
  Fault fault{-1, 0, 0};
  const char* wrong = call_of(p, "gather", "gatherElements").in(x).in(indices).out(out).run(p.threads, &fault);
  EXPECT(wrong == nullptr, "%s: %s", p.text().c_str(), wrong);
  EXPECT(out.intact() && x.intact(), "%s", p.text().c_str());
  expect_fault(p, fault);
  for (std::size_t i = 0; i < out.size; ++i) {
    const std::int64_t from = origin(p, indices, static_cast<std::int64_t>(i));
    if (from < 0) continue;
    EXPECT(out[i] == x[static_cast<std::size_t>(from)], "%s: element %zu", p.text().c_str(), i);
  }
}

template <class T>
void check_gradient(const Problem& p) {
  Guarded<T> g(static_cast<std::size_t>(p.outer * p.count * p.inner));
  Guarded<T> out(static_cast<std::size_t>(p.outer * p.n * p.inner));
  for (std::size_t i = 0; i < g.size; ++i) g[i] = static_cast<T>(draw(-9, 9));
  auto indices = draw_indices(p);
  std::vector<T> expected(out.size);
  for (std::size_t i = 0; i < g.size; ++i) {
    const std::int64_t to = origin(p, indices, static_cast<std::int64_t>(i));
    if (to >= 0) expected[static_cast<std::size_t>(to)] += g[i];
  }
  Fault fault{-1, 0, 0};
  const char* wrong = call_of(p, "gatherGrad", "gatherElementsGrad").in(g).in(indices).out(out).run(p.threads, &fault);
  EXPECT(wrong == nullptr, "%s: %s", p.text().c_str(), wrong);
  EXPECT(out.intact(), "%s", p.text().c_str());
  expect_fault(p, fault);
  for (std::size_t i = 0; i < out.size; ++i) {
    EXPECT(out[i] == expected[i], "gradient %s: element %zu", p.text().c_str(), i);
  }
}

void check_problem(Problem p) {
  check_gather<float>(p);
  check_gather<double>(p);
  check_gather<std::uint8_t>(p);
  check_gradient<float>(p);
  check_gradient<double>(p);
}

template <class T>
void check_topk(std::int64_t outer, std::int64_t n, std::int64_t inner, std::int64_t k, bool largest, int threads) {
  Guarded<T> x(static_cast<std::size_t>(outer * n * inner)), values(static_cast<std::size_t>(outer * k * inner));
  Guarded<std::int32_t> indices(values.size);
  for (std::size_t i = 0; i < x.size; ++i) {
    x[i] = static_cast<T>(draw(0, 40));
    if (std::is_floating_point_v<T> && draw(0, 60) == 0) x[i] = std::numeric_limits<T>::quiet_NaN();
  }
  const auto value = [](std::int64_t v) { return static_cast<double>(v); };
  Call call(kTopk, "topk");
  call.set("outer", {value(outer)}).set("n", {value(n)}).set("inner", {value(inner)});
  call.set("k", {value(k)}).set("largest", {largest ? 1.0 : 0.0});
  const char* wrong = call.in(x).out(values).out(indices).run(threads);
  EXPECT(wrong == nullptr, "topk: %s", wrong);
  EXPECT(values.intact() && indices.intact() && x.intact(), "topk");
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  for (std::int64_t line = 0; line < outer * inner; ++line) {
    const auto at = [&](std::int64_t i, std::int64_t count) {
      return static_cast<std::size_t>((line / inner * count + i) * inner + line % inner);
    };
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      const T u = largest ? x[at(a, n)] : x[at(b, n)], v = largest ? x[at(b, n)] : x[at(a, n)];
      return u > v || (u != u && v == v);
    });
    for (std::int64_t j = 0; j < k; ++j) {
      EXPECT(indices[at(j, k)] == order[static_cast<std::size_t>(j)], "topk %lld of [%lld, %lld, %lld], element %lld",
             static_cast<long long>(k), static_cast<long long>(outer), static_cast<long long>(n),
             static_cast<long long>(inner), static_cast<long long>(j));
    }
  }
}

void check_refusals() {
  const Problem p{2, 3, 4, 5, false, -1, 1};
  Guarded<float> x(30), out(40), other(39);
  Guarded<double> wide(40);
  Guarded<std::int32_t> indices(4), more(5);
  const auto run = [&](auto& from, auto& at, auto& to, const Problem& problem) {
    return call_of(problem, "gather", "gatherElements").in(from).in(at).out(to).run();
  };
  EXPECT(run(x, indices, out, p) == nullptr, "a call that fits");
  EXPECT(run(x, more, out, p) != nullptr, "indices");
  EXPECT(run(x, indices, other, p) != nullptr, "output");
  EXPECT(run(x, indices, wide, p) != nullptr, "type");
  EXPECT(run(x, x, out, p) != nullptr, "indices of another type");
  for (const Problem& huge : {Problem{2, std::int64_t{1} << 40, 4, 5, false, -1, 1}, Problem{-2, 3, 4, 5, false, -1, 1},
                              Problem{2, 3, std::int64_t{1} << 62, 5, false, -1, 1}}) {
    EXPECT(run(x, indices, out, huge) != nullptr, "%s", huge.text().c_str());
  }
  Guarded<float> none(0);
  const Problem empty{2, 0, 4, 5, false, -1, 1};
  EXPECT(run(none, indices, out, empty) != nullptr, "elements of an axis of size 0");
}

}  // namespace

int main() {
  check_refusals();
  for (int i = 0; i < harness::problems(300); ++i) {
    const std::int64_t inner = draw(0, 2) == 0 ? 1 : draw(1, 150);
    Problem p{draw(1, 4), draw(1, 20), draw(1, 40), inner, draw(0, 1) == 1, -1, static_cast<int>(draw(1, 3))};
    if (i % 3 == 0) p.bad = draw(0, p.indices() - 1);
    check_problem(p);
  }
  for (const std::int64_t inner : {1, 33, 1024}) {  // on several threads
    for (const bool each : {false, true}) check_problem(Problem{3, 50, 140000 / inner, inner, each, -1, 3});
  }
  for (int i = 0; i < harness::problems(200); ++i) {
    const std::int64_t n = draw(1, 300), k = draw(0, 1) == 0 ? draw(0, n) : draw(0, std::min<std::int64_t>(n, 6));
    const std::int64_t outer = draw(1, 5), inner = draw(0, 1) == 0 ? 1 : draw(1, 9);
    const bool largest = draw(0, 1) == 1;
    check_topk<float>(outer, n, inner, k, largest, 1);
    check_topk<double>(outer, n, inner, k, largest, 2);
    check_topk<std::int32_t>(outer, n, inner, k, largest, 3);
    check_topk<std::uint8_t>(outer, n, inner, k, largest, 1);
  }
  check_topk<float>(300, 400, 1, 9, true, 3);
  return harness::report("gather");
}
