# The addon, receptive.node. Node-API is a C interface with a stable binary form, so headers are all it takes: those of the
# packages node-api-headers and node-addon-api (cmake-js passes their folders), or those of an installed Node
# (-DRECEPTIVE_NODE_DIR, which node-gyp's --nodedir becomes).
set(RECEPTIVE_NODE_DIR "" CACHE PATH "Folder with Node's headers, as node-gyp's --nodedir")

set(modules "")
set(folder "${CMAKE_CURRENT_SOURCE_DIR}")
while(TRUE)
  list(APPEND modules "${folder}/node_modules")
  get_filename_component(parent "${folder}" DIRECTORY)
  if(parent STREQUAL folder)
    break()
  endif()
  set(folder "${parent}")
endwhile()
set(package_includes ${modules})
list(TRANSFORM package_includes APPEND "/node-api-headers/include")
set(addon_includes ${modules})
list(TRANSFORM addon_includes APPEND "/node-addon-api")
set(node_includes "")
if(RECEPTIVE_NODE_DIR)
  list(APPEND node_includes "${RECEPTIVE_NODE_DIR}/include/node" "${RECEPTIVE_NODE_DIR}/src")
endif()

find_path(RECEPTIVE_NODE_API_INCLUDE node_api.h
  PATHS ${node_includes} ${CMAKE_JS_INC} ${package_includes} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
find_path(RECEPTIVE_NODE_ADDON_API_INCLUDE napi.h
  PATHS ${CMAKE_JS_INC} ${addon_includes} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(RECEPTIVE_NODE_API_INCLUDE RECEPTIVE_NODE_ADDON_API_INCLUDE)
if(NOT RECEPTIVE_NODE_API_INCLUDE OR NOT RECEPTIVE_NODE_ADDON_API_INCLUDE)
  message(FATAL_ERROR "The headers of Node-API are not found: run 'npm ci', or give -DRECEPTIVE_NODE_DIR "
    "(and install node-addon-api). To build the C++ tests only: -DRECEPTIVE_BUILD_ADDON=OFF")
endif()

add_library(receptive MODULE
  native/addon/addon.cpp
  native/addon/collectives.cpp
  native/addon/dispatch.cpp
  native/addon/environment.cpp
  native/addon/errors.cpp
  native/addon/tables.cpp
  native/addon/waiting.cpp
  ${RECEPTIVE_OBJECTS})
target_include_directories(receptive SYSTEM PRIVATE
  "${RECEPTIVE_NODE_API_INCLUDE}" "${RECEPTIVE_NODE_ADDON_API_INCLUDE}")
target_compile_definitions(receptive PRIVATE NAPI_VERSION=9 NAPI_CPP_EXCEPTIONS NODE_ADDON_API_DISABLE_DEPRECATED)
target_link_libraries(receptive PRIVATE receptive_warnings Threads::Threads)
set_target_properties(receptive PROPERTIES PREFIX "" SUFFIX ".node")
if(NOT CMAKE_LIBRARY_OUTPUT_DIRECTORY)
  set_target_properties(receptive PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/$<CONFIG>")
endif()

# nodelete: Node unloads an addon when the last worker that loaded it ends, while our threads may still be in its code.
# The C++ library is linked in, and kept to ourselves, so that the addon loads wherever its libc does.
target_link_options(receptive PRIVATE
  -Wl,-z,nodelete -Wl,--gc-sections "-Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map"
  $<$<CONFIG:Release>:-s>)
set_target_properties(receptive PROPERTIES LINK_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map")
target_compile_options(receptive PRIVATE -ffunction-sections -fdata-sections)
if(NOT RECEPTIVE_SANITIZE)
  target_link_options(receptive PRIVATE -static-libstdc++ -static-libgcc)
endif()
