// Matrix products: batched matmul with broadcasting of the batch and transposes, and the dense layer y = x * w^T + b.
#pragma once

#include "few_rows.h"
#include "matrix_operand.h"
#include "window.h"

namespace receptive::RECEPTIVE_TARGET {

// Why a call may not leave its product to a library; null if it may, or does not.
RECEPTIVE_HOST_FN const char* check_library(std::int64_t library) {
  if (library < 0 || library >= kProductLibraries) return "unknown library";
  return library == 0 ? nullptr : library_refused();
}

struct MatmulAttrs {
  std::int64_t rank;  // of the batch dimensions, collapsed
  std::int64_t batch[kMaxRank];
  std::int64_t aStrides[kMaxRank];  // elements from one matrix to the next along each batch dimension, 0 to repeat it
  std::int64_t bStrides[kMaxRank];
  std::int64_t m, n, k;
  bool transposeA, transposeB;
  std::int64_t library;  // a ProductLibrary
};

template <class X>
struct MatmulOp {
  using Attrs = MatmulAttrs;
  static constexpr const char* name = "matmul";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(MatmulAttrs, rank),     RECEPTIVE_INTEGER(MatmulAttrs, batch),
                                     RECEPTIVE_INTEGER(MatmulAttrs, aStrides), RECEPTIVE_INTEGER(MatmulAttrs, bStrides),
                                     RECEPTIVE_INTEGER(MatmulAttrs, m),        RECEPTIVE_INTEGER(MatmulAttrs, n),
                                     RECEPTIVE_INTEGER(MatmulAttrs, k),        RECEPTIVE_FLAG(MatmulAttrs, transposeA),
                                     RECEPTIVE_FLAG(MatmulAttrs, transposeB),  RECEPTIVE_INTEGER(MatmulAttrs, library)};
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static std::int64_t items(const MatmulAttrs& a) {
    std::int64_t count = 1;
    for (std::int64_t d = 0; d < a.rank; ++d) count *= a.batch[d];
    return count;
  }

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<MatmulAttrs>(call);
    if (!is_float(call.outputs[0].dtype) || call.inputs[0].dtype != call.outputs[0].dtype ||
        call.inputs[1].dtype != call.outputs[0].dtype) {
      return "tensors must all be float32 or all float64";
    }
    if (const char* why = check_library(a.library)) return why;
    if (a.rank < 0 || a.rank > kMaxRank || !small_count(a.m) || !small_count(a.n) || !small_count(a.k))
      return "a size is out of range";
    std::int64_t count = 1;
    for (std::int64_t d = 0; d < a.rank; ++d) {
      if (!small_count(a.batch[d]) || __builtin_mul_overflow(count, a.batch[d], &count))
        return "a batch size is out of range";
    }
    if (!fits(call.outputs[0].size, count, a.m, a.n)) return "the output has not batch * m * n elements";
    if (count == 0) return nullptr;
    if (!inside(a, a.aStrides, a.m * a.k, call.inputs[0].size)) return "a has fewer elements than batch, m and k need";
    return inside(a, a.bStrides, a.k * a.n, call.inputs[1].size) ? nullptr
                                                                 : "b has fewer elements than batch, k and n need";
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<MatmulAttrs>(call);
    const double bytes = static_cast<double>(element_bytes(call.outputs[0].dtype));
    return Cost{2.0 * static_cast<double>(call.outputs[0].size) * static_cast<double>(a.k),
                static_cast<double>(call.inputs[0].size + call.inputs[1].size + call.outputs[0].size) * bytes};
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<MatmulAttrs>(call);
    std::int64_t bytes = 0;
    if (a.library != 0) return bytes;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      bytes = gemm_workspace<decltype(tag)>(a.m, a.n, a.k, items(a), items(a), threads);
    });
    return bytes;
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<MatmulAttrs>(call);
      const auto* left = static_cast<const T*>(call.inputs[0].data);
      const auto* right = static_cast<const T*>(call.inputs[1].data);
      const BatchOperand<T> rows{
          {left, 1, 0, 0, a.transposeA ? a.m : 1, a.transposeA ? 1 : a.k}, a.rank, a.batch, a.aStrides};
      const BatchOperand<T> columns{
          {right, 1, 0, 0, a.transposeB ? 1 : a.n, a.transposeB ? a.k : 1}, a.rank, a.batch, a.bStrides};
      gemm(executor,
           GemmProblem<T>{a.m,
                          a.n,
                          a.k,
                          items(a),
                          items(a),
                          operand<T>(rows),
                          operand<T>(columns),
                          {static_cast<T*>(call.outputs[0].data), 1, a.m * a.n, 0, a.n, nullptr, nullptr, 0},
                          false,
                          false,
                          static_cast<ProductLibrary>(a.library)},
           executor.workspace());
    });
  }

 private:
  static bool inside(const MatmulAttrs& a, const std::int64_t* strides, std::int64_t matrix, std::int64_t size) {
    std::int64_t last = 0;
    for (std::int64_t d = 0; d < a.rank; ++d) {
      std::int64_t reach = 0;
      if (strides[d] < 0 || __builtin_mul_overflow(a.batch[d] - 1, strides[d], &reach) ||
          __builtin_add_overflow(last, reach, &last)) {
        return false;
      }
    }
    return !__builtin_add_overflow(last, matrix, &last) && last <= size;
  }
};

struct LinearAttrs {
  std::int64_t rows, in, out;
  std::int64_t library;  // a ProductLibrary
};

template <class X>
struct LinearOp {
  using Attrs = LinearAttrs;
  static constexpr const char* name = "linear";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(LinearAttrs, rows), RECEPTIVE_INTEGER(LinearAttrs, in),
                                     RECEPTIVE_INTEGER(LinearAttrs, out), RECEPTIVE_INTEGER(LinearAttrs, library)};
  static constexpr int minInputs = 2, maxInputs = 3, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<LinearAttrs>(call);
    const DType dtype = call.outputs[0].dtype;
    if (!is_float(dtype) || call.inputs[0].dtype != dtype || call.inputs[1].dtype != dtype) {
      return "tensors must all be float32 or all float64";
    }
    if (const char* why = check_library(a.library)) return why;
    if (!fits(call.inputs[0].size, a.rows, a.in)) return "the input has not rows * in elements";
    if (!fits(call.inputs[1].size, a.out, a.in)) return "the weight has not out * in elements";
    if (!fits(call.outputs[0].size, a.rows, a.out)) return "the output has not rows * out elements";
    if (call.inputCount == 3 && (call.inputs[2].dtype != dtype || call.inputs[2].size != a.out))
      return "the bias has not out elements";
    return nullptr;
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<LinearAttrs>(call);
    const double bytes = static_cast<double>(element_bytes(call.outputs[0].dtype));
    return Cost{2.0 * static_cast<double>(call.outputs[0].size) * static_cast<double>(a.in),
                static_cast<double>(call.inputs[0].size + call.inputs[1].size + call.outputs[0].size) * bytes};
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<LinearAttrs>(call);
    std::int64_t bytes = 0;
    if (a.library != 0) return bytes;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if (!FewRows<T>::takes(a.rows, a.out, a.in)) {
        bytes = gemm_workspace<T>(a.rows, a.out, a.in, 1, 1, threads, false, true);
      }
    });
    return bytes;
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<LinearAttrs>(call);
      const MatrixOperand<T> input{static_cast<const T*>(call.inputs[0].data), 1, 0, 0, 1, a.in};
      const MatrixOperand<T> weight{static_cast<const T*>(call.inputs[1].data), 1, 0, 0, 1, a.in};
      const auto* bias = call.inputCount == 3 ? static_cast<const T*>(call.inputs[2].data) : nullptr;
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (a.library == 0 && multiply_few_rows(executor, input.base, weight.base, bias, output, a.rows, a.out, a.in))
        return;
      gemm(executor,
           GemmProblem<T>{a.rows,
                          a.out,
                          a.in,
                          1,
                          1,
                          operand<T>(input),
                          operand<T>(weight),
                          {output, 1, 0, 0, a.out, nullptr, bias, 0},
                          false,
                          true,
                          static_cast<ProductLibrary>(a.library)},
           executor.workspace());
    });
  }
};

template <class X>
using MatmulFamily = Family<X, MatmulOp<X>, LinearOp<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
