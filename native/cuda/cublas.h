// cuBLAS, opened at run time: the entry points that are used, as versions 12 and 13 have them. Nothing of its headers
// is compiled in. Matrices are stored by columns there.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "../core/stream.h"
#include "library.h"

namespace receptive {

struct CublasContext;  // the library's own

template <class T>
using CublasMultiply = int(CublasContext*, int transposeA, int transposeB, int rows, int columns, int steps,
                           const T* alpha, const T* a, int columnStrideA, long long strideA, const T* b,
                           int columnStrideB, long long strideB, const T* beta, T* c, int columnStrideC,
                           long long strideC, int count);

struct Cublas {
  LibraryInfo info;
  int (*getProperty)(int property, int* value);
  int (*create)(CublasContext** handle);
  int (*destroy)(CublasContext* handle);
  int (*setStream)(CublasContext* handle, cudaStream_t stream);
  int (*setWorkspace)(CublasContext* handle, void* data, std::size_t bytes);
  int (*setMathMode)(CublasContext* handle, int mode);
  CublasMultiply<float>* multiplyFloat;
  CublasMultiply<double>* multiplyDouble;
};

// Looked for at the first call.
const Cublas& cublas();

// `count` products C = A * B (+ C), each matrix so far from the next one; in column-major terms, as the library takes
// them.
template <class T>
struct ColumnProducts {
  struct Matrix {
    const T* data;
    bool transposed;
    std::int64_t columnStride;
    std::int64_t stride;
  };
  std::int64_t rows, columns, steps;
  Matrix a, b;
  T* c;
  std::int64_t columnStride;
  std::int64_t stride;
  std::int64_t count;
  bool accumulate;
};

// A handle for one stream. Its workspace is memory of the stream's allocator, and always the same, so that the library
// takes no memory of its own and gives equal calls equal bits.
class CublasHandle {
 public:
  // Throws Error(unsupported) where the library is not used.
  CublasHandle(DeviceHealth& health, Stream& owner, cudaStream_t stream);
  ~CublasHandle();
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;

  // `shortMantissas`: float32 may be multiplied as TF32.
  template <class T>
  void multiply(const ColumnProducts<T>& products, bool shortMantissas);

 private:
  void check(int status, const char* call);
  void close() noexcept;

  const Cublas& library_;
  DeviceHealth& health_;
  Stream& owner_;
  CublasContext* handle_ = nullptr;
  Block* workspace_ = nullptr;
  int mathMode_ = -1;  // not set yet
};

}  // namespace receptive
