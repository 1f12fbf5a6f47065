// The namespace and the function attributes of target-compiled code.
//
// Kernel sources are compiled once per CPU target with different instruction sets. A function with external linkage
// that two of them share would be merged by the linker, and an old processor could meet the newer one's instructions.
// So: plain data lives in `receptive`; every function that kernels use lives in `receptive::RECEPTIVE_TARGET`, a
// namespace that the build names differently for each target (`host` for code outside the targets). Standard algorithms
// (std::max too) stay out of kernel sources for the same reason; test/native/checkSymbols reads the objects and fails
// on a stray symbol.
#pragma once

#ifndef RECEPTIVE_TARGET
#define RECEPTIVE_TARGET host
#endif

// RECEPTIVE_FN: inlined wherever it is used. RECEPTIVE_HOST_FN: the same, and never part of a GPU's kernel.
// RECEPTIVE_COLD: for paths that rarely run, out of line on a CPU. RECEPTIVE_APART: what is long, out of line there
// too.
#ifdef __CUDACC__
#define RECEPTIVE_FN __host__ __device__ __forceinline__
#define RECEPTIVE_HOST_FN __host__ __forceinline__
// A call would take a stack frame and pin the caller's registers: max pooling had 102 registers and a frame of 160
// bytes.
#define RECEPTIVE_COLD __host__ __device__ __forceinline__
#define RECEPTIVE_APART __host__ __device__ __forceinline__
#else
#define RECEPTIVE_FN inline __attribute__((always_inline))
#define RECEPTIVE_HOST_FN RECEPTIVE_FN
#define RECEPTIVE_COLD __attribute__((noinline, cold))
#define RECEPTIVE_APART __attribute__((noinline))
#endif

// After a lambda's parameters: inlined into its caller.
#define RECEPTIVE_INLINE_LAMBDA __attribute__((always_inline))
