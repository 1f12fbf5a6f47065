# What cuda.cmake began, once the families are known.
if(NOT RECEPTIVE_HAS_CUDA)
  return()
endif()

set(sources "")
set(declarations "")
set(calls "")
set(number 0)
foreach(family IN LISTS families)
  string(REPLACE "|" ";" parts "${family}")
  list(GET parts 0 file)
  list(GET parts 1 name)
  if(file IN_LIST RECEPTIVE_CUDA_FAMILIES)
    set(source "${RECEPTIVE_GENERATED}/cuda/${file}.cu")
    configure_file(cmake/family.cpp.in "${source}" @ONLY)
    list(APPEND sources "${source}")
    string(APPEND declarations "OpList ${file}_ops();\n")
    string(APPEND calls "  lists[count++] = cuda::${file}_ops();\n")
  else()
    string(APPEND calls "  lists[count++] = without_run(cpu.families[${number}], kept[${number}]);\n")
  endif()
  math(EXPR number "${number} + 1")
endforeach()
configure_file(cmake/cuda_table.cpp.in "${RECEPTIVE_GENERATED}/cuda_table.cpp" @ONLY)

add_library(receptive_cuda OBJECT ${sources} native/cuda/gemm.cu)
target_include_directories(receptive_cuda PRIVATE native native/cuda)
target_compile_definitions(receptive_cuda PRIVATE RECEPTIVE_TARGET=cuda)
if(RECEPTIVE_CUDART STREQUAL "shared")
  # An emulator translates what it runs: products that are written out step by step take it many minutes.
  set_property(SOURCE native/cuda/gemm.cu "${RECEPTIVE_GENERATED}/cuda/conv2d.cu"
               APPEND PROPERTY COMPILE_DEFINITIONS RECEPTIVE_GEMM_UNROLL=1)
endif()
# 1675: nvcc does not know `#pragma GCC unroll`, which is for the CPU's compiler.
target_compile_options(receptive_cuda PRIVATE
  -lineinfo -diag-suppress=1675 -Werror=all-warnings "SHELL:-Xcompiler -Wall,-Wextra,-Wno-psabi,-Werror")
# Random numbers and sequences have the same bits on every device: no contraction.
set_property(SOURCE "${RECEPTIVE_GENERATED}/cuda/random.cu" "${RECEPTIVE_GENERATED}/cuda/creation.cu"
             APPEND PROPERTY COMPILE_OPTIONS --fmad=false)
list(APPEND RECEPTIVE_CUDA_OBJECTS $<TARGET_OBJECTS:receptive_cuda>)
