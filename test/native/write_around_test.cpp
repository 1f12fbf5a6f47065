// Outputs that are written around the caches have the bits of those that are not, whatever their length, alignment and
// number of threads, and nothing beside them is touched.
#include "op_harness.h"
#include "ops/activation.h"
#include "ops/binary.h"
#include "ops/pool.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;

namespace {

const auto kActivation = t::ActivationFamily<t::Executor>::list();
const auto kBinary = t::BinaryFamily<t::Executor>::list();
const auto kPool = t::PoolFamily<t::Executor>::list();

// Elements from `skew` on behind an address that is a multiple of 64, as tensors and slices of them are.
template <class T>
class Aligned {
 public:
  Aligned(std::size_t size, std::size_t skew)
      : size_(size),
        bytes_((size + skew + 64) * sizeof(T)),
        store_(static_cast<T*>(std::aligned_alloc(64, (bytes_ + 63) / 64 * 64))),
        skew_(skew) {
    std::memset(store_, 0x5a, (bytes_ + 63) / 64 * 64);
  }
  ~Aligned() { std::free(store_); }
  Aligned(const Aligned&) = delete;
  T* data() { return store_ + skew_; }
  std::size_t size() const { return size_; }
  bool operator==(const Aligned& other) const { return std::memcmp(store_, other.store_, bytes_) == 0; }
  receptive::View view() {
    const auto dtype = std::is_same_v<T, bool> ? receptive::DType::boolean : harness::dtype_of<T>();
    return {data(), static_cast<std::int64_t>(size_), dtype, 1, {static_cast<std::int64_t>(size_)}};
  }

 private:
  std::size_t size_, bytes_;
  T* store_;
  std::size_t skew_;
};

void run(const Call& call, int threads, std::int64_t last_cache) {
  EXPECT(call.entry->check(call.call) == nullptr, "%s: %s", call.entry->name, call.entry->check(call.call));
  receptive::Fault fault{-1, 0, 0};
  receptive::KernelContext context{};
  context.parallel = {harness::run_threads, &threads, threads};
  context.fault = &fault;
  context.lastCacheBytes = last_cache;
  call.entry->run(call.call, context);
}

// `call` has its inputs and attributes; the output follows.
template <class T>
void compare(Call call, std::size_t size, std::size_t skew) {
  for (const int threads : {1, 3}) {
    Aligned<T> around(size, skew), through(size, skew);
    call.call.outputCount = 1;
    call.call.outputs[0] = around.view();
    run(call, threads, 1);
    call.call.outputs[0] = through.view();
    run(call, threads, 0);
    EXPECT(around == through, "%s, %zu elements, %zu beside an aligned address, %d threads", call.entry->name, size,
           skew, threads);
  }
}

template <class T>
void fill(Aligned<T>& tensor) {
  for (std::size_t i = 0; i < tensor.size(); ++i)
    tensor.data()[i] = static_cast<T>(static_cast<double>(i * 7 % 41) - 20);
}

template <class T>
void pointwise() {
  for (const std::size_t size : {1, 15, 16, 64, 200, 4096, 100000}) {
    for (const std::size_t skew : {0, 1, 8}) {
      Aligned<T> a(size, skew), b(size, 0);
      fill(a);
      fill(b);
      Call map(kActivation, "relu");
      map.call.inputCount = 1;
      map.call.inputs[0] = a.view();
      compare<T>(map, size, skew);
      Call zip(kActivation, "reluGrad");
      zip.call.inputCount = 2;
      zip.call.inputs[0] = a.view();
      zip.call.inputs[1] = b.view();
      compare<T>(zip, size, skew);
      const auto n = static_cast<double>(size);
      for (const char* name : {"add", "less"}) {
        Call call(kBinary, name);
        call.set("rank", {1}).set("dims", {n}).set("aStrides", {1}).set("bStrides", {1});
        call.call.inputCount = 2;
        call.call.inputs[0] = a.view();
        call.call.inputs[1] = b.view();
        if (std::strcmp(name, "add") == 0) {
          compare<T>(call, size, skew);
        } else {
          compare<bool>(call, size, skew);
        }
      }
    }
  }
}

// Rows that are whole tiles, and rows that are not, beside a repeated operand.
void broadcast() {
  for (const std::size_t width : {49, 64, 128, 200}) {
    const std::size_t rows = 24;
    Aligned<float> a(rows * width, 0), b(width, 0);
    fill(a);
    fill(b);
    Call call(kBinary, "add");
    const auto w = static_cast<double>(width);
    call.set("rank", {2}).set("dims", {rows, w}).set("aStrides", {w, 1}).set("bStrides", {0, 1});
    call.call.inputCount = 2;
    call.call.inputs[0] = a.view();
    call.call.inputs[1] = b.view();
    compare<float>(call, rows * width, 0);
  }
}

// An output in place is written as usual.
void in_place() {
  Aligned<float> x(1000, 0), expected(1000, 0);
  fill(x);
  fill(expected);
  Call call(kActivation, "relu");
  call.call.inputCount = call.call.outputCount = 1;
  call.call.inputs[0] = call.call.outputs[0] = x.view();
  run(call, 1, 1);
  for (std::size_t i = 0; i < 1000; ++i) {
    if (expected.data()[i] <= 0) expected.data()[i] = 0;
  }
  EXPECT(x == expected, "relu in place");
}

// One tensor in, one out, and the numbers of a window.
void pool(const char* name, std::size_t size, int kernel, int stride, int padding) {
  const std::size_t planes = 80000 / (size * size) + 1, width = size + 1;
  const auto small = [&](std::size_t n) { return (n + 2 * padding - kernel) / stride + 1; };
  const std::size_t inputs = planes * size * width, outputs = planes * small(size) * small(width);
  const bool gradient = std::strstr(name, "Grad") != nullptr;
  Aligned<float> from(gradient ? outputs : inputs, 0);
  Aligned<std::int32_t> chosen(outputs, 0);
  fill(from);
  for (std::size_t i = 0; i < outputs; ++i) {
    chosen.data()[i] = static_cast<std::int32_t>(i * 7919 % (size * width));
  }
  Call call(kPool, name);
  const auto d = [](auto v) { return static_cast<double>(v); };
  call.set("batch", {1}).set("channels", {d(planes)}).set("height", {d(size)}).set("width", {d(width)});
  call.set("kernel", {d(kernel), d(kernel)}).set("output", {d(small(size)), d(small(width))});
  call.set("stride", {d(stride), d(stride)}).set("dilation", {1, 1});
  call.set("padding", {d(padding), d(padding), d(padding), d(padding)});
  call.call.inputCount = 1;
  call.call.inputs[0] = from.view();
  if (std::strcmp(name, "maxPool2dGrad") == 0) {
    call.call.inputCount = 2;
    call.call.inputs[1] = chosen.view();
  }
  compare<float>(call, gradient ? inputs : outputs, 0);
}

void pooling() {
  for (const std::size_t size : {7, 27, 63}) {
    for (const char* name : {"maxPool2d", "avgPool2d", "maxPool2dGrad", "avgPool2dGrad"}) {
      pool(name, size, 2, 2, 0);
      pool(name, size, 3, 2, 1);
      pool(name, size, 3, 1, 1);
      pool(name, size, 5, 5, 0);
    }
  }
}

}  // namespace

int main() {
  pointwise<float>();
  pointwise<double>();
  broadcast();
  in_place();
  pooling();
  return harness::report("write_around");
}
