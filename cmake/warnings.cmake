# Warnings and sanitizers, for everything that is compiled.
add_library(receptive_warnings INTERFACE)
target_compile_options(receptive_warnings INTERFACE -Wall -Wextra -Werror -Wno-psabi)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(receptive_warnings INTERFACE -Wno-restrict)  # false alarms on std::string (GCC bug 105651)
endif()

if(RECEPTIVE_SANITIZE)
  target_compile_options(receptive_warnings INTERFACE
    -fsanitize=${RECEPTIVE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(receptive_warnings INTERFACE -fsanitize=${RECEPTIVE_SANITIZE})
endif()
