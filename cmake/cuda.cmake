# The CUDA backend: object library receptive_cuda with one generated source per op family, compiled by nvcc, and the sources of
# the device and its streams. Sets RECEPTIVE_CUDA_SOURCES and RECEPTIVE_CUDA_OBJECTS for the runtime, or
# RECEPTIVE_NO_CUDA_REASON, what devices() says of CUDA in a build without it.
set(RECEPTIVE_CUDA_ARCHITECTURES "80" CACHE STRING "Compute capabilities to compile for, such as '75;80;90'; PTX of each is kept")
set(RECEPTIVE_CUDART static CACHE STRING "How cudart is linked: static, or shared (for an emulated device)")
set(RECEPTIVE_CUDA_OBJECTS "")

# Whether nvcc is there and compiles and links C++20 with this host compiler; else RECEPTIVE_NO_CUDA_REASON says why not.
function(find_cuda_compiler)
  if(CMAKE_CUDA_COMPILER)
    set(nvcc "${CMAKE_CUDA_COMPILER}")
  elseif(DEFINED ENV{CUDACXX})
    set(nvcc "$ENV{CUDACXX}")
  else()
    find_program(RECEPTIVE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
    mark_as_advanced(RECEPTIVE_NVCC)
    set(nvcc "${RECEPTIVE_NVCC}")
  endif()
  if(NOT nvcc)
    set(RECEPTIVE_NO_CUDA_REASON "no CUDA compiler (nvcc) was found" PARENT_SCOPE)
    return()
  endif()
  set(probe "${CMAKE_CURRENT_BINARY_DIR}/cuda_probe")
  file(WRITE "${probe}.cu" "#include <concepts>
#include <cuda_runtime.h>
template <std::integral T> __global__ void kernel(T* out) { *out = T{1}; }
int main() { kernel<int><<<1, 1>>>(nullptr); return cudaGetLastError() == cudaSuccess ? 0 : 1; }
")
  execute_process(
    COMMAND "${nvcc}" -std=c++20 -ccbin "${CMAKE_CXX_COMPILER}" -cudart static -o "${probe}" "${probe}.cu"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    # Its first line that names an error; the definition of a macro takes it.
    string(REGEX MATCH "[^\n]*([Ee]rror|fatal)[^\n]*" line "${output}")
    string(REGEX REPLACE "[^A-Za-z0-9 .,:()_+/-]" "'" line "${line}")
    set(RECEPTIVE_NO_CUDA_REASON "nvcc does not work with the host compiler: ${line}" PARENT_SCOPE)
    return()
  endif()
  set(CMAKE_CUDA_COMPILER "${nvcc}" CACHE FILEPATH "CUDA compiler")
  set(CMAKE_CUDA_HOST_COMPILER "${CMAKE_CXX_COMPILER}" CACHE FILEPATH "Host compiler of nvcc")
  set(RECEPTIVE_HAS_CUDA TRUE PARENT_SCOPE)
endfunction()

set(RECEPTIVE_HAS_CUDA FALSE)
if(RECEPTIVE_CUDA STREQUAL "OFF")
  set(RECEPTIVE_NO_CUDA_REASON "configured with RECEPTIVE_CUDA=OFF")
elseif(RECEPTIVE_CUDA STREQUAL "AUTO")
  if(CMAKE_CROSSCOMPILING)
    set(RECEPTIVE_NO_CUDA_REASON "compiled for another processor than the compiling one's, RECEPTIVE_CUDA=ON asks for CUDA")
  elseif(RECEPTIVE_SANITIZE)
    set(RECEPTIVE_NO_CUDA_REASON "compiled with sanitizers, RECEPTIVE_CUDA=ON asks for CUDA")
  else()
    find_cuda_compiler()
  endif()
elseif(NOT RECEPTIVE_CUDA MATCHES "^(ON|EMULATED)$")
  message(FATAL_ERROR "RECEPTIVE_CUDA is '${RECEPTIVE_CUDA}'; allowed: AUTO, ON, OFF, EMULATED")
else()
  set(RECEPTIVE_HAS_CUDA TRUE)
endif()

if(NOT RECEPTIVE_HAS_CUDA)
  message(STATUS "CUDA: off, ${RECEPTIVE_NO_CUDA_REASON}")
  return()
endif()

# A device that the host's compiler makes of the same sources, for tests: native/emulation/.
if(RECEPTIVE_CUDA STREQUAL "EMULATED")
  set(RECEPTIVE_CUDA_LEAST 80)
  return()
endif()

if(NOT RECEPTIVE_CUDART MATCHES "^(static|shared)$")
  message(FATAL_ERROR "RECEPTIVE_CUDART is '${RECEPTIVE_CUDART}'; allowed: static, shared")
endif()
set(CMAKE_CUDA_ARCHITECTURES "${RECEPTIVE_CUDA_ARCHITECTURES}")
set(CMAKE_CUDA_RUNTIME_LIBRARY None)  # which one is linked is said once, in CMakeLists.txt
enable_language(CUDA)
message(STATUS "CUDA: on, ${CMAKE_CUDA_COMPILER} for ${RECEPTIVE_CUDA_ARCHITECTURES}")
# CMake 3.25 does not know the flag yet.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
find_package(CUDAToolkit REQUIRED)

# The lowest compute capability of the list, which device() compares a GPU's with.
set(least 0)
foreach(architecture IN LISTS RECEPTIVE_CUDA_ARCHITECTURES)
  string(REGEX MATCH "^[0-9]+" number "${architecture}")
  if(least EQUAL 0 OR number LESS least)
    set(least ${number})
  endif()
endforeach()
set(RECEPTIVE_CUDA_LEAST ${least})
