// What the emulated runtime keeps: options from the environment, errors, injected failures.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace receptive::emulation {

struct Options {
  int devices;
  std::size_t memory;  // bytes of each device
  unsigned seed;
};
Options& options();  // tests may change the seed

// Becomes the error that the next cudaGetLastError() tells; a sticky one stays for all calls on the device in use.
void raise(cudaError_t error);
cudaError_t sticky();

// RECEPTIVE_EMULATION_FAIL=NAME:N[+][=ERROR],…: the N-th call of the function (`launch` for kernels) in the process
// gives ERROR, with + all later ones too; without ERROR out of memory for allocations, `usual` for others. Calls are
// counted from where the text has changed, so a test may set process.env between calls.
cudaError_t injected(const char* name, cudaError_t usual);

}  // namespace receptive::emulation
