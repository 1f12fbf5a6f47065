# What cuda.cmake began, once the families are known: object library receptive_cuda with one generated source per op family.
if(NOT RECEPTIVE_HAS_CUDA)
  return()
endif()

set(suffix cu)
if(RECEPTIVE_CUDA STREQUAL "EMULATED")
  set(suffix cpp)
endif()
set(sources "${RECEPTIVE_GENERATED}/table.cpp")
foreach(family IN LISTS families)
  string(REPLACE "|" ";" parts "${family}")
  list(GET parts 0 file)
  list(GET parts 1 name)
  set(source "${RECEPTIVE_GENERATED}/cuda/${file}.${suffix}")
  configure_file(cmake/family.cpp.in "${source}" @ONLY)
  list(APPEND sources "${source}")
endforeach()

add_library(receptive_cuda OBJECT ${sources} native/cuda/gemm.cu)
target_compile_definitions(receptive_cuda PRIVATE RECEPTIVE_TARGET=cuda)
# Random numbers and sequences have the same bits on every device: no contraction.
if(RECEPTIVE_CUDA STREQUAL "EMULATED")
  target_sources(receptive_cuda PRIVATE native/emulation/emulator.cpp native/emulation/runtime.cpp)
  target_include_directories(receptive_cuda BEFORE PRIVATE native/emulation)
  target_include_directories(receptive_cuda PRIVATE native native/cuda)
  target_link_libraries(receptive_cuda PRIVATE receptive_warnings)
  target_compile_options(receptive_cuda PRIVATE -ffp-contract=off -Wno-unknown-pragmas -Wno-maybe-uninitialized)
  if(RECEPTIVE_SANITIZE)
    target_compile_options(receptive_cuda PRIVATE -O1)  # as for the CPU's kernels
  endif()
  set_source_files_properties(native/cuda/gemm.cu PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
else()
  target_include_directories(receptive_cuda PRIVATE native native/cuda)
  # 1675: nvcc does not know `#pragma GCC unroll`, which is for the CPU's compiler, nor does that know `#pragma unroll`.
  set(options -diag-suppress=1675 -Werror=all-warnings "SHELL:-Xfatbin -compress-all"
    "SHELL:-Xcompiler -Wall,-Wextra,-Wno-psabi,-Wno-unknown-pragmas,-Werror")
  if(RECEPTIVE_CUDART STREQUAL "shared")
    list(APPEND options -lineinfo)  # for the emulator's reports; the addon would be larger
    # An emulator translates what it runs: products that are written out step by step take it many minutes.
    set_property(SOURCE native/cuda/gemm.cu "${RECEPTIVE_GENERATED}/cuda/conv2d.cu" "${RECEPTIVE_GENERATED}/cuda/conv3d.cu"
                 APPEND PROPERTY COMPILE_DEFINITIONS RECEPTIVE_GEMM_UNROLL=1)
  endif()
  target_compile_options(receptive_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${options}>")
  set_property(SOURCE "${RECEPTIVE_GENERATED}/cuda/random.cu" "${RECEPTIVE_GENERATED}/cuda/creation.cu"
               APPEND PROPERTY COMPILE_OPTIONS --fmad=false)
endif()
list(APPEND RECEPTIVE_CUDA_OBJECTS $<TARGET_OBJECTS:receptive_cuda>)
