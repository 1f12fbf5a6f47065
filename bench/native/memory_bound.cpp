// Ops that do little arithmetic per byte against the machine's copy bandwidth, one thread: beyond the last cache with
// rotating buffers, and in cache. Reported are bytes read and written once each, for the op and for the copy alike, in
// turn; native/README.md has the figures. It runs a CPU target's objects as the build left them:
//
//   cmake -S . -B build/native -DRECEPTIVE_BUILD_ADDON=OFF && cmake --build build/native
//   g++ -std=c++20 -O2 -march=native -Inative -DRECEPTIVE_TARGET=x86_64_v4 bench/native/memory_bound.cpp
//     build/native/CMakeFiles/receptive_x86_64_v4.dir/generated/*.o -o build/memory_bound && build/memory_bound
//     [filter]
//
// With -DRECEPTIVE_BEFORE=<namespace> and the objects of another state of the sources, compiled under that namespace,
// it compares the two.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/op.h"
#include "core/target.h"

#define RECEPTIVE_BENCH_TABLE(name) \
  namespace receptive::name {       \
  OpTable op_table();               \
  }
RECEPTIVE_BENCH_TABLE(RECEPTIVE_TARGET)
#ifdef RECEPTIVE_BEFORE
RECEPTIVE_BENCH_TABLE(RECEPTIVE_BEFORE)
#endif

using namespace receptive;

namespace {

const OpEntry& find_op(const OpTable& table, const std::string& name) {
  for (int f = 0; f < table.familyCount; ++f) {
    for (int i = 0; i < table.families[f].count; ++i) {
      if (table.families[f].entries[i].name == name) return table.families[f].entries[i];
    }
  }
  std::printf("no op %s\n", name.c_str());
  std::exit(2);
}

// Memory as the runtime's allocator hands it out: on huge pages, touched.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : bytes_(bytes), data_(std::aligned_alloc(kHuge, (bytes / kHuge + 1) * kHuge)) {
    madvise(data_, bytes, MADV_HUGEPAGE);
    auto* floats = static_cast<float*>(data_);
    unsigned state = 1;
    for (std::size_t i = 0; i < bytes / sizeof(float); ++i) {
      state = state * 1664525u + 1013904223u;
      floats[i] = static_cast<float>(static_cast<int>(state >> 8 & 0xffff) - 0x8000) / 8192.0f;
    }
  }
  ~Memory() { std::free(data_); }
  Memory(const Memory&) = delete;
  void* data() const { return data_; }

 private:
  static constexpr std::size_t kHuge = std::size_t{2} << 20;
  std::size_t bytes_;
  void* data_;
};

using Values = std::initializer_list<double>;

struct Case {
  std::string name;
  std::string op;
  std::vector<std::int64_t> inputs;  // elements
  std::vector<std::int64_t> outputs;
  std::vector<std::pair<std::string, std::vector<double>>> attrs;
  bool indexed = false;  // the last input holds positions that maxPool2dWithIndices gave
};

void set_attr(OpCall& call, const OpEntry& op, const std::string& name, const std::vector<double>& values) {
  for (int f = 0; f < op.fieldCount; ++f) {
    const Field& field = op.fields[f];
    if (name != field.name) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::byte* at = call.attrs + field.offset;
      if (field.kind == Field::Kind::integer) {
        reinterpret_cast<std::int64_t*>(at)[i] = static_cast<std::int64_t>(values[i]);
      } else if (field.kind == Field::Kind::real) {
        reinterpret_cast<double*>(at)[i] = values[i];
      } else {
        reinterpret_cast<bool*>(at)[i] = values[i] != 0;
      }
    }
    return;
  }
  std::printf("%s has no attribute %s\n", op.name, name.c_str());
  std::exit(2);
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double middle(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

typedef float Vector __attribute__((vector_size(64), aligned(64)));

__attribute__((noinline)) void copy_loop(const void* from, void* to, std::size_t bytes) {
  const auto* a = static_cast<const Vector*>(from);
  auto* b = static_cast<Vector*>(to);
  for (std::size_t i = 0; i < bytes / sizeof(Vector); i += 4) {
    const Vector p = a[i], q = a[i + 1], r = a[i + 2], s = a[i + 3];
    b[i] = p, b[i + 1] = q, b[i + 2] = r, b[i + 3] = s;
  }
}

// What the runtime finds out of the machine; every case "beyond" has outputs or inputs larger than it.
constexpr std::int64_t kLastCacheBytes = std::int64_t{32} << 20;

// Room for every case; offsets into it rotate, so that nothing of the run before is in cache.
constexpr std::size_t kArena = std::size_t{1} << 30;
Memory* arena_in;
Memory* arena_out;
Memory* positions;  // what maxPool2dGrad takes for indices: legal in every plane

struct Prepared {
  const OpEntry* op;
  std::vector<OpCall> calls;
  std::vector<std::byte> workspace;
  std::size_t next = 0;
  void run() {
    Fault fault{-1, 0, 0};
    KernelContext context{};
    context.parallel = {nullptr, nullptr, 1};
    context.workspace = workspace_at;
    context.fault = &fault;
    context.lastCacheBytes = kLastCacheBytes;
    op->run(calls[next++ % calls.size()], context);
  }
  std::byte* workspace_at = nullptr;
};

Prepared prepare(const OpTable& table, const Case& c, bool cold, Memory* work) {
  Prepared p;
  p.op = &find_op(table, c.op);
  std::size_t in_bytes = 0, out_bytes = 0;
  const auto padded = [](std::int64_t n) { return (static_cast<std::size_t>(n) * 4 + 4095) / 4096 * 4096; };
  for (auto n : c.inputs) in_bytes += padded(n);
  for (auto n : c.outputs) out_bytes += padded(n);
  const std::size_t copies = cold ? std::max<std::size_t>(1, std::min(kArena / in_bytes, kArena / out_bytes)) : 1;
  for (std::size_t k = 0; k < std::min<std::size_t>(copies, 4); ++k) {
    OpCall call{};
    auto* in = static_cast<std::byte*>(arena_in->data()) + k * in_bytes;
    auto* out = static_cast<std::byte*>(arena_out->data()) + k * out_bytes;
    for (auto n : c.inputs) {
      call.inputs[call.inputCount++] = View{in, n, DType::float32, 1, {n}};
      in += padded(n);
    }
    for (auto n : c.outputs) {
      call.outputs[call.outputCount] = View{out, n, call.outputCount == 0 ? DType::float32 : DType::int32, 1, {n}};
      ++call.outputCount;
      out += padded(n);
    }
    for (const auto& [name, values] : c.attrs) set_attr(call, *p.op, name, values);
    if (c.indexed) {
      View& last = call.inputs[call.inputCount - 1];
      last.data = static_cast<std::byte*>(positions->data()) + k * padded(last.size);
      last.dtype = DType::int32;
    }
    if (const char* wrong = p.op->check(call)) std::printf("%s: %s\n", c.name.c_str(), wrong), std::exit(2);
    p.calls.push_back(call);
  }
  p.workspace_at = static_cast<std::byte*>(work->data());
  return p;
}

void measure(const Case& c, bool cold, Memory* work) {
  std::size_t bytes = 0;
  for (auto n : c.inputs) bytes += static_cast<std::size_t>(n) * 4;
  for (auto n : c.outputs) bytes += static_cast<std::size_t>(n) * 4;
  Prepared now = prepare(receptive::RECEPTIVE_TARGET::op_table(), c, cold, work);
  std::vector<std::pair<const char*, std::function<void()>>> runs;
  runs.push_back({"now", [&] { now.run(); }});
#ifdef RECEPTIVE_BEFORE
  Prepared before = prepare(receptive::RECEPTIVE_BEFORE::op_table(), c, cold, work);
  runs.push_back({"before", [&] { before.run(); }});
#endif
  const std::size_t half = bytes / 2 / 4096 * 4096;
  std::size_t turn = 0;
  const auto offset = [&] { return cold ? turn++ % (kArena / half) * half : 0; };
  runs.push_back({"copy", [&] {
                    const std::size_t o = offset();
                    copy_loop(static_cast<std::byte*>(arena_in->data()) + o,
                              static_cast<std::byte*>(arena_out->data()) + o, half);
                  }});
  runs.push_back({"memcpy", [&] {
                    const std::size_t o = offset();
                    std::memcpy(static_cast<std::byte*>(arena_out->data()) + o,
                                static_cast<std::byte*>(arena_in->data()) + o, half);
                  }});
  std::vector<std::vector<double>> times(runs.size());
  for (auto& [name, run] : runs) run();
  const double started = seconds();
  runs[0].second();
  const int repeat = cold ? 1 : std::max(1, static_cast<int>(1e-3 / (seconds() - started)));
  const int rounds = cold ? 11 : 21;
  for (int i = 0; i < rounds; ++i) {
    for (std::size_t k = 0; k < runs.size(); ++k) {
      const double start = seconds();
      for (int r = 0; r < repeat; ++r) runs[k].second();
      times[k].push_back((seconds() - start) / repeat);
    }
  }
  std::printf("%-44s %s %6.1f GB/s", c.name.c_str(), cold ? "beyond" : "cached",
              static_cast<double>(bytes) / middle(times[0]) * 1e-9);
  for (std::size_t k = 1; k < runs.size(); ++k) {
    std::vector<double> ratios;
    for (int i = 0; i < rounds; ++i) ratios.push_back(times[k][i] / times[0][i]);
    std::printf("  / %s %5.2f", runs[k].first, middle(ratios));
  }
  std::printf("\n");
  std::fflush(stdout);
}

using Attrs = std::vector<std::pair<std::string, std::vector<double>>>;

Case pool_case(const char* op, std::int64_t planes, std::int64_t h, std::int64_t w, int k, int s, int p, bool indices) {
  const std::int64_t oh = (h + 2 * p - k) / s + 1, ow = (w + 2 * p - k) / s + 1;
  const auto d = [](std::int64_t v) { return static_cast<double>(v); };
  Case c;
  c.name = std::string(op) + " " + std::to_string(k) + "x" + std::to_string(k) + " s" + std::to_string(s) + " p" +
           std::to_string(p) + " " + std::to_string(planes) + "@" + std::to_string(h) + "x" + std::to_string(w);
  c.op = op;
  const bool grad = c.op.find("Grad") != std::string::npos;
  const std::int64_t large = planes * h * w, small = planes * oh * ow;
  if (grad) {
    c.inputs = {small};
    if (indices) c.inputs.push_back(small);
    c.outputs = {large};
    c.indexed = indices;
  } else {
    c.inputs = {large};
    c.outputs = {small};
    if (indices) c.outputs.push_back(small);
  }
  c.attrs = Attrs{{"batch", {1}},           {"channels", {d(planes)}},
                  {"height", {d(h)}},       {"width", {d(w)}},
                  {"kernel", {d(k), d(k)}}, {"output", {d(oh), d(ow)}},
                  {"stride", {d(s), d(s)}}, {"padding", {d(p), d(p), d(p), d(p)}},
                  {"dilation", {1, 1}},     {"nhwc", {0}},
                  {"countIncludePad", {1}}};
  return c;
}

Case adaptive(const char* op, std::int64_t planes, std::int64_t size, std::int64_t out) {
  Case c = pool_case(op, planes, size, size, 1, 1, 0, false);
  const auto large = planes * size * size, small = planes * out * out;
  const bool grad = c.op.find("Grad") != std::string::npos;
  c.inputs = {grad ? small : large};
  c.outputs = {grad ? large : small};
  for (auto& [name, values] : c.attrs) {
    if (name == "output") values = {static_cast<double>(out), static_cast<double>(out)};
  }
  c.name = std::string(op) + " " + std::to_string(planes) + "@" + std::to_string(size) + " to " + std::to_string(out);
  return c;
}

Case pointwise(const char* op, std::int64_t n, int inputs) {
  return Case{std::string(op) + " " + std::to_string(n), op, std::vector<std::int64_t>(inputs, n), {n}, {}};
}

Case binary(const char* op, const char* what, std::vector<double> dims, std::vector<double> bStrides, std::int64_t b) {
  Case c;
  std::int64_t n = 1;
  std::vector<double> strides(dims.size());
  for (std::size_t i = dims.size(); i-- > 0;)
    strides[i] = static_cast<double>(n), n *= static_cast<std::int64_t>(dims[i]);
  c.name = std::string(op) + " " + what + " " + std::to_string(n);
  c.op = op;
  c.inputs = {n, b};
  c.outputs = {n};
  c.attrs = Attrs{{"rank", {static_cast<double>(dims.size())}},
                  {"dims", dims},
                  {"aStrides", strides},
                  {"bStrides", bStrides},
                  {"scalar", {0}},
                  {"scalarSide", {0}}};
  return c;
}

std::vector<Case> cases(bool cold) {
  std::vector<Case> all;
  const std::int64_t planes = cold ? 4096 : 8;          // of 112 x 112: 196 MiB, or 392 KiB
  const std::int64_t small_planes = cold ? 16384 : 32;  // of 56 x 56
  for (const char* op : {"maxPool2d", "maxPool2dWithIndices", "avgPool2d"}) {
    const bool indices = std::strcmp(op, "maxPool2dWithIndices") == 0;
    all.push_back(pool_case(op, planes, 112, 112, 2, 2, 0, indices));
    all.push_back(pool_case(op, planes, 112, 112, 3, 2, 1, indices));
    all.push_back(pool_case(op, small_planes, 56, 56, 3, 2, 0, indices));
    all.push_back(pool_case(op, small_planes, 56, 56, 3, 1, 1, indices));
    all.push_back(pool_case(op, small_planes * 4, 28, 28, 3, 1, 1, indices));
    all.push_back(pool_case(op, small_planes * 4, 28, 28, 2, 2, 0, indices));
  }
  all.push_back(pool_case("avgPool2d", small_planes * 4, 28, 28, 28, 28, 0, false));
  all.push_back(pool_case("avgPool2d", planes, 112, 112, 5, 3, 0, false));
  all.push_back(adaptive("adaptiveAvgPool2d", small_planes * 64, 7, 1));
  all.push_back(adaptive("adaptiveAvgPool2d", small_planes, 56, 1));
  all.push_back(adaptive("adaptiveAvgPool2d", small_planes * 4, 28, 7));
  all.push_back(adaptive("adaptiveAvgPool2d", small_planes * 4, 28, 6));
  all.push_back(pool_case("maxPool2dGrad", planes, 112, 112, 2, 2, 0, true));
  all.push_back(pool_case("maxPool2dGrad", small_planes, 56, 56, 3, 2, 0, true));
  all.push_back(pool_case("maxPool2dGrad", small_planes, 56, 56, 3, 1, 1, true));
  all.push_back(pool_case("avgPool2dGrad", planes, 112, 112, 2, 2, 0, false));
  all.push_back(pool_case("avgPool2dGrad", small_planes, 56, 56, 3, 1, 1, false));
  all.push_back(adaptive("adaptiveAvgPool2dGrad", small_planes, 56, 1));
  all.push_back(adaptive("adaptiveAvgPool2dGrad", small_planes * 4, 28, 7));

  const std::int64_t n = cold ? 32 << 20 : 32 << 10;
  for (const char* op : {"relu", "relu6", "abs", "leakyRelu", "hardSwish", "sigmoid", "tanh", "silu", "elu", "gelu",
                         "geluTanh", "softplus", "mish", "exp"}) {
    all.push_back(pointwise(op, n, 1));
  }
  for (auto& c : all) {
    if (c.op == "leakyRelu") c.attrs = {{"slope", {0.01}}};
    if (c.op == "elu") c.attrs = {{"alpha", {1}}};
  }
  for (const char* op : {"reluGrad", "sigmoidGrad", "tanhGrad", "siluGrad", "geluGrad", "hardSwishGrad"}) {
    all.push_back(pointwise(op, n, 2));
  }
  const double d = static_cast<double>(n);
  for (const char* op : {"add", "mul", "div", "maximum"}) all.push_back(binary(op, "alike", {d}, {1}, n));
  all.push_back(binary("add", "[C,1] to [64,C,1024]", {cold ? 512.0 : 1.0, 64, 1024}, {0, 1, 0}, 64));
  all.push_back(binary("add", "[C,1] to [64,C,49]", {(cold ? 8192.0 : 8.0), 64, 49}, {0, 1, 0}, 64));
  all.push_back(binary("add", "[1024] to [N,1024]", {d / 1024, 1024}, {0, 1}, 1024));
  all.push_back(binary("add", "[96] to [N,96]", {(cold ? 262144.0 : 256.0), 96}, {0, 1}, 96));
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const char* filter = argc > 1 ? argv[1] : "";
  Memory in(kArena), out(kArena), work(std::size_t{256} << 20);
  arena_in = &in;
  arena_out = &out;
  Memory indices(kArena);
  positions = &indices;
  for (std::size_t i = 0; i < kArena / 4; ++i) static_cast<std::int32_t*>(indices.data())[i] = static_cast<int>(i % 64);
  for (const bool cold : {true, false}) {
    if (argc > 2 && (std::strcmp(argv[2], "beyond") == 0) != cold) continue;
    for (const Case& c : cases(cold)) {
      if (c.name.find(filter) != std::string::npos) measure(c, cold, &work);
    }
  }
}
