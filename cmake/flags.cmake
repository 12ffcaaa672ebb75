# Flags every target of the project shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(PHASEWATT_CCACHE ccache)
if(PHASEWATT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PHASEWATT_CCACHE})
endif()

add_library(phasewatt_flags INTERFACE)
target_compile_options(phasewatt_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarm of GCC 12 on std::string concatenation (GCC bug 105651).
  target_compile_options(phasewatt_flags INTERFACE -Wno-restrict)
endif()
if(PHASEWATT_WERROR)
  target_compile_options(phasewatt_flags INTERFACE -Werror)
endif()
if(PHASEWATT_SANITIZE)
  target_compile_options(phasewatt_flags INTERFACE -fsanitize=${PHASEWATT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(phasewatt_flags INTERFACE -fsanitize=${PHASEWATT_SANITIZE})
endif()
