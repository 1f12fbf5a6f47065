// Runs each of a few kernels once, for callgrind to count: `measured` is the function whose calls are collected, one
// for each case, whose names are printed in their order. The CPU target is RECEPTIVE_CPU_TARGET's.
// scripts/instructionCounts.mjs runs it.
#include "cpu/targets.h"

#include "../../test/native/op_harness.h"

using harness::Call;
using harness::Guarded;
using receptive::KernelContext;
using receptive::OpEntry;
using receptive::OpList;
using receptive::OpTable;

extern "C" __attribute__((noinline)) void measured(const OpEntry* entry, const receptive::OpCall* call,
                                                   KernelContext* context) {
  entry->run(*call, *context);
}

namespace {

OpList family_of(const char* name) {
  const OpTable table = receptive::selected_target().table();
  for (int f = 0; f < table.familyCount; ++f) {
    for (int i = 0; i < table.families[f].count; ++i) {
      if (std::strcmp(table.families[f].entries[i].name, name) == 0) return table.families[f];
    }
  }
  std::printf("there is no op %s\n", name);
  std::exit(2);
}

// Tasks one after the other on the calling thread, which is the one whose instructions are collected.
void run_here(void*, std::int64_t tasks, receptive::Parallel::Task task, void* context) {
  for (std::int64_t i = 0; i < tasks; ++i) task(context, i, 0);
}

void count(const char* name, Call& prepared) {
  const OpEntry* entry = prepared.entry;
  if (const char* wrong = entry->check(prepared.call)) std::printf("%s: %s\n", name, wrong), std::exit(2);
  receptive::Fault fault{-1, 0, 0};
  KernelContext context{};
  context.parallel = {run_here, nullptr, 1};
  context.fault = &fault;
  void* workspace = harness::exactly(entry->workspace(prepared.call, 1));
  context.workspace = static_cast<std::byte*>(workspace);
  // Packing is counted: a call that finds its weights packed does less.
  const std::int64_t packed = entry->packs != nullptr ? entry->packs(prepared.call).bytes : 0;
  void* form = harness::exactly(packed);
  context.packed = static_cast<std::byte*>(form);
  measured(entry, &prepared.call, &context);
  std::free(form);
  std::free(workspace);
  std::printf("%s\n", name);
}

Guarded<float> numbers(std::size_t size) {
  static std::minstd_rand generator(1);
  Guarded<float> made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = std::uniform_real_distribution<float>(-1, 1)(generator);
  return made;
}

struct Depths {
  std::size_t channels = 32, filters = 48, groups = 1;
};

// 3x3, stride 1, padding 1, at 28x28.
void convolution(const char* name, const char* op, double algorithm, Depths depths = {}) {
  constexpr std::size_t kSize = 28, kKernel = 3;
  const auto [channels, filters, groups] = depths;
  Guarded<float> x = numbers(channels * kSize * kSize), w = numbers(filters * channels / groups * kKernel * kKernel);
  Guarded<float> y = numbers(filters * kSize * kSize);
  Call call(family_of(op), op);
  call.set("batch", {1}).set("channels", {double(channels)}).set("height", {kSize}).set("width", {kSize});
  call.set("filters", {double(filters)})
      .set("kernel", {kKernel, kKernel})
      .set("output", {kSize, kSize})
      .set("stride", {1, 1});
  call.set("padding", {1, 1, 1, 1})
      .set("dilation", {1, 1})
      .set("groups", {double(groups)})
      .set("algorithm", {algorithm});
  if (std::strcmp(op, "conv2d") == 0) {
    call.in(x).in(w).out(y);
  } else if (std::strcmp(op, "conv2dInput") == 0) {
    call.in(w).in(y).out(x);
  } else {
    call.in(x).in(y).out(w);
  }
  count(name, call);
}

// 32 channels at 56x56 to half the size.
void pooling(const char* name, const char* op, double kernel, double padding) {
  Guarded<float> x = numbers(32 * 56 * 56), y = numbers(32 * 28 * 28);
  Call call(family_of(op), op);
  call.set("batch", {1}).set("channels", {32}).set("height", {56}).set("width", {56}).set("kernel", {kernel, kernel});
  call.set("output", {28, 28}).set("stride", {2, 2}).set("padding", {padding, padding, padding, padding});
  call.set("dilation", {1, 1}).in(x).out(y);
  count(name, call);
}

void product() {
  Guarded<float> a = numbers(100 * 200), b = numbers(200 * 150), c = numbers(100 * 150);
  Call call(family_of("matmul"), "matmul");
  call.set("m", {100}).set("n", {150}).set("k", {200}).in(a).in(b).out(c);
  count("matmul 100x200x150", call);
}

void elementwise(const char* op) {
  Guarded<float> x = numbers(64 * 1024), y = numbers(64 * 1024);
  Call call(family_of(op), op);
  call.in(x).out(y);
  count(op, call);
}

void line_op(const char* op, std::size_t outputs) {
  Guarded<float> x = numbers(64 * 1000), y = numbers(outputs);
  Call call(family_of(op), op);
  call.set("outer", {64}).set("n", {1000}).set("inner", {1}).in(x).out(y);
  count(op, call);
}

}  // namespace

int main() {
  convolution("conv2d implicit", "conv2d", 0);
  convolution("conv2d im2col", "conv2d", 1);
  convolution("conv2dInput implicit", "conv2dInput", 0);
  convolution("conv2dWeight implicit", "conv2dWeight", 0);
  convolution("conv2d winogradF4", "conv2d", 3);
  convolution("conv2dWeight winogradF4", "conv2dWeight", 3);
  convolution("conv2d direct, 3 channels", "conv2d", 4, {3, 48, 1});
  convolution("conv2d direct, depthwise", "conv2d", 4, {48, 48, 48});
  convolution("conv2dInput direct, depthwise", "conv2dInput", 4, {48, 48, 48});
  convolution("conv2dWeight direct, depthwise", "conv2dWeight", 4, {48, 48, 48});
  product();
  pooling("maxPool2d 2x2", "maxPool2d", 2, 0);
  pooling("maxPool2d 3x3", "maxPool2d", 3, 1);
  pooling("avgPool2d 2x2", "avgPool2d", 2, 0);
  elementwise("relu");
  elementwise("exp");
  line_op("softmax", 64 * 1000);
  line_op("sum", 64);
}
