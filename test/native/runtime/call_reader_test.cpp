// Whatever stands in the call buffer, what is read from it is in range, or an error.
#include "addon/call_reader.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "../check.h"

using namespace receptive;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <class F>
bool refused(F&& read) {
  try {
    read();
    return false;
  } catch (const Error&) {
    return true;
  }
}

void integers() {
  const auto read = [](double value) { return CallReader("op", &value).integer("x"); };
  for (const double v : {0.0, -0.0, 1.0, -1.0, 9007199254740992.0, -9007199254740992.0}) {
    EXPECT(static_cast<double>(read(v)) == v, "%g", v);
  }
  for (const double v : {0.5, -1.5, kNan, kInf, -kInf, 1e16, -1e300, 9007199254740994.0, 5e-324}) {
    EXPECT(refused([&] { read(v); }), "%g was accepted", v);
  }
}

void flags() {
  const auto read = [](double value) { return CallReader("op", &value).flag("x"); };
  EXPECT(read(1) && !read(0) && !read(-0.0), "0 and 1");
  for (const double v : {2.0, -1.0, 0.5, kNan, kInf}) EXPECT(refused([&] { read(v); }), "%g was accepted", v);
}

void shapes() {
  const auto read = [](std::vector<double> numbers, DType dtype = DType::float32) {
    return CallReader("op", numbers.data()).shape(dtype);
  };
  EXPECT(read({0}).size == 1, "a scalar");
  const View v = read({3, 2, 3, 4});
  EXPECT(v.rank == 3 && v.size == 24 && v.dims[2] == 4 && v.data == nullptr, "[2, 3, 4]");
  EXPECT(read({3, 2, 0, 4}).size == 0, "an empty tensor");
  EXPECT(read({8, 1, 1, 1, 1, 1, 1, 1, 5}).size == 5, "rank 8");
  EXPECT(read({1, 9007199254740992.0}, DType::uint8).size == 9007199254740992, "2^53 bytes");
  EXPECT(refused([&] { read({1, 9007199254740992.0}, DType::float32); }), "2^55 bytes");
  EXPECT(refused([&] { read({2, 4294967296.0, 4294967296.0}); }), "2^64 elements");
  EXPECT(refused([&] {
           read({4, 4294967296.0, 4294967296.0, 4294967296.0, 0});
         }),
         "strides overflow in an empty tensor");
  for (const double rank : {-1.0, 9.0, 0.5, kNan, kInf, 1e300}) EXPECT(refused([&] { read({rank}); }), "rank %g", rank);
  for (const double dim : {-1.0, 0.5, kNan, kInf, 1e300}) EXPECT(refused([&] { read({2, 3, dim}); }), "dim %g", dim);
}

void dtypes() {
  EXPECT(read_dtype("op", 0) == DType::float32 && read_dtype("op", 4) == DType::boolean, "the dtypes by number");
  for (const std::uint32_t n : {5u, 255u, 256u, 0xffffffffu})
    EXPECT(refused([&] { read_dtype("op", n); }), "dtype %u", n);
}

// Random bits: no undefined behaviour (the sanitizer builds look), and what is accepted keeps the promise.
void noise() {
  std::mt19937_64 random(11);
  for (int i = 0; i < 200000; ++i) {
    double numbers[9];
    for (double& number : numbers) {
      const std::uint64_t bits = random();
      if (bits % 4 == 0) {
        __builtin_memcpy(&number, &bits, sizeof(number));
      } else {
        number = static_cast<double>(static_cast<std::int64_t>(random() >> (random() % 64)));
      }
    }
    numbers[0] = static_cast<double>(random() % 10);
    try {
      const View v = CallReader("op", numbers).shape(static_cast<DType>(random() % kDTypes));
      double size = 1;
      for (int d = 0; d < v.rank; ++d) size *= static_cast<double>(v.dims[d]);
      EXPECT(size == static_cast<double>(v.size) && view_bytes(v) <= kMaxBytes, "%g elements, %ld", size, v.size);
    } catch (const Error&) {
    }
  }
}

}  // namespace

int main() {
  integers();
  flags();
  shapes();
  dtypes();
  noise();
  return harness::report("call_reader");
}
