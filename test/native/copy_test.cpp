// copyStrided: random permutations, slices, repeats and partial writes against a loop over all positions, for every
// element size; what check() refuses.
#include "ops/copy.h"

#include <algorithm>
#include <numeric>

#include "op_harness.h"

using namespace receptive;
using harness::Call;
using harness::Guarded;

namespace {

const OpList kOps = RECEPTIVE_TARGET::CopyFamily<RECEPTIVE_TARGET::Executor>::list();

struct Problem {
  std::vector<std::int64_t> dims, src, dst;
  std::int64_t srcOffset = 0, dstOffset = 0, srcSize = 0, dstSize = 0;

  std::string text() const {
    std::string s;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      s += std::to_string(dims[d]) + ":" + std::to_string(src[d]) + ":" + std::to_string(dst[d]) + " ";
    }
    return s + "from " + std::to_string(srcOffset) + " to " + std::to_string(dstOffset);
  }
};

void set(Call& call, const char* name, const std::vector<std::int64_t>& values) {
  for (int f = 0; f < call.entry->fieldCount; ++f) {
    if (std::strcmp(call.entry->fields[f].name, name) != 0 || values.empty()) continue;
    std::memcpy(call.call.attrs + call.entry->fields[f].offset, values.data(), values.size() * sizeof(std::int64_t));
  }
}

template <class T>
Call call_of(const Problem& p, Guarded<T>& src, Guarded<T>& dst) {
  Call call(kOps, "copyStrided");
  call.in(src).out(dst);
  set(call, "rank", {static_cast<std::int64_t>(p.dims.size())});
  set(call, "dims", p.dims);
  set(call, "srcStrides", p.src);
  set(call, "dstStrides", p.dst);
  set(call, "srcOffset", {p.srcOffset});
  set(call, "dstOffset", {p.dstOffset});
  return call;
}

template <class T>
void compare(const Problem& p, int threads) {
  Guarded<T> src(static_cast<std::size_t>(p.srcSize)), dst(static_cast<std::size_t>(p.dstSize)),
      expected(static_cast<std::size_t>(p.dstSize));
  for (std::size_t i = 0; i < src.size; ++i) src[i] = static_cast<T>(i * 7 % 251 + i / 251 % 5);
  const std::int64_t count = std::accumulate(p.dims.begin(), p.dims.end(), std::int64_t{1}, std::multiplies<>());
  for (std::int64_t at = 0; at < count; ++at) {
    std::int64_t rest = at, from = p.srcOffset, to = p.dstOffset;
    for (std::size_t d = p.dims.size(); d-- > 0;) {
      from += rest % p.dims[d] * p.src[d];
      to += rest % p.dims[d] * p.dst[d];
      rest /= p.dims[d];
    }
    expected[static_cast<std::size_t>(to)] = src[static_cast<std::size_t>(from)];
  }
  const char* wrong = call_of(p, src, dst).run(threads);
  EXPECT(wrong == nullptr, "%s: %s", p.text().c_str(), wrong);
  EXPECT(dst.intact(), "%s wrote beside its output", p.text().c_str());
  EXPECT(std::memcmp(dst.data(), expected.data(), dst.size * sizeof(T)) == 0, "%s (%zu bytes an element, %d threads)",
         p.text().c_str(), sizeof(T), threads);
}

// A tensor of `dims` in the destination, of which a box is written, from a permuted source with repeated axes.
Problem random_problem(std::mt19937& random, int rank, std::int64_t longest) {
  const auto upto = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<unsigned>(n));
  };
  Problem p;
  const auto r = static_cast<std::size_t>(rank);
  p.dims.resize(r), p.src.resize(r), p.dst.resize(r);
  std::vector<std::int64_t> before(r), around(r);
  std::vector<std::size_t> order(r);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t d = 0; d < r; ++d) {
    p.dims[d] = 1 + upto(d == r - 1 || d == order[r - 1] ? longest : 6);
    before[d] = upto(4) == 0 ? upto(3) : 0;
    around[d] = p.dims[d] + before[d] + (upto(4) == 0 ? upto(3) : 0);
  }
  std::int64_t stride = 1;
  for (std::size_t d = r; d-- > 0;) {
    p.dst[d] = stride;
    p.dstOffset += before[d] * stride;
    stride *= around[d];
  }
  p.dstSize = stride;
  const std::int64_t step = upto(5) == 0 ? 2 : 1;
  stride = step;
  for (std::size_t i = r; i-- > 0;) {
    const std::size_t d = order[i];
    const bool repeated = upto(6) == 0;
    p.src[d] = repeated ? 0 : stride;
    if (!repeated) stride *= p.dims[d];
  }
  p.srcOffset = upto(3);
  p.srcSize = stride + p.srcOffset;
  return p;
}

void random_problems() {
  for (unsigned seed = 0; seed < 600; ++seed) {
    std::mt19937 random(seed);
    const int rank = 1 + static_cast<int>(random() % 5);
    const Problem p = random_problem(random, rank, rank < 3 ? 700 : 90);
    const int threads = 1 + static_cast<int>(random() % 3);
    compare<std::uint8_t>(p, threads);
    compare<std::int32_t>(p, threads);
    compare<double>(p, threads);
  }
}

// NCHW to NHWC and back, sizes around the tiles and blocks of a transpose.
void layouts() {
  for (const std::int64_t c : {1, 3, 16, 17, 64, 65, 200}) {
    for (const std::int64_t hw : {1, 7, 49, 64, 127, 128, 130, 1000}) {
      const Problem toNhwc{{2, hw, c}, {c * hw, 1, hw}, {c * hw, c, 1}, 0, 0, 2 * c * hw, 2 * c * hw};
      const Problem toNchw{{2, c, hw}, {c * hw, 1, c}, {c * hw, hw, 1}, 0, 0, 2 * c * hw, 2 * c * hw};
      for (const int threads : {1, 3}) {
        for (const Problem& p : {toNhwc, toNchw}) {
          compare<std::uint8_t>(p, threads);
          compare<float>(p, threads);
          compare<double>(p, threads);
        }
      }
    }
  }
}

void long_rows() {
  compare<float>({{300000}, {1}, {1}, 1, 2, 300001, 300002}, 3);
  compare<float>({{300000}, {0}, {1}, 1, 2, 2, 300002}, 3);
  compare<double>({{100000}, {3}, {1}, 1, 2, 300000, 100002}, 3);
  compare<std::uint8_t>({{100000}, {1}, {2}, 1, 2, 100001, 200002}, 3);
  compare<float>({{5, 40000}, {40000, 1}, {40001, 1}, 0, 0, 200000, 200005}, 3);
  compare<float>({{}, {}, {}, 3, 2, 4, 3}, 1);
  compare<float>({{4, 0}, {1, 1}, {1, 1}, 99, 99, 2, 3}, 1);
}

void refusals() {
  Guarded<float> src(24), dst(24);
  const auto verdict = [&](const Problem& p) {
    Call call = call_of(p, src, dst);
    return call.entry->check(call.call);
  };
  const auto refused = [&](const char* what, const Problem& p) { EXPECT(verdict(p) != nullptr, "%s passed", what); };
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  refused("a source that ends early", {{25}, {1}, {1}});
  refused("a source offset beyond the end", {{2}, {1}, {1}, 23, 0});
  refused("a destination offset beyond the end", {{2}, {1}, {1}, 0, 23});
  refused("a negative offset", {{2}, {1}, {1}, -1, 0});
  refused("a negative dimension", {{-2}, {1}, {1}});
  refused("a negative stride", {{2}, {-1}, {1}, 2, 0});
  refused("strides that overflow", {{4, 4}, {huge, huge}, {4, 1}});
  refused("dimensions that overflow", {{huge, huge}, {0, 0}, {1, 1}});
  refused("a repeated destination", {{3}, {1}, {0}});
  refused("rows that overlap in the destination", {{3, 3}, {3, 1}, {2, 1}});
  refused("an overflowing offset", {{2}, {1}, {1}, std::numeric_limits<std::int64_t>::max(), 0});
  Problem wide{{1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}};
  EXPECT(verdict(wide) == nullptr, "rank 8: %s", verdict(wide));
  Call call = call_of(wide, src, dst);
  set(call, "rank", {9});
  EXPECT(call.entry->check(call.call) != nullptr, "rank 9 passed");

  const auto within = [&](const Problem& p) {  // source and destination in one tensor
    Call same = call_of(p, src, src);
    return same.entry->check(same.call);
  };
  EXPECT(within({{8}, {1}, {1}, 0, 16}) == nullptr, "copy to another part");
  EXPECT(within({{8}, {1}, {1}, 3, 3}) == nullptr, "copy onto itself");
  EXPECT(within({{8}, {1}, {1}, 0, 7}) != nullptr, "copy that overlaps its source passed");
  EXPECT(within({{4, 4}, {1, 4}, {4, 1}, 0, 0}) != nullptr, "transpose in place passed");
  Guarded<double> other(24);
  Call mixed(kOps, "copyStrided");
  mixed.in(src).out(other);
  EXPECT(mixed.entry->check(mixed.call) != nullptr, "float32 to float64 passed");
}

}  // namespace

int main() {
  random_problems();
  layouts();
  long_rows();
  refusals();
  return harness::report("copy");
}
