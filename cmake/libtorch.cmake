# The embedded engine, engine/libtorch, as a library of its own: only what links it needs libtorch.
#   Debian:   apt-get install libtorch-dev libopenblas0-pthread
#   PyTorch:  -DCMAKE_PREFIX_PATH=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')
# PHASEWATT_LIBTORCH: AUTO builds it where libtorch is found, ON fails where it is not, OFF leaves it out. Sanitizers are
# left without: a libtorch that was not built with them raises false alarms. To be included where it is to be built.
set(PHASEWATT_LIBTORCH AUTO CACHE STRING "The embedded engine on libtorch: AUTO, ON or OFF")
set_property(CACHE PHASEWATT_LIBTORCH PROPERTY STRINGS AUTO ON OFF)

if(NOT TARGET phasewatt_engine OR PHASEWATT_LIBTORCH STREQUAL "OFF")
  message(STATUS "phasewatt: the engine on libtorch is switched off")
  return()
endif()
if(PHASEWATT_SANITIZE)
  message(STATUS "phasewatt: the engine on libtorch is left out of a build with sanitizers")
  return()
endif()
# At file scope, because PyTorch's package enables CUDA, which no function can. What it puts into the flags (its own
# architectures) is dropped for what the user set: the kernels include nothing of it.
find_package(Torch QUIET)
unset(CMAKE_CUDA_FLAGS)
if(NOT Torch_FOUND)
  set(phasewatt_hint "libtorch is not found: apt-get install libtorch-dev libopenblas0-pthread, or name PyTorch's in CMAKE_PREFIX_PATH")
  if(PHASEWATT_LIBTORCH STREQUAL "ON")
    message(FATAL_ERROR "phasewatt: ${phasewatt_hint}")
  endif()
  message(STATUS "phasewatt: the engine on libtorch is left out, because ${phasewatt_hint}")
  return()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15 AND Torch_VERSION VERSION_LESS 2)
  # c10::IValue is incomplete where this compiler's C++20 wants it complete.
  message(STATUS "phasewatt: the engine on libtorch is left out: Clang ${CMAKE_CXX_COMPILER_VERSION} cannot read libtorch ${Torch_VERSION} as C++20")
  return()
endif()
if(TARGET torch_cuda)
  # The kernels need what Hopper has; the graph runtime says so on an older card. Not CMAKE_CUDA_ARCHITECTURES, which
  # PyTorch switches off.
  set(PHASEWATT_CUDA_ARCHITECTURES 90 CACHE STRING "CUDA architectures of the embedded engine's kernels")
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
endif()

function(phasewatt_libtorch)
  set(folder ${PROJECT_SOURCE_DIR}/src/phasewatt/engine/libtorch)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${folder}/cuda/*.cpp ${folder}/cuda/*.cu)
  set(with "on the CPU")
  if(TARGET torch_cuda)
    list(REMOVE_ITEM sources ${folder}/no_gpu.cpp)
    list(APPEND sources ${cuda_sources})
    set(with "on the CPU and on GPUs")
  endif()
  message(STATUS "phasewatt: the engine on libtorch is built, with libtorch ${Torch_VERSION}, ${with}")
  add_library(phasewatt_libtorch STATIC ${sources})
  # torch as a target, for the library and for tests that speak torch too.
  add_library(phasewatt_torch INTERFACE)
  # stdc++ first: PyTorch's libtorch.so exports parts of a libstdc++ of its own, among them a std::filesystem::remove_all
  # that does not work with ours.
  target_link_libraries(phasewatt_torch INTERFACE stdc++ ${TORCH_LIBRARIES})
  separate_arguments(flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
  target_compile_options(phasewatt_torch INTERFACE ${flags})
  target_link_libraries(phasewatt_libtorch PUBLIC phasewatt_engine PRIVATE phasewatt_torch)
  # The flags are those of a C++ compiler.
  set(flags $<TARGET_PROPERTY:phasewatt_flags,INTERFACE_COMPILE_OPTIONS>)
  target_compile_options(phasewatt_libtorch PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${flags}>)
  if(TARGET torch_cuda)
    target_link_libraries(phasewatt_libtorch PUBLIC CUDA::cudart)
    # C++17, because CMake 3.25 knows no later one of nvcc's.
    set_target_properties(phasewatt_libtorch PROPERTIES
      CUDA_STANDARD 17 CUDA_ARCHITECTURES "${PHASEWATT_CUDA_ARCHITECTURES}")
  endif()
endfunction()
phasewatt_libtorch()
