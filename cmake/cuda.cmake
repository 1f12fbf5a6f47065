# The CUDA backend: object library receptive_cuda with one generated source per op family, compiled by nvcc, and the sources of
# the device and its streams. Sets RECEPTIVE_CUDA_SOURCES and RECEPTIVE_CUDA_OBJECTS for the runtime, or
# RECEPTIVE_NO_CUDA_REASON, what devices() says of CUDA in a build without it.
set(RECEPTIVE_CUDA_ARCHITECTURES "80" CACHE STRING "Compute capabilities to compile for, such as '75;80;90'; PTX of each is kept")
set(RECEPTIVE_CUDART static CACHE STRING "How cudart is linked: static, or shared (for an emulated device)")
set(RECEPTIVE_CUDA_OBJECTS "")

# Families whose bodies run on a GPU so far. Ops of the others are refused there (UnsupportedError).
set(RECEPTIVE_CUDA_FAMILIES matmul conv2d conv3d pool unary activation binary where cast copy creation random dropout one_hot optim reduce softmax loss batch_norm layer_norm local_response_norm gather topk)

set(RECEPTIVE_HAS_CUDA FALSE)
if(RECEPTIVE_CUDA STREQUAL "OFF")
  set(RECEPTIVE_NO_CUDA_REASON "configured with RECEPTIVE_CUDA=OFF")
elseif(RECEPTIVE_CUDA STREQUAL "AUTO")
  # Until the backend has all ops it is built on request only.
  set(RECEPTIVE_NO_CUDA_REASON "the CUDA backend is not complete yet, -DRECEPTIVE_CUDA=ON builds what there is")
elseif(NOT RECEPTIVE_CUDA MATCHES "^(ON|EMULATED)$")
  message(FATAL_ERROR "RECEPTIVE_CUDA is '${RECEPTIVE_CUDA}'; allowed: AUTO, ON, OFF, EMULATED")
else()
  set(RECEPTIVE_HAS_CUDA TRUE)
endif()

if(NOT RECEPTIVE_HAS_CUDA)
  message(STATUS "CUDA: ${RECEPTIVE_NO_CUDA_REASON}")
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
enable_language(CUDA)
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
