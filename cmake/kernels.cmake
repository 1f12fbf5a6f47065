# The op families, compiled once per CPU target: object library receptive_<target> with one generated source per family, and one
# that makes the target's table. Nothing else is compiled with these flags (see native/core/target.h for why).
#
# Sets RECEPTIVE_KERNEL_OBJECTS, RECEPTIVE_TARGETS and RECEPTIVE_GENERATED.

# Rows: namespace | public name | flags. Best first.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(rows
    "x86_64_v4|x86-64-v4|-march=x86-64-v4 -mprefer-vector-width=512"
    "x86_64_v3|x86-64-v3|-march=x86-64-v3"
    "x86_64|x86-64|-march=x86-64")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(rows "arm64|arm64|-march=armv8-a")
else()
  message(FATAL_ERROR "receptive has no CPU target for ${CMAKE_SYSTEM_PROCESSOR}; there are x86_64 and aarch64")
endif()

set(RECEPTIVE_GENERATED "${CMAKE_CURRENT_BINARY_DIR}/generated")
set(RECEPTIVE_TARGETS "")
set(RECEPTIVE_KERNEL_OBJECTS "")
set(RECEPTIVE_KERNEL_OPTIONS
  -fno-exceptions -fno-rtti -fno-math-errno -fno-trapping-math -ffp-contract=fast
  # Nothing unwinds through kernels; the tables would be 6% of the addon.
  $<$<CONFIG:Release>:-fno-asynchronous-unwind-tables>)
if(RECEPTIVE_SANITIZE)
  # GCC contracts a * b + c within a basic block, and instrumentation splits blocks: the same expression would round once in one
  # place and twice in another, where tests compare bits. Without contraction it rounds alike everywhere.
  # With more optimisation, instrumented kernels of convolutions and pooling took ten minutes and more to compile.
  list(APPEND RECEPTIVE_KERNEL_OPTIONS -ffp-contract=off -O1)
endif()

# The families, from the one list of them: rows X(one_hot, OneHot).
set(registry "${CMAKE_CURRENT_SOURCE_DIR}/native/ops/registry.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${registry}")
file(READ "${registry}" text)
string(REGEX MATCHALL "\n +X\\([a-z0-9_]+, [A-Za-z0-9]+\\)" rows_of_families "${text}")
set(families "")
foreach(row IN LISTS rows_of_families)
  string(REGEX REPLACE ".*X\\(([a-z0-9_]+), ([A-Za-z0-9]+)\\)" "\\1|\\2" family "${row}")
  list(APPEND families "${family}")
endforeach()
if(NOT families)
  message(FATAL_ERROR "native/ops/registry.h lists no op family")
endif()

# One source per family, the same for all targets.
set(sources "")
set(declarations "")
set(calls "")
foreach(family IN LISTS families)
  string(REPLACE "|" ";" parts "${family}")
  list(GET parts 0 file)
  list(GET parts 1 name)
  set(source "${RECEPTIVE_GENERATED}/${file}.cpp")
  configure_file(cmake/family.cpp.in "${source}" @ONLY)
  list(APPEND sources "${source}")
  # Bodies spell out their vectors and unrolling, so -O3 adds a third to their size and no speed. Products gain from it:
  # gradients by weight a tenth, and with 32 registers their micro-kernels are spilled at -O2. For the baseline, which few
  # processors run, the addon's size counts more; what matters most of -O3 there is that short loops are taken apart.
  set(options -O2)
  if(file MATCHES "^(conv2d|conv3d|matmul)$")
    set(options $<$<CXX_COMPILER_ID:GNU>:-fpeel-loops;-fsplit-loops;-fsplit-paths>)
  endif()
  if(NOT RECEPTIVE_SANITIZE)
    set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS "$<$<CONFIG:Release>:${options}>")
  endif()
  string(APPEND declarations "OpList ${file}_ops();\n")
  string(APPEND calls "  lists[count++] = ${file}_ops();\n")
endforeach()
list(LENGTH families family_count)
configure_file(cmake/table.cpp.in "${RECEPTIVE_GENERATED}/table.cpp" @ONLY)

set(target_rows "")
foreach(row IN LISTS rows)
  string(REPLACE "|" ";" parts "${row}")
  list(GET parts 0 target)
  list(GET parts 1 public_name)
  list(GET parts 2 flags)
  if(RECEPTIVE_CPU_TARGETS AND NOT public_name IN_LIST RECEPTIVE_CPU_TARGETS)
    continue()
  endif()
  separate_arguments(flags)
  list(APPEND RECEPTIVE_TARGETS ${target})
  set(RECEPTIVE_FLAGS_${target} ${flags})
  add_library(receptive_${target} OBJECT ${sources} "${RECEPTIVE_GENERATED}/table.cpp")
  target_include_directories(receptive_${target} PRIVATE native native/cpu)
  target_compile_definitions(receptive_${target} PRIVATE RECEPTIVE_TARGET=${target})
  target_compile_options(receptive_${target} PRIVATE ${RECEPTIVE_KERNEL_OPTIONS} ${flags})
  if(public_name STREQUAL "x86-64" AND NOT RECEPTIVE_SANITIZE)
    target_compile_options(receptive_${target} PRIVATE $<$<CONFIG:Release>:-O2>)
  endif()
  target_link_libraries(receptive_${target} PRIVATE receptive_warnings)
  list(APPEND RECEPTIVE_KERNEL_OBJECTS $<TARGET_OBJECTS:receptive_${target}>)
  string(APPEND target_rows " \\\n  X(${target}, \"${public_name}\")")
endforeach()
if(NOT RECEPTIVE_TARGETS)
  message(FATAL_ERROR "RECEPTIVE_CPU_TARGETS is '${RECEPTIVE_CPU_TARGETS}', none of which is a target for ${CMAKE_SYSTEM_PROCESSOR}")
endif()
configure_file(cmake/cpu_targets.h.in "${RECEPTIVE_GENERATED}/cpu_targets.h" @ONLY)

# Random numbers and sequences have the same bits on every target and device: no contraction.
set_property(SOURCE "${RECEPTIVE_GENERATED}/random.cpp" "${RECEPTIVE_GENERATED}/creation.cpp"
             APPEND PROPERTY COMPILE_OPTIONS -ffp-contract=off)
