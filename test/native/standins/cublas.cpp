// A stand-in for libcublas: the entry points that native/cuda/cublas.h declares, with plain loops. It refuses what the
// library would, wrong leading dimensions above all, and what this package must not do: to multiply without a stream
// and a workspace of its own, set in that order.
#include <cstdint>
#include <cstring>

#include "standin.h"

namespace {

constexpr int kSuccess = 0, kNotInitialized = 1, kInvalidValue = 7;
constexpr std::uint64_t kMagic = 0x63756c6962000001;

struct Handle {
  std::uint64_t magic = kMagic;
  void* stream = nullptr;
  unsigned char* workspace = nullptr;
  std::size_t bytes = 0;
  int mathMode = 0;
};

bool is_live(const Handle* handle) { return handle != nullptr && handle->magic == kMagic; }

// Ten bits of the mantissa, to the nearest.
double as_tf32(double value) {
  auto single = static_cast<float>(value);
  std::uint32_t bits;
  std::memcpy(&bits, &single, sizeof bits);
  bits = (bits + 0x1000) & ~0x1fffu;
  std::memcpy(&single, &bits, sizeof bits);
  return single;
}

template <class T>
int multiply(const char* name, Handle* handle, int transposeA, int transposeB, int rows, int columns, int steps,
             const T* alpha, const T* a, int lda, long long strideA, const T* b, int ldb, long long strideB,
             const T* beta, T* c, int ldc, long long strideC, int count) {
  if (const int status = standin::begin(name)) return status;
  if (!is_live(handle)) return kNotInitialized;
  const auto at_least = [](int given, int needed) { return given >= (needed > 1 ? needed : 1); };
  const bool valid = (transposeA == 0 || transposeA == 1) && (transposeB == 0 || transposeB == 1) && rows >= 0 &&
                     columns >= 0 && steps >= 0 && count >= 0 && at_least(lda, transposeA == 0 ? rows : steps) &&
                     at_least(ldb, transposeB == 0 ? steps : columns) && at_least(ldc, rows) && alpha != nullptr &&
                     beta != nullptr && a != nullptr && b != nullptr && c != nullptr &&
                     (count == 1 || strideC >= static_cast<long long>(ldc) * columns || columns == 1);
  if (!valid || handle->stream == nullptr || handle->workspace == nullptr) return kInvalidValue;
  std::memset(handle->workspace, 0xff, handle->bytes);
  const bool rounds = sizeof(T) == 4 && handle->mathMode == 3;
  const auto factor = [rounds](T value) { return rounds ? as_tf32(value) : static_cast<double>(value); };
  for (int item = 0; item < count; ++item, a += strideA, b += strideB, c += strideC) {
    for (int j = 0; j < columns; ++j) {
      for (int i = 0; i < rows; ++i) {
        double sum = 0;
        for (int k = 0; k < steps; ++k) {
          const T left = transposeA == 0 ? a[i + std::int64_t{k} * lda] : a[k + std::int64_t{i} * lda];
          const T right = transposeB == 0 ? b[k + std::int64_t{j} * ldb] : b[j + std::int64_t{k} * ldb];
          sum += factor(left) * factor(right);
        }
        T& to = c[i + std::int64_t{j} * ldc];
        to = static_cast<T>(*alpha * sum + (*beta == 0 ? 0 : static_cast<double>(*beta) * to));
      }
    }
  }
  return kSuccess;
}

}  // namespace

STANDIN_EXPORT int cublasGetProperty(int property, int* value) {
  const standin::Version version = standin::version({13, 0, 1});
  const int numbers[] = {version.major, version.minor, version.patch};
  if (property < 0 || property > 2) return kInvalidValue;
  *value = numbers[property];
  return kSuccess;
}

STANDIN_EXPORT int cublasCreate_v2(Handle** handle) {
  if (const int status = standin::begin("cublasCreate_v2")) return status;
  *handle = new Handle;
  return kSuccess;
}

STANDIN_EXPORT int cublasDestroy_v2(Handle* handle) {
  if (const int status = standin::begin("cublasDestroy_v2")) return status;
  if (!is_live(handle)) return kNotInitialized;
  handle->magic = 0;
  delete handle;
  return kSuccess;
}

STANDIN_EXPORT int cublasSetStream_v2(Handle* handle, void* stream) {
  if (const int status = standin::begin("cublasSetStream_v2")) return status;
  if (!is_live(handle)) return kNotInitialized;
  handle->stream = stream;
  handle->workspace = nullptr;  // as the library does
  return kSuccess;
}

#ifndef STANDIN_INCOMPLETE
STANDIN_EXPORT int cublasSetWorkspace_v2(Handle* handle, void* data, std::size_t bytes) {
  if (const int status = standin::begin("cublasSetWorkspace_v2")) return status;
  if (!is_live(handle)) return kNotInitialized;
  if (data == nullptr || reinterpret_cast<std::uintptr_t>(data) % 256 != 0) return kInvalidValue;
  handle->workspace = static_cast<unsigned char*>(data);
  handle->bytes = bytes;
  return kSuccess;
}
#endif

STANDIN_EXPORT int cublasSetMathMode(Handle* handle, int mode) {
  if (const int status = standin::begin("cublasSetMathMode")) return status;
  if (!is_live(handle)) return kNotInitialized;
  if (mode != 0 && mode != 2 && mode != 3) return kInvalidValue;
  handle->mathMode = mode;
  return kSuccess;
}

STANDIN_EXPORT int cublasSgemmStridedBatched(Handle* handle, int transposeA, int transposeB, int rows, int columns,
                                             int steps, const float* alpha, const float* a, int lda, long long strideA,
                                             const float* b, int ldb, long long strideB, const float* beta, float* c,
                                             int ldc, long long strideC, int count) {
  return multiply("cublasSgemmStridedBatched", handle, transposeA, transposeB, rows, columns, steps, alpha, a, lda,
                  strideA, b, ldb, strideB, beta, c, ldc, strideC, count);
}

STANDIN_EXPORT int cublasDgemmStridedBatched(Handle* handle, int transposeA, int transposeB, int rows, int columns,
                                             int steps, const double* alpha, const double* a, int lda,
                                             long long strideA, const double* b, int ldb, long long strideB,
                                             const double* beta, double* c, int ldc, long long strideC, int count) {
  return multiply("cublasDgemmStridedBatched", handle, transposeA, transposeB, rows, columns, steps, alpha, a, lda,
                  strideA, b, ldb, strideB, beta, c, ldc, strideC, count);
}
